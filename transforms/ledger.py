"""The ledger: what has been bought, and what is being bought, as files that outlive any crash.

Below `ledger/<first 2 digits of the key>/`:

- `<key>.intent-<attempt>.json` is created before each call, only if absent: who gets to create it may send.
- `<key>.json`, the outcome, is written after the images; from then on the call is never sent again.

A call whose intent exists without an outcome is being bought by a living worker, was never billed (that is written into
the intent), or is in doubt: its worker died with the call in flight, and nobody can know whether it was billed.
"""

import json
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

from beam_image_edit.transforms.outcomes import FAILED, IN_DOUBT
from beam_image_edit.transforms.owners import Owner, is_alive, this_process
from beam_image_edit.transforms.records import Attempt, Billed, Record
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)
_SENT = 'sent'
# Tokens of the claims whose calls this process has in flight. A claim of this process that is not among them belongs to
# work that was given up, and nobody else would ever finish it. (Adding to and taking from a set is atomic.)
_live_tokens: set[str] = set()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one attempt of a call.

    Attributes:
        key: the request key.
        number: the attempt's number, over all runs.
        earlier: the attempts before it.
        token: tells this claim from every other one.
    """

    key: str
    number: int
    earlier: tuple[Attempt, ...]
    token: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another living worker is buying this call."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A dead worker had this call in flight; it may have been billed, and the user wants it left alone."""

    attempts: tuple[Attempt, ...]


class Ledger:
    """The purchases below one cache path; safe to share between threads, processes and hosts.

    Args:
        storage: the cache path.
        run_id: of this run.
        call_timeout_s: how long a call can take at the most; a claim of a process on another host lives no longer.
        is_retrying_in_doubt: whether a call in doubt is sent again.
    """

    def __init__(self, storage: Storage, run_id: str, call_timeout_s: float, is_retrying_in_doubt: bool = True) -> None:
        self._storage = storage
        self._run_id = run_id
        self._call_timeout_s = call_timeout_s
        self._is_retrying_in_doubt = is_retrying_in_doubt

    def find(self, key: str) -> Record | None:
        """The outcome of a call; None if there is none, or none that can be read (which is then in doubt)."""
        path = ledger_path(key)
        content = self._storage.read(path)
        if content is None:
            return None
        try:
            return Record.from_json(content)
        except ValueError as error:
            _log.warning('%s can not be read and counts as in doubt: %s', self._storage.url(path), error)
            return None

    def claim(self, key: str) -> Claim | Record | Busy | InDoubt:
        """Tries to get the right to send a call.

        Returns:
            A Claim: send it, then `settle` or `release` it. A Record: it has been bought meanwhile. Busy: wait and try
            again. InDoubt: leave it.
        """
        earlier: list[Attempt] = []
        while True:
            number = len(earlier) + 1
            claim = self._create_intent(key, number, tuple(earlier))
            if claim is None:
                intent = self._read_intent(key, number)
                if intent['state'] == _SENT and self._is_owner_alive(intent):
                    return Busy()
            record = self.find(key)
            if record and not is_open(record, self._run_id):
                if claim:
                    self.release(claim, 'no', 'already bought')
                return record
            if claim:
                return claim
            earlier.append(_attempt_of(number, intent))
            if earlier[-1].billed == 'maybe' and not self._is_retrying_in_doubt:
                return InDoubt(tuple(earlier))

    def settle(self, record: Record, claim: Claim) -> None:
        """Writes the outcome of a claimed call; its images must be stored by now."""
        self._storage.write(ledger_path(record.key), record.to_json())
        _live_tokens.discard(claim.token)

    def release(self, claim: Claim, billed: Billed, error: str) -> None:
        """Writes into a claimed call's intent how it failed, so that nobody has to doubt it or wait for it."""
        intent = self._new_intent(claim.number, claim.token)
        intent |= {'state': 'failed', 'billed': billed, 'error': error}
        self._storage.write(_intent_path(claim.key, claim.number), _to_json(intent))
        _live_tokens.discard(claim.token)

    def _create_intent(self, key: str, number: int, earlier: tuple[Attempt, ...]) -> Claim | None:
        token = uuid.uuid4().hex
        _live_tokens.add(token)
        is_ours = False
        try:
            is_ours = self._storage.create(_intent_path(key, number), _to_json(self._new_intent(number, token)))
        finally:
            if not is_ours:
                _live_tokens.discard(token)
        return Claim(key, number, earlier, token) if is_ours else None

    def _new_intent(self, number: int, token: str) -> dict[str, Any]:
        return {
            'attempt': number,
            'run_id': self._run_id,
            'owner': this_process().to_json(),
            'token': token,
            'expires_at': time.time() + self._call_timeout_s + 60,
            'state': _SENT,
        }

    def _read_intent(self, key: str, number: int) -> dict[str, Any]:
        path = _intent_path(key, number)
        content = self._storage.read(path) or b''
        try:
            return {'state': _SENT, **json.loads(content)}
        except (ValueError, TypeError):
            _log.warning('%s can not be read; its call counts as in doubt', self._storage.url(path))
            return {'state': _SENT}

    def _is_owner_alive(self, intent: dict[str, Any]) -> bool:
        try:
            owner = Owner(**intent['owner'])
            expires_at = float(intent['expires_at'])
        except (TypeError, KeyError, ValueError):
            return False
        if owner == this_process():
            return intent.get('token') in _live_tokens
        return is_alive(owner, expires_at)


def is_open(record: Record, run_id: str) -> bool:
    """Whether a call is still to be bought in spite of its record: an earlier run's failure is tried again."""
    return record.status in (FAILED, IN_DOUBT) and record.run_id != run_id


def _attempt_of(number: int, intent: dict[str, Any]) -> Attempt:
    if intent['state'] == _SENT:
        return Attempt(number, str(intent.get('run_id')), 'maybe', 'its worker died with the call in flight')
    return Attempt(number, str(intent.get('run_id')), intent.get('billed', 'maybe'), intent.get('error'))


def ledger_path(key: str) -> str:
    """Where a call's outcome is, below the cache path."""
    return f'ledger/{key[:2]}/{key}.json'


def _intent_path(key: str, number: int) -> str:
    return f'ledger/{key[:2]}/{key}.intent-{number}.json'


def _to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(',', ':')).encode()
