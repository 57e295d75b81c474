"""The ledger: what has been bought, and what is being bought, as files that outlive any crash.

Below `ledger/<first 2 digits of the key>/`:

- `<key>.intent-<attempt>.json` is created before each call, only if absent: who gets to create it may send.
- `<key>.json`, the outcome, is written after the images; from then on the call is never sent again.

A call whose intent exists without an outcome is being bought by a living worker, was never billed (that is written into
the intent), or is in doubt: its worker died with the call in flight, and nobody can know whether it was billed.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

from beam_image_edit.transforms.claims import Busy, Claim, InDoubt
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.intents import Intent, Stake
from beam_image_edit.transforms.notice import Notice
from beam_image_edit.transforms.outcomes import FAILED, IN_DOUBT
from beam_image_edit.transforms.owners import is_alive, this_process
from beam_image_edit.transforms.records import Attempt, Billed, Record
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)
# How long after its time limits a call may still be on its way into the ledger.
_GRACE_S = 60.0
_NOTHING_KNOWN = Stake()
_READERS = 16
FOLDERS = tuple(f'{number:02x}' for number in range(256))
_LEDGER_FILE = re.compile(r'(?P<key>[0-9a-f]{64})(\.intent-(?P<number>[1-9]\d{0,8}))?\.json')
# Tokens of the claims whose calls this process has in flight. A claim of this process that is not among them belongs to
# work that was given up, and nobody else would ever finish it. (Adding to and taking from a set is atomic.)
_live_tokens: set[str] = set()


class Ledger:
    """The purchases below one cache path; safe to share between threads, processes and hosts.

    Args:
        storage: the cache path.
        run_id: of this run.
        call_timeout_s: how long a call can take at the most; a claim of a process on another host lives no longer.
        is_retrying_in_doubt: whether a call in doubt is sent again.
        is_on_budget: whether nothing that this run sent, and that may have been billed, is sent again by it.
    """

    def __init__(
        self,
        storage: Storage,
        run_id: str,
        call_timeout_s: float,
        is_retrying_in_doubt: bool = True,
        is_on_budget: bool = False,
    ) -> None:
        self._storage = storage
        self._run_id = run_id
        self._unreleased = Notice(_log, 'other processes will wait for this one to end: %s')
        self._call_timeout_s = call_timeout_s
        self._is_retrying_in_doubt = is_retrying_in_doubt
        self._is_on_budget = is_on_budget

    def find(self, key: str) -> Record | None:
        """The outcome of a call; None if there is none, or none that can be read (which is then in doubt)."""
        path = ledger_path(key)
        content = self._storage.read(path)
        if content is None:
            return None
        try:
            record = Record.from_json(content)
            if record.key != key:
                raise ValueError(f'it is the record of {record.key}')
        except ValueError as error:
            _log.warning('%s can not be read and counts as in doubt: %s', self._storage.url(path), error)
            return None
        return record

    def list_calls(self, folder: str) -> Mapping[str, Collection[int]]:
        """The calls in one of FOLDERS: their keys, each with the numbers of its attempts."""
        calls: dict[str, set[int]] = {}
        for name in self._storage.list(f'ledger/{folder}'):
            if found := _LEDGER_FILE.fullmatch(name):
                calls.setdefault(found['key'], set()).update([int(found['number'])] if found['number'] else [])
        return calls

    def all_attempts(self) -> Iterator[Attempt]:
        """Every time that any call was sent, in no order; the ledger is read by several threads."""
        with ThreadPoolExecutor(_READERS) as readers:
            for attempts in readers.map(self._attempts_in, FOLDERS):
                yield from attempts

    def _attempts_in(self, folder: str) -> list[Attempt]:
        calls = self.list_calls(folder).items()
        return [attempt for key, numbers in calls for attempt in self.attempts(key, numbers)]

    def attempts(self, key: str, numbers: Iterable[int]) -> list[Attempt]:
        """Every time that a call was sent, given the numbers of its attempts as `list_calls` tells them."""
        record = self.find(key)
        told = {attempt.number: attempt for attempt in record.attempts} if record else {}
        untold = {number: self._read_intent(key, number) for number in numbers if number not in told}
        return [*told.values(), *(intent.to_attempt() for intent in untold.values())]

    def find_doubt(self, key: str) -> tuple[Attempt, ...]:
        """Every time that a call without a record was sent; none unless one may be billed, and nobody sends it now."""
        attempts: list[Attempt] = []
        for number in count(1):
            if self._storage.size(_intent_path(key, number)) is None:
                break
            intent = self._read_intent(key, number)
            if intent.state == 'sent' and self._is_owner_alive(intent):
                return ()
            if intent.state != 'unsent':
                attempts.append(intent.to_attempt())
        return tuple(attempts) if any(attempt.billed == 'maybe' for attempt in attempts) else ()

    def claim(
        self,
        key: str,
        reopens: Callable[[Record], bool] | None = None,
        stake: Stake = _NOTHING_KNOWN,
        name: str = '',
    ) -> Claim | Record | Busy | InDoubt:
        """Tries to get the right to send a call.

        Args:
            key: the request key.
            reopens: whether a call is to be bought in spite of its record; if None, `is_open` says so.
            stake: what the call can cost.
            name: the sample's, for the images.

        Returns:
            A Claim: send it, then `settle` or `release` it, and in the end `abandon` it. A Record: it has been bought
            meanwhile. Busy: wait and try again. InDoubt: leave it.
        """
        token = uuid.uuid4().hex
        _live_tokens.add(token)
        is_claimed = False
        try:
            mine = self._new_intent(token, stake, name)
            answer = self._claim(key, mine, reopens or (lambda record: is_open(record, self._run_id)))
            is_claimed = isinstance(answer, Claim)
            return answer
        finally:
            if not is_claimed:
                _live_tokens.discard(token)

    def settle(self, record: Record, claim: Claim) -> None:
        """Writes the outcome of a claimed call; its images must be stored by now."""
        self._storage.write(ledger_path(record.key), record.to_json())
        _live_tokens.discard(claim.intent.token)

    def release(self, claim: Claim, billed: Billed, error: str, cost_usd: float | None = None) -> None:
        """Writes into a claimed call's intent how it failed, so that nobody has to doubt it or wait for it."""
        self._write_intent(claim.key, claim.intent.failed(billed, error, cost_usd))
        _live_tokens.discard(claim.intent.token)

    def abandon(self, claim: Claim) -> None:
        """Gives a claim up: unless it was settled or released, its call is in doubt from now on, and nobody waits."""
        if claim.intent.token not in _live_tokens:
            return
        try:
            reason = 'its worker gave up before the outcome was stored'
            self.release(claim, 'maybe', reason, claim.intent.cost_usd)
        except StorageError as error:
            self._unreleased.give(error)
        finally:
            _live_tokens.discard(claim.intent.token)

    def is_taken_over(self, claim: Claim) -> bool:
        """Whether another worker took this one for dead and sends the call again; then what it brings is what counts.

        That can happen to a host that was suspended for longer than a call can take, or whose clock is wrong.
        """
        return self._storage.size(_intent_path(claim.key, claim.number + 1)) is not None

    def _claim(self, key: str, claimed: Intent, reopens: Callable[[Record], bool]) -> Claim | Record | Busy | InDoubt:
        earlier: list[Attempt] = []
        left_name: str | None = None
        for number in count(1):
            mine = claimed if number == 1 else replace(claimed, attempt=number)
            met, is_in_flight = mine, False
            if not self._storage.create(_intent_path(key, number), mine.to_json()):
                met, is_in_flight = self._look_at(key, number, mine.token)
            is_mine = met.token == mine.token
            if is_mine and number == 1:
                return Claim(key, mine, ())  # so nobody ever sent it, and there is no outcome to look for
            # Only now: whoever ended after being looked at has left an outcome by then.
            try:
                record = self.find(key)
            except StorageError:
                if is_mine:
                    self._write_intent(key, mine.unsent())
                raise
            if record and not reopens(record):
                if is_mine:
                    self._write_intent(key, mine.unsent())
                return record
            if is_mine:
                return Claim(key, mine, tuple(earlier), left_name)
            told = {attempt.number: attempt for attempt in record.attempts} if record else {}
            if is_in_flight and number not in told:
                return Busy()
            if met.state == 'unsent':
                continue
            earlier.append(told.get(number) or met.to_attempt())
            left_name = left_name or met.name or None
            if self._is_left_alone(earlier[-1], met):
                return InDoubt(tuple(earlier))
        raise AssertionError('numbers have no end')

    def _look_at(self, key: str, number: int, token: str) -> tuple[Intent, bool]:
        """An intent that is there already, and whether its call is in flight."""
        intent = self._read_intent(key, number)
        if intent.state != 'sent' or intent.token == token:
            # With our own token: the store's client sent our creation twice, and the second one was refused.
            return intent, False
        if self._is_owner_alive(intent):
            return intent, True
        # Its owner may have written how the call failed between the two looks.
        return self._read_intent(key, number), False

    def _is_owner_alive(self, intent: Intent) -> bool:
        if intent.owner is None:
            return False
        if intent.owner == this_process():
            return intent.token in _live_tokens
        return is_alive(intent.owner, intent.expires_at)

    def _is_left_alone(self, attempt: Attempt, intent: Intent) -> bool:
        """Whether this attempt is not to be followed by another one."""
        if attempt.billed != 'maybe':
            return False
        is_own = intent.run_id == self._run_id
        if is_own and self._is_on_budget:
            return True
        is_own_retry = is_own and intent.state == 'failed'
        return not self._is_retrying_in_doubt and not is_own_retry

    def _new_intent(self, token: str, stake: Stake, name: str) -> Intent:
        return Intent(
            attempt=1,
            run_id=self._run_id,
            owner=this_process(),
            token=token,
            expires_at=time.time() + self._call_timeout_s + _GRACE_S,
            cost_usd=stake.cost_usd,
            reserved_usd=stake.reserved_usd,
            images_asked=stake.images_asked,
            name=name,
        )

    def _read_intent(self, key: str, number: int) -> Intent:
        path = _intent_path(key, number)
        try:
            return Intent.from_json(self._storage.read(path) or b'')
        except ValueError as error:
            _log.warning('%s can not be read; its call counts as in doubt: %s', self._storage.url(path), error)
            return Intent.unreadable(number)

    def _write_intent(self, key: str, intent: Intent) -> None:
        self._storage.write(_intent_path(key, intent.attempt), intent.to_json())


def is_open(record: Record, run_id: str, retried: Container[str] = (FAILED, IN_DOUBT)) -> bool:
    """Whether a call is still to be bought in spite of its record: an earlier run's failure is tried again.

    Args:
        record: what the ledger has of the call.
        run_id: of this run, which takes up nothing of its own.
        retried: the statuses that are tried again.
    """
    return record.status in retried and record.run_id != run_id


def ledger_path(key: str) -> str:
    """Where a call's outcome is, below the cache path."""
    return f'ledger/{key[:2]}/{key}.json'


def _intent_path(key: str, number: int) -> str:
    return f'ledger/{key[:2]}/{key}.intent-{number}.json'
