"""Several processes on one ledger: no call is bought twice; living owners are waited for, dead ones are taken over."""

import os
import signal
from collections import Counter

import pytest

from tests.waiting import wait_until

FOUR_WORKERS = ('--direct_running_mode=multi_processing', '--direct_num_workers=4', '--max_in_flight=4')
PROMPTS = 40
# Blocks of 128 rows are what is spread over workers: each of four gets one, and all have the same instructions in it.
ROWS = [{'images': 'a.png', 'conversations': [f'Blur it {number % PROMPTS} times']} for number in range(3 * 128 + 8)]


def calls_by_prompt(emulator):
    return Counter(call.prompt for call in emulator.calls)


def each_once(*jobs):
    return Counter({turn for job in jobs for row in job.rows for turn in row['conversations']})


def owners(found):
    """The keys that each process has in flight."""
    keys = {}
    for key, number in found.in_flight:
        keys.setdefault(found.intents[key, number].owner.pid, set()).add(key)
    return keys


def assert_all_is_well(job, emulator):
    job.assert_every_row_has_its_own_images(emulator)
    found = job.look()
    found.assert_every_image_is_known()
    assert not found.in_flight


@pytest.mark.parametrize(
    ('first_rows', 'second_rows'),
    [(slice(None), slice(None)), (slice(None), slice(None, None, -1)), (slice(0, 40), slice(20, None))],
    ids=['same order', 'other order', 'overlapping'],
)
def test_two_jobs_at_once_buy_each_call_once(make_job, make_rows, emulator, first_rows, second_rows):
    rows = make_rows(60)
    del rows[6::10]  # several calls with one instruction
    jobs = [make_job(rows[part], '--max_in_flight=8') for part in (first_rows, second_rows)]
    emulator.hold()
    for job in jobs:
        job.start()
    wait_until(lambda: emulator.in_flight > 8)  # more than one of them could have
    emulator.release()
    assert [job.wait() for job in jobs] == [0, 0]
    assert calls_by_prompt(emulator) == each_once(*jobs)
    for job in jobs:  # their manifests have one place, and the last one stays
        assert job.run() == 0
        assert_all_is_well(job, emulator)
    assert calls_by_prompt(emulator) == each_once(*jobs)


def test_four_workers_buy_each_call_once(make_job, emulator):
    job = make_job(ROWS, *FOUR_WORKERS)
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == 16)
    emulator.release()
    assert job.wait() == 0
    assert calls_by_prompt(emulator) == each_once(job)
    assert_all_is_well(job, emulator)


def test_workers_that_outlive_their_parent_are_waited_for(make_job, emulator):
    killed, rerun = make_job(ROWS, *FOUR_WORKERS), make_job(ROWS, f'--max_in_flight={PROMPTS}')
    emulator.hold()
    killed.start()
    wait_until(lambda: emulator.in_flight == 16)
    killed.signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert len(owners(killed.look())) == 4
    rerun.start()
    # It has room for all calls at once, and sends those that nobody else has in flight.
    wait_until(lambda: emulator.in_flight == PROMPTS)
    emulator.release()
    assert rerun.wait() == 0
    assert calls_by_prompt(emulator) == each_once(rerun)
    assert_all_is_well(rerun, emulator)


def test_workers_killed_with_their_parent_are_taken_over(make_job, emulator):
    job, rerun = make_job(ROWS, *FOUR_WORKERS), make_job(ROWS)
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == 16)
    job.signal_all(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    in_flight = {key for key, _ in job.look().in_flight}
    emulator.release()
    assert rerun.run() == 0
    prompts = rerun.prompts_by_key()
    assert calls_by_prompt(emulator) == each_once(rerun) + Counter(prompts[key] for key in in_flight)
    assert len(in_flight) == 16
    assert_all_is_well(rerun, emulator)


def test_killed_worker_costs_its_own_calls_in_flight(make_job, emulator):
    job, rerun = make_job(ROWS, *FOUR_WORKERS), make_job(ROWS)
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == 16)
    pid, keys = min(owners(job.look()).items())
    os.kill(pid, signal.SIGKILL)
    emulator.release()
    assert job.wait() == 1
    assert rerun.run() == 0
    prompts = rerun.prompts_by_key()
    assert calls_by_prompt(emulator) == each_once(rerun) + Counter(prompts[key] for key in keys)
    assert_all_is_well(rerun, emulator)
