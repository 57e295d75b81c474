"""The ledger on stores that lose answers, fail at a write or show what was: none of it makes a call be sent twice."""

import json
import uuid
from typing import ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from beam_image_edit.transforms import ledger as ledger_module
from beam_image_edit.transforms.claims import Busy
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.storage import Storage
from tests.ledger_calls import GIVEN_UP, KEY, LOST, claimed, intent_path, record_of


class Odd(MemoryFileSystem):
    """A store as they are, with what happens to it between two requests."""

    protocol = 's3'
    refusals: ClassVar = set()
    failures: ClassVar = set()
    earlier: ClassVar = {}

    def pipe_file(self, path, value, mode='overwrite', **_):
        if path.rpartition('/')[2] in self.failures:
            raise RuntimeError('the store is on fire')
        super().pipe_file(path, value, mode=mode)
        if path.rpartition('/')[2] in self.refusals:
            # Its answer was lost, the client sent the request again, and the store refused the second one.
            raise FileExistsError(path)

    def cat_file(self, path, start=None, end=None, **_):
        earlier = self.earlier.get(path.rpartition('/')[2])
        if not earlier:
            return super().cat_file(path, start, end)
        content = earlier.pop()
        if content is None:
            raise FileNotFoundError(path)
        return content


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setitem(_registry, 's3', Odd)
    for name, empty in (('refusals', set()), ('failures', set()), ('earlier', {})):
        monkeypatch.setattr(Odd, name, empty)
    monkeypatch.setattr(ledger_module, '_live_tokens', set())
    return Storage(f's3://{uuid.uuid4().hex}')


@pytest.mark.parametrize('number', [1, 2])
def test_a_creation_that_the_client_sent_twice_is_ours(odd, number):
    ledger = Ledger(odd, 'run', 30)
    for _ in range(1, number):
        ledger.release(claimed(ledger), 'no', 'HTTP 429')
    Odd.refusals.add(f'{KEY}.intent-{number}.json')
    claim = claimed(ledger)
    assert (claim.number, len(claim.earlier)) == (number, number - 1)
    assert ledger.claim(KEY) == Busy()


def test_a_claim_that_can_not_be_written_is_nobodys(odd):
    ledger = Ledger(odd, 'run', 30)
    Odd.failures.add(f'{KEY}.intent-1.json')
    with pytest.raises(StorageError, match='the store is on fire'):
        ledger.claim(KEY)
    assert not ledger_module._live_tokens


def test_an_outcome_that_can_not_be_written_stays_claimed_until_it_is_given_up(odd):
    ledger = Ledger(odd, 'run', 30)
    claim = claimed(ledger)
    Odd.failures.add(f'{KEY}.json')
    with pytest.raises(StorageError, match='the store is on fire'):
        ledger.settle(record_of(claim), claim)
    assert ledger.claim(KEY) == Busy()
    ledger.abandon(claim)
    assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', GIVEN_UP),)


def test_a_claim_can_be_given_up_though_the_store_fails(odd, caplog):
    ledger = Ledger(odd, 'run', 30)
    claim = claimed(ledger)
    Odd.failures.add(f'{KEY}.intent-1.json')
    ledger.abandon(claim)
    assert 'other processes will wait for this one to end' in caplog.text
    Odd.failures.clear()
    assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', LOST),)


def test_an_owner_that_ends_after_it_was_looked_at_is_not_taken_for_a_crashed_one(odd):
    ledger = Ledger(odd, 'run', 30)
    claim = claimed(ledger)
    ledger.release(claim, 'no', 'HTTP 429')
    # As read just before the release; the owner is gone by the time that it is looked for.
    Odd.earlier[f'{KEY}.intent-1.json'] = [claim.intent.to_json()]
    assert claimed(ledger).earlier == (Attempt(1, 'run', 'no', 'HTTP 429'),)


def test_an_outcome_that_comes_late_is_found_and_the_new_claim_is_marked_as_not_sent(odd):
    ledger = Ledger(odd, 'run', 30)
    claim = claimed(ledger)
    record = record_of(claim, 'failed', 'no', 'HTTP 400')
    ledger.settle(record, claim)
    Odd.earlier[f'{KEY}.json'] = [None]
    assert ledger.claim(KEY) == record
    assert json.loads(odd.read(intent_path(2)))['state'] == 'unsent'
    claim = claimed(Ledger(odd, 'another', 30))
    assert (claim.number, claim.earlier) == (3, record.attempts)
