"""The job killed at random moments: it pays again for no more than the calls that were in flight."""

import random
import signal
import threading
import time
from collections import Counter

import pytest

from tests.waiting import wait_until

SEED = 20
IN_FLIGHT = 16
SLOWEST_S = 0.4  # of the emulator's answers
# The threads that send, and four that prepare. A call stays with its thread until its outcome is stored.
THREADS = IN_FLIGHT + 4


def calls_by_prompt(emulator):
    """How often each instruction came; a request that was cut off by a kill has none."""
    return Counter(call.prompt for call in emulator.calls if call.prompt)


def let_calls_flow(emulator, job, chance):
    """Returns some time after the job has begun a call."""
    begun = emulator.count + chance.randrange(2 * IN_FLIGHT)
    job.start()
    wait_until(lambda: emulator.count > begun or job.has_ended)
    threading.Event().wait(chance.uniform(0, 0.15))


def let_answers_come_at_once(emulator, job, chance):
    """Returns while the job is storing the answers of a whole window, as likely as can be."""
    emulator.hold()
    job.start()
    wait_until(lambda: emulator.in_flight == IN_FLIGHT)
    ready_at = time.monotonic() + SLOWEST_S
    wait_until(lambda: time.monotonic() > ready_at)
    emulator.release()
    threading.Event().wait(chance.uniform(0, 0.15))


def kill_at_a_random_moment(job, emulator, number):
    """Starts a job and kills it while it has calls in flight."""
    chance = random.Random(SEED + number)
    (let_calls_flow, let_answers_come_at_once)[number % 2](emulator, job, chance)
    assert not job.has_ended, f'before kill {number}, seed {SEED}'
    job.signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    # What the process had sent may come to the emulator after its death.
    wait_until(lambda: emulator.in_flight == 0)


def assert_only_calls_in_flight_were_repaid(emulator, prompts, states):
    """No instruction was sent more often than purchases and kills allow, and none again once it was stored.

    Args:
        emulator: got all the calls.
        prompts: the instruction of each purchase, by request key.
        states: what was found after each kill, and how often each instruction had been sent by then.
    """
    in_flight = set().union(*(found.in_flight for found, _ in states))
    calls = calls_by_prompt(emulator)
    allowed = Counter(prompts.values()) + Counter(prompts[key] for key, _ in in_flight)
    assert calls - allowed == Counter()
    for found, earlier in states:
        unfinished = {prompt for key, prompt in prompts.items() if key not in found.records}
        assert all(calls[prompt] == times for prompt, times in earlier.items() if prompt not in unfinished)


def assert_the_ledger_tells_all(job, in_flight):
    """Every call is over, those in flight at a kill are told as maybe billed, and the manifest lists every image."""
    found = job.look()
    found.assert_every_image_is_known()
    assert not found.in_flight
    attempts = [(key, attempt) for key, record in found.records.items() for attempt in record.attempts]
    assert {(key, attempt.number) for key, attempt in attempts if attempt.billed == 'maybe'} == in_flight
    listed = {path for line in job.manifest for path in line['output_image']}
    assert {str(job.out / place) for place in found.images} == listed


@pytest.mark.parametrize(('api_format', 'count', 'kills'), [('gemini', 300, 20), ('openai', 100, 6)])
def test_killed_job_pays_again_only_for_calls_in_flight(make_job, make_rows, emulator, api_format, count, kills):
    job = make_job(make_rows(count), f'--api_format={api_format}', f'--max_in_flight={IN_FLIGHT}')
    in_flight, states = set(), []
    for number in range(kills):
        kill_at_a_random_moment(job, emulator, number)
        found = job.look()
        found.assert_every_image_is_known()
        assert set(found.images.values()) <= {image for call in emulator.calls for image in call.produced}
        assert len(found.in_flight - in_flight) <= THREADS, f'kill {number}, seed {SEED}'
        in_flight |= found.in_flight
        states.append((found, calls_by_prompt(emulator)))
    assert job.run() == 0
    job.assert_every_row_has_its_own_images(emulator)
    assert_only_calls_in_flight_were_repaid(emulator, job.prompts_by_key(api_format), states)
    assert_the_ledger_tells_all(job, in_flight)
    before, calls = (job.out / 'manifest.jsonl').read_bytes(), emulator.count
    assert job.run() == 0
    assert ((job.out / 'manifest.jsonl').read_bytes(), emulator.count) == (before, calls)


def test_image_that_a_killed_call_left_goes_when_its_row_has_moved(make_job, make_rows):
    rows = make_rows(2)
    first, moved = make_job(rows[:1]), make_job(rows[::-1])
    assert first.run() == 0
    # As if it had been killed after it had stored the image.
    for key in first.look().records:
        (first.out / 'ledger' / key[:2] / f'{key}.json').unlink()
    in_flight = first.look().in_flight
    assert (moved.run(), len(in_flight)) == (0, 1)
    assert_the_ledger_tells_all(moved, in_flight)
