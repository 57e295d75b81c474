import json
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from beam_image_edit.transforms import ledger as ledger_module
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.ledger import Busy, Claim, InDoubt, Ledger, is_open, ledger_path
from beam_image_edit.transforms.owners import this_process
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

KEY = 'ab' * 32
LOST = 'its worker died with the call in flight'
GIVEN_UP = 'its worker gave up before the outcome was stored'

# A worker in a process of its own, which does what it is told line by line.
WORKER = """
import sys
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

folder, run_id, key = sys.argv[1:]
ledger = Ledger(Storage(folder), run_id, 30)
for line in sys.stdin:
    if line == 'claim\\n':
        claim = ledger.claim(key)
    elif line == 'release\\n':
        ledger.release(claim, 'no', 'HTTP 429')
    else:
        attempts = (*claim.earlier, Attempt(claim.number, run_id, 'yes'))
        ledger.settle(Record(key, line.strip(), None, 'sample_0', run_id, 'gemini', 'm', attempts=attempts), claim)
    print(type(claim).__name__, flush=True)
"""

# Buys 300 calls on 8 threads as the job does, and writes down every one that it sends.
BUYER = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from beam_image_edit.transforms.ledger import Busy, Claim, Ledger
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

folder, run_id = sys.argv[1:]
ledger = Ledger(Storage(folder), run_id, 30)
sent = os.open(f'{folder}/sent', os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def buy(key):
    while isinstance(answer := ledger.claim(key), Busy):
        time.sleep(0.005)
    if isinstance(answer, Claim):
        os.write(sent, f'{key} {run_id}\\n'.encode())
        time.sleep(0.002)
        attempts = (*answer.earlier, Attempt(answer.number, run_id, 'yes'))
        ledger.settle(Record(key, 'edited', None, 'sample_0', run_id, 'gemini', 'm', attempts=attempts), answer)

print('ready', flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(buy, (f'{number:04x}' * 16 for number in range(300))))
"""


@pytest.fixture(params=['local', 'memory'])
def storage(request, tmp_path):
    return Storage(str(tmp_path) if request.param == 'local' else f'memory://{uuid.uuid4().hex}')


@pytest.fixture
def ledger(storage):
    return Ledger(storage, 'run', 30)


@pytest.fixture(autouse=True)
def no_token_is_left_behind():
    ledger_module._live_tokens.clear()
    yield
    ledger_module._live_tokens.clear()


def record_of(claim, status='edited', billed='yes', error=None, run_id='run'):
    attempts = (*claim.earlier, Attempt(claim.number, run_id, billed, error))
    return Record(claim.key, status, error, 'sample_0', run_id, 'gemini', 'a-model', attempts=attempts)


def claimed(ledger):
    claim = ledger.claim(KEY)
    assert isinstance(claim, Claim)
    return claim


def crash(claim):
    """What is left of a claim when its work vanishes from this process."""
    ledger_module._live_tokens.discard(claim.intent.token)


def intent_path(number):
    return f'ledger/ab/{KEY}.intent-{number}.json'


def intents(storage):
    return [name for name in storage.list('ledger/ab') if 'intent' in name]


@contextmanager
def worker(storage, run_id='run'):
    """A worker in another process; call it with what it is to do."""
    command = [sys.executable, '-c', WORKER, storage.root, run_id, KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def tell(order):
            process.stdin.write(f'{order}\n')
            process.stdin.flush()
            return process.stdout.readline().strip()

        tell.process = process
        yield tell
        process.kill()


def local(tmp_path):
    storage = Storage(str(tmp_path))
    return storage, Ledger(storage, 'run', 30)


# One process


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


# Other processes


def test_a_living_process_is_waited_for_until_it_has_settled(tmp_path):
    storage, ledger = local(tmp_path)
    with worker(storage) as tell:
        assert tell('claim') == 'Claim'
        assert ledger.claim(KEY) == Busy()
        tell('edited')
        # It still lives.
        assert ledger.claim(KEY).status == 'edited'


def test_a_living_process_is_not_waited_for_once_its_call_has_failed(tmp_path):
    storage, ledger = local(tmp_path)
    with worker(storage, 'another') as tell:
        tell('claim')
        tell('release')
        claim = claimed(ledger)
        assert claim.earlier == (Attempt(1, 'another', 'no', 'HTTP 429'),)
        ledger.abandon(claim)
        # This process lives too, but gave its call up.
        assert tell('claim') == 'Claim'
        tell('failed')
        assert [attempt.error for attempt in claimed(ledger).earlier] == ['HTTP 429', GIVEN_UP, None]


def test_a_killed_process_is_taken_over(tmp_path):
    storage, ledger = local(tmp_path)
    with worker(storage) as tell:
        tell('claim')
        tell.process.kill()
        tell.process.wait()
        assert claimed(ledger).earlier == (Attempt(1, 'run', 'maybe', LOST),)


def test_a_zombie_is_taken_over(tmp_path):
    storage, ledger = local(tmp_path)
    with worker(storage) as tell:
        tell('claim')
        tell.process.kill()
        os.waitid(os.P_PID, tell.process.pid, os.WEXITED | os.WNOWAIT)
        assert claimed(ledger).number == 2


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


def start_buyer(folder, run_id):
    command = [sys.executable, '-c', BUYER, str(folder), run_id]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin_together(*processes):
    for process in processes:
        assert process.stdout.readline() == 'ready\n'
    for process in processes:
        process.stdin.write('go\n')
        process.stdin.flush()


def bought(tmp_path):
    return Counter(line.split()[0] for line in (tmp_path / 'sent').read_text().splitlines())


def test_two_processes_with_the_same_300_calls_buy_each_once(tmp_path):
    with start_buyer(tmp_path, 'first') as first, start_buyer(tmp_path, 'second') as second:
        begin_together(first, second)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(bought(tmp_path)) == 300
    assert set(bought(tmp_path).values()) == {1}


def test_a_process_killed_among_others_costs_at_most_its_calls_in_flight(tmp_path):
    with start_buyer(tmp_path, 'killed') as killed, start_buyer(tmp_path, 'second') as second:
        begin_together(killed)
        while killed.poll() is None and (tmp_path / 'sent').read_text().count('killed') < 30:
            pass
        begin_together(second)
        killed.kill()
        second.communicate()
    assert second.returncode == 0
    assert len(bought(tmp_path)) == 300
    assert sum(bought(tmp_path).values()) <= 300 + 8
    ledger = Ledger(Storage(str(tmp_path)), 'after', 30)
    for key, times in bought(tmp_path).items():
        attempts = ledger.find(key).attempts
        assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
        # A claim whose process died before it sent can't be told from one whose process died after.
        assert times <= len(attempts) <= 2


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


# Stores


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
