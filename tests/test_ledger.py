"""The ledger in one process: a call is bought once, and whatever became of it earlier is known before it is sent.

Other runs and hosts are played by ledgers of their own on the same storage; real processes are in
`test_ledger_processes`, stores that misbehave in `test_ledger_stores`.
"""

import logging
import threading
import time
import uuid
from collections import Counter
from dataclasses import replace

import pytest

from beam_image_edit.transforms.claims import Busy, Claim, InDoubt
from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.ledger import Ledger, is_open, ledger_path
from beam_image_edit.transforms.owners import this_process
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.storage import Storage
from tests.ledger_calls import GIVEN_UP, KEY, LOST, claimed, crash, intent_path, record_of


@pytest.fixture(params=['local', 'memory'])
def storage(request, tmp_path):
    return Storage(str(tmp_path) if request.param == 'local' else f'memory://{uuid.uuid4().hex}')


@pytest.fixture
def ledger(storage):
    return Ledger(storage, 'run', 30)


def intents(storage):
    return [name for name in storage.list('ledger/ab') if 'intent' in name]


# This run


def test_nothing_is_found_before_it_is_bought(ledger):
    assert ledger.find(KEY) is None


def test_a_settled_call_is_found_and_never_claimed_again(ledger, storage):
    claim = claimed(ledger)
    assert (claim.number, claim.earlier) == (1, ())
    record = record_of(claim)
    ledger.settle(record, claim)
    for run_id in ('run', 'another'):
        again = Ledger(storage, run_id, 30)
        assert again.find(KEY) == again.claim(KEY) == record
    assert intents(storage) == [f'{KEY}.intent-1.json']


def test_a_call_in_flight_is_busy_until_it_is_settled(ledger, storage):
    claim = claimed(ledger)
    for _ in range(3):
        assert ledger.claim(KEY) == Busy()
        assert Ledger(storage, 'another', 30).claim(KEY) == Busy()
    ledger.settle(record_of(claim), claim)
    assert ledger.claim(KEY) == record_of(claim)


@pytest.mark.parametrize('billed', ['no', 'maybe'])
def test_a_released_call_can_be_claimed_again_and_tells_how_it_failed(ledger, billed):
    for number in range(1, 4):
        claim = claimed(ledger)
        assert claim.number == number
        assert claim.earlier == tuple(Attempt(earlier, 'run', billed, 'timed out') for earlier in range(1, number))
        ledger.release(claim, billed, 'timed out')
    assert ledger.find(KEY) is None


def test_a_call_that_was_given_up_is_in_doubt(ledger):
    ledger.abandon(claimed(ledger))
    claim = claimed(ledger)
    assert (claim.number, claim.earlier) == (2, (Attempt(1, 'run', 'maybe', GIVEN_UP),))


def test_a_call_whose_worker_is_gone_is_in_doubt(ledger):
    crash(claimed(ledger))
    claim = claimed(ledger)
    assert (claim.number, claim.earlier) == (2, (Attempt(1, 'run', 'maybe', LOST),))


@pytest.mark.parametrize('end', ['settle', 'release'])
def test_giving_up_what_has_ended_changes_nothing(ledger, end):
    claim = claimed(ledger)
    if end == 'settle':
        ledger.settle(record_of(claim), claim)
    else:
        ledger.release(claim, 'no', 'HTTP 429')
    ledger.abandon(claim)
    after = ledger.claim(KEY)
    assert after == record_of(claim) if end == 'settle' else after.earlier == (Attempt(1, 'run', 'no', 'HTTP 429'),)


def test_one_of_16_threads_gets_the_claim(ledger):
    barrier = threading.Barrier(16)
    answers = []

    def race():
        barrier.wait()
        answers.append(ledger.claim(KEY))

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(type(answer) for answer in answers) == {Claim: 1, Busy: 15}


def test_a_claim_says_when_it_expires(ledger, storage):
    claim = claimed(ledger)
    written = Intent.from_json(storage.read(intent_path(1)))
    assert written == claim.intent
    assert 85 < written.expires_at - time.time() <= 90
    assert written.owner == this_process()


# Other runs


@pytest.mark.parametrize(
    ('status', 'run_id', 'expected'),
    [
        ('edited', 'run', False),
        ('edited', 'earlier', False),
        ('refused', 'earlier', False),
        ('no_image', 'earlier', False),
        ('failed', 'run', False),
        ('failed', 'earlier', True),
        ('in_doubt', 'run', False),
        ('in_doubt', 'earlier', True),
    ],
)
def test_is_open(ledger, status, run_id, expected):
    assert is_open(record_of(claimed(ledger), status, run_id=run_id), 'run') is expected


def test_an_earlier_runs_failure_is_tried_again_with_its_attempts_as_its_record_tells_them(storage, ledger):
    earlier = Ledger(storage, 'earlier', 30)
    claim = claimed(earlier)
    earlier.settle(record_of(claim, 'failed', 'no', 'HTTP 400', run_id='earlier'), claim)
    claim = claimed(ledger)
    assert (claim.number, claim.earlier) == (2, (Attempt(1, 'earlier', 'no', 'HTTP 400'),))
    ledger.settle(record_of(claim), claim)
    assert [attempt.number for attempt in ledger.find(KEY).attempts] == [1, 2]


def test_a_failure_is_not_tried_again_by_its_own_run(ledger):
    claim = claimed(ledger)
    record = record_of(claim, 'failed', 'no', 'HTTP 400')
    ledger.settle(record, claim)
    assert ledger.claim(KEY) == record


def test_in_doubt_calls_can_be_left_alone(storage, ledger):
    crash(claimed(ledger))
    careful = Ledger(storage, 'careful', 30, is_retrying_in_doubt=False)
    for _ in range(2):
        assert careful.claim(KEY) == InDoubt((Attempt(1, 'run', 'maybe', LOST),))
    assert len(intents(storage)) == 1


@pytest.mark.parametrize(
    ('run_id', 'billed', 'expected'), [('run', 'maybe', Claim), ('earlier', 'maybe', InDoubt), ('earlier', 'no', Claim)]
)
def test_a_runs_own_ambiguous_failure_is_its_own_to_retry(storage, run_id, billed, expected):
    first = Ledger(storage, run_id, 30)
    first.release(claimed(first), billed, 'timed out')
    careful = Ledger(storage, 'run', 30, is_retrying_in_doubt=False)
    assert isinstance(careful.claim(KEY), expected)


def test_an_in_doubt_record_is_left_alone_too(storage):
    earlier = Ledger(storage, 'earlier', 30)
    claim = claimed(earlier)
    earlier.settle(record_of(claim, 'in_doubt', 'maybe', 'timed out', run_id='earlier'), claim)
    careful = Ledger(storage, 'run', 30, is_retrying_in_doubt=False)
    assert careful.claim(KEY) == InDoubt((Attempt(1, 'earlier', 'maybe', 'timed out'),))


# Other hosts


def test_another_hosts_claim_lives_until_it_expires(storage, ledger):
    claim = claimed(ledger)
    elsewhere = replace(claim.intent, owner=replace(this_process(), host='elsewhere'))
    storage.write(intent_path(1), elsewhere.to_json())
    assert ledger.claim(KEY) == Busy()
    storage.write(intent_path(1), replace(elsewhere, expires_at=1.0).to_json())
    assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', LOST),)


def test_a_worker_that_was_taken_over_can_see_it(storage, ledger):
    slow = claimed(ledger)
    assert not ledger.is_taken_over(slow)
    expired = replace(slow.intent, owner=replace(this_process(), host='elsewhere'), expires_at=1.0)
    storage.write(intent_path(1), expired.to_json())
    assert not ledger.is_taken_over(claimed(ledger))
    assert ledger.is_taken_over(slow)


# What can not be read

BROKEN = [b'', b'{"attempt": 1', b'null', b'[]', b'{}', b'\xff\xfe', b'\0' * 64, b'[' * 100_000]


@pytest.mark.parametrize('content', BROKEN, ids=lambda content: repr(content[:16]))
def test_an_unreadable_intent_is_reported_and_in_doubt(storage, ledger, caplog, content):
    storage.write(intent_path(1), content)
    claim = claimed(ledger)
    assert (claim.number, claim.earlier) == (2, (Attempt(1, '', 'maybe', LOST),))
    assert 'intent-1.json can not be read; its call counts as in doubt' in caplog.text
    assert {entry.levelno for entry in caplog.records} == {logging.WARNING}


@pytest.mark.parametrize('content', BROKEN, ids=lambda content: repr(content[:16]))
def test_an_unreadable_outcome_is_reported_and_in_doubt(storage, ledger, caplog, content):
    claim = claimed(ledger)
    ledger.settle(record_of(claim), claim)
    storage.write(ledger_path(KEY), content)
    assert ledger.find(KEY) is None
    assert f'{KEY}.json can not be read and counts as in doubt' in caplog.text
    assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', LOST),)


def test_another_calls_outcome_is_not_taken(storage, ledger, caplog):
    claim = claimed(ledger)
    storage.write(ledger_path(KEY), replace(record_of(claim), key='cd' * 32).to_json())
    assert ledger.find(KEY) is None
    assert 'it is the record of cdcd' in caplog.text
