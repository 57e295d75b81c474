"""The ledger among processes: they wait for the living, take over from the dead, and buy nothing twice."""

import os
from collections import Counter

import pytest

from beam_image_edit.transforms.claims import Busy
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.storage import Storage
from tests.ledger_calls import GIVEN_UP, KEY, LOST, claimed
from tests.ledger_processes import begin_together, calls_sent_by, start_buyer, worker


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def ledger(storage):
    return Ledger(storage, 'run', 30)


def test_a_living_process_is_waited_for_until_it_has_settled(storage, ledger):
    with worker(storage.root) as tell:
        assert tell('claim') == 'Claim 1'
        assert ledger.claim(KEY) == Busy()
        tell('edited')
        # It still lives.
        assert ledger.claim(KEY).status == 'edited'


def test_a_living_process_is_not_waited_for_once_its_call_has_failed(storage, ledger):
    with worker(storage.root, 'another') as tell:
        tell('claim')
        tell('release')
        claim = claimed(ledger)
        assert claim.earlier == (Attempt(1, 'another', 'no', 'HTTP 429'),)
        ledger.abandon(claim)
        # This process lives too, but gave its call up.
        assert tell('claim') == 'Claim 3'
        tell('failed')
        assert [attempt.error for attempt in claimed(ledger).earlier] == ['HTTP 429', GIVEN_UP, None]


def test_a_killed_process_is_taken_over(storage, ledger):
    with worker(storage.root) as tell:
        tell('claim')
        tell.process.kill()
        tell.process.wait()
        assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', LOST),)


def test_a_zombie_is_taken_over(storage, ledger):
    with worker(storage.root) as tell:
        tell('claim')
        tell.process.kill()
        os.waitid(os.P_PID, tell.process.pid, os.WEXITED | os.WNOWAIT)
        assert claimed(ledger).number == 2


def test_two_processes_with_the_same_300_calls_buy_each_once(storage):
    with start_buyer(storage.root, 'first', 300) as first, start_buyer(storage.root, 'second', 300) as second:
        begin_together(first, second)
        sent = calls_sent_by(first, second)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(sent) == len(set(sent)) == 300


def test_a_process_killed_among_others_costs_at_most_its_calls_in_flight(storage):
    with start_buyer(storage.root, 'killed', 300) as killed, start_buyer(storage.root, 'second', 300) as second:
        begin_together(killed)
        sent = [killed.stdout.readline().strip() for _ in range(30)]
        begin_together(second)
        killed.kill()
        sent += calls_sent_by(killed, second)
    assert second.returncode == 0
    assert len(set(sent)) == 300
    assert len(sent) <= 300 + 8
    after = Ledger(storage, 'after', 30)
    for key, times in Counter(sent).items():
        attempts = after.find(key).attempts
        assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
        # A claim whose process died before it sent can't be told from one whose process died after.
        assert times <= len(attempts) <= 2
