"""The job interrupted: no call begins any more, those in flight are kept, and the manifest is written."""

import random
import signal
import threading
import time
from collections import Counter

import pytest

from tests.waiting import wait_until

SEED = 30
IN_FLIGHT = 16
# More than that lies between two signals that a person sends.
TWO_SIGNALS_S = 1.0
BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])
SIGNALS = pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
TWO_WORKERS = ('--direct_running_mode=multi_processing', '--direct_num_workers=2', f'--max_in_flight={IN_FLIGHT // 2}')


def plain_rows(count):
    return [{'images': 'a.png', 'conversations': [f'Blur it {number} times']} for number in range(count)]


def stopped_for_s(job):
    """How long ago the job told its other processes to stop, right after it had stopped itself; 0 if it has not."""
    return max((time.time() - path.stat().st_mtime for path in job.out.glob('ledger/runs/*/stop.json')), default=0)


@pytest.mark.parametrize(('api_format', 'interrupts'), [('gemini', 4), ('openai', 2)])
def test_interrupted_job_pays_for_nothing_again(make_job, make_rows, emulator, api_format, interrupts):
    chance = random.Random(SEED)
    job = make_job(make_rows(70 * interrupts), f'--api_format={api_format}', f'--max_in_flight={IN_FLIGHT}')
    for interrupt in range(interrupts):
        begun = emulator.count + chance.randrange(IN_FLIGHT)
        job.start()
        wait_until(lambda begun=begun: emulator.count > begun or job.has_ended)
        threading.Event().wait(chance.uniform(0, 0.15))
        assert not job.has_ended, f'before interrupt {interrupt}, seed {SEED}'
        job.signal_all(signal.SIGINT)
        assert job.wait() == 1, f'interrupt {interrupt}, seed {SEED}'
        found = job.look()
        found.assert_every_image_is_known()
        assert (len(found.records), found.in_flight) == (emulator.count, set())
        assert len(job.manifest) == len(job.rows)
        assert set(job.statuses) == {'edited', 'stopped'}
    assert job.run() == 0
    job.assert_every_row_has_its_own_images(emulator)
    assert Counter(call.prompt for call in emulator.calls) == Counter(job.prompts_by_key(api_format).values())


@BOTH_FORMATS
@SIGNALS
def test_no_call_begins_after_a_signal_and_those_in_flight_are_kept(make_job, emulator, api_format, number):
    job = make_job(plain_rows(60), f'--api_format={api_format}', f'--max_in_flight={IN_FLIGHT}')
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    job.signal_all(number)
    wait_until(lambda: stopped_for_s(job))
    emulator.release()
    assert job.wait() == 1
    assert emulator.count == IN_FLIGHT
    assert job.statuses == {'edited': IN_FLIGHT, 'stopped': 60 - IN_FLIGHT}


@SIGNALS
def test_second_signal_ends_the_job_at_once(make_job, emulator, number):
    job = make_job(plain_rows(60), f'--max_in_flight={IN_FLIGHT}')
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    job.signal_all(number)
    wait_until(lambda: stopped_for_s(job) > TWO_SIGNALS_S)
    job.signal_all(number)
    wait_until(lambda: job.has_ended)
    emulator.release()
    assert job.wait() == 1
    assert 'ended: calls in flight are lost and count as in doubt' in job.log.read_text()
    assert len(job.look().in_flight) == IN_FLIGHT


def test_signals_that_come_within_a_moment_are_one(make_job, emulator):
    job = make_job(plain_rows(60), f'--max_in_flight={IN_FLIGHT}')
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    # The system itself makes one of two that have the same number.
    job.signal(signal.SIGINT)
    job.signal(signal.SIGTERM)
    wait_until(lambda: stopped_for_s(job) > TWO_SIGNALS_S)
    emulator.release()
    assert job.wait() == 1
    assert job.statuses == {'edited': IN_FLIGHT, 'stopped': 60 - IN_FLIGHT}


@SIGNALS
def test_signal_ends_a_job_whose_calls_hang_within_the_read_timeout(make_job, emulator, number):
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'hang'}])
    job = make_job(plain_rows(60), f'--max_in_flight={IN_FLIGHT}', '--read_timeout_s=2')
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    began = time.monotonic()
    job.signal_all(number)
    assert job.wait() == 1
    took_s = time.monotonic() - began
    assert emulator.count == IN_FLIGHT
    assert job.statuses == {'in_doubt': IN_FLIGHT, 'stopped': 60 - IN_FLIGHT}
    assert took_s < 2 + 8  # and what a loaded machine needs for the manifest


@SIGNALS
def test_workers_finish_their_calls_when_a_terminal_interrupts_them_too(make_job, emulator, number):
    job = make_job(plain_rows(160), *TWO_WORKERS)
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    job.signal_all(number)
    # A worker looks for the stop file once in a second.
    wait_until(lambda: stopped_for_s(job) > 1)
    emulator.release()
    assert job.wait() == 1
    assert emulator.count <= 2 * IN_FLIGHT
    assert job.statuses == {'edited': emulator.count, 'stopped': 160 - emulator.count}
