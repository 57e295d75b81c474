"""What a budget asks of the ledger: all that was ever sent, and nothing sent twice by one run."""

import pytest

from beam_image_edit.transforms.claims import Claim, InDoubt
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

KEY = 'ab' * 32


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


def ledger_of(storage, run_id, **more):
    return Ledger(storage, run_id, 30, **more)


def test_run_on_a_budget_leaves_alone_what_it_sent_itself(storage):
    claim = ledger_of(storage, 'run').claim(KEY)
    ledger_of(storage, 'run').abandon(claim)
    again = ledger_of(storage, 'run', is_on_budget=True).claim(KEY)
    assert isinstance(again, InDoubt)
    assert [attempt.billed for attempt in again.attempts] == ['maybe']


def test_run_on_a_budget_takes_up_what_an_earlier_run_sent(storage):
    earlier = ledger_of(storage, 'earlier', is_on_budget=True)
    earlier.abandon(earlier.claim(KEY))
    later = ledger_of(storage, 'run', is_on_budget=True)
    claim = later.claim(KEY)
    assert isinstance(claim, Claim)
    later.abandon(claim)


def test_run_on_a_budget_tries_clean_failures_again(storage):
    ledger = ledger_of(storage, 'run', is_on_budget=True)
    ledger.release(ledger.claim(KEY), 'no', 'HTTP 429', 0.0)
    claim = ledger.claim(KEY)
    assert isinstance(claim, Claim)
    ledger.abandon(claim)


def test_every_attempt_is_told_with_what_was_at_stake(storage):
    ledger = ledger_of(storage, 'run')
    first = ledger.claim(KEY, stake=Stake(None, 3.93, 2))
    ledger.release(first, 'maybe', 'timed out')
    second = ledger.claim(KEY, stake=Stake(None, 3.93, 2))
    attempts = (*second.earlier, Attempt(2, 'run', 'yes', None, 0.14, 3.93, 2))
    ledger.settle(Record(KEY, 'edited', None, 'sample_0', 'run', 'gemini', 'any', attempts=attempts), second)
    lost = ledger.claim('cd' * 32, stake=Stake(0.04, 0.04, 1))
    assert ledger.list_calls('ab') == {KEY: {1, 2}}
    assert ledger.attempts(KEY, {1, 2}) == [Attempt(1, 'run', 'maybe', 'timed out', None, 3.93, 2), attempts[1]]
    (in_flight,) = ledger.attempts('cd' * 32, {1})
    assert (in_flight.billed, in_flight.cost_usd) == ('maybe', 0.04)
    ledger.abandon(lost)


def test_claim_that_was_not_used_has_cost_nothing(storage):
    intent = ledger_of(storage, 'run').claim(KEY, stake=Stake(0.04, 0.04, 1)).intent
    assert intent.unsent().to_attempt() == Attempt(1, 'run', 'no', None, 0.0, 0.04, 1)


def test_other_files_are_no_calls(storage):
    for name in ('readme.txt', f'{KEY}.json.bak', f'{KEY[:10]}.json', f'{KEY}.intent-0.json', f'{KEY}.intent-x.json'):
        storage.write(f'ledger/ab/{name}', b'{}')
    assert ledger_of(storage, 'run').list_calls('ab') == {}
    assert ledger_of(storage, 'run').list_calls('00') == {}
