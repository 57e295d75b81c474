"""Limits that the user has told: kept exactly, used in full, over all processes of a machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.limits.pace import ProcessPace, SharedPace, open_pace
from beam_image_edit.transforms.limits.places import Limits

BOOK = """
import json, sys, time
from pathlib import Path
from beam_image_edit.transforms.limits.pace import SharedPace
from beam_image_edit.transforms.limits.places import Limits

pace = SharedPace(Limits(requests_per_minute=120), Path(sys.argv[1]))
print('ready', flush=True)
sys.stdin.readline()
# Each place is counted from a moment between these two.
print(json.dumps([(time.monotonic(), pace.book(1), time.monotonic()) for _ in range(40)]))
"""
HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print('held', flush=True)
sys.stdin.readline()
"""


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


def book_all(pace, clock, arrivals):
    """The moments at which calls begin that ask one after the other, each after a gap."""
    places = []
    for gap_s, images in arrivals:
        clock.now += gap_s
        clock.now += pace.book(images)
        places.append(clock.now)
    return places


def check_window(places, units, limit, window_s=60.0):
    for first, place in enumerate(places):
        inside = [unit for at, unit in zip(places[first:], units[first:], strict=True) if at < place + window_s]
        assert sum(inside) <= max(limit, units[first])


arrivals = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 4)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 90), arrivals)
def test_no_minute_has_more_requests_than_told_and_no_more_than_two_come_at_once(limit, arrivals):
    clock = Clock()
    places = book_all(ProcessPace(Limits(requests_per_minute=limit), clock), clock, arrivals)
    # Of one and a half a minute it is one in forty seconds.
    whole = max(1, int(limit))
    check_window(places, [1] * len(places), whole, 60 * whole / limit)
    if whole >= 2:
        assert all(third - first >= 60 / limit for first, third in zip(places, places[2:], strict=False))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), arrivals)
def test_both_limits_are_kept(requests, images, arrivals):
    clock = Clock()
    places = book_all(ProcessPace(Limits(requests, images), clock), clock, arrivals)
    check_window(places, [1] * len(places), requests)
    check_window(places, [min(count, images) for _, count in arrivals], images)


@pytest.mark.parametrize('per_minute', [1, 5, 20, 1200, 6000])
def test_limit_is_used_in_full(per_minute):
    clock = Clock()
    places = book_all(ProcessPace(Limits(images_per_minute=per_minute), clock), clock, [(0, 1)] * (3 * per_minute + 1))
    # The first and the last place are three windows apart, each a fiftieth longer than told.
    assert places[-1] - places[0] <= 180 * 1.0201


@pytest.mark.parametrize('limit', ['SlidingWindow', 'FixedWindow'])
def test_job_uses_what_it_was_told_and_wastes_nothing(sim, limit):
    result = sim.run(
        lambda: getattr(sim, limit)(20, 1),
        2000,
        pace=lambda clock: ProcessPace(Limits(requests_per_minute=1200), clock),
        tells_wait=True,
    )
    assert result.wasted <= 0.01
    assert result.used >= 0.96


def test_told_minute_is_used_after_the_first_two_seconds(sim):
    clock = sim.Clock()
    service = sim.Service(sim.SlidingWindow(1200, 60))
    pace = ProcessPace(Limits(requests_per_minute=1200), clock)
    job = sim.Job(clock, service, 2000, pace=pace)
    clock.run(until=lambda: job.done == 2000)
    later = [at for at in service.accepted if at >= 2]
    assert len(later) / (20 * (later[-1] - later[0])) >= 0.97
    assert not service.refused


def test_call_of_more_images_than_the_limit_has_a_window_to_itself():
    clock = Clock()
    places = book_all(ProcessPace(Limits(images_per_minute=2), clock), clock, [(0, 4), (0, 1)])
    assert places[1] - places[0] >= 30


def test_processes_keep_a_limit_together(tmp_path):
    path = tmp_path / 'limits'
    command = [sys.executable, '-W', 'ignore', '-c', BOOK, str(path)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == 'ready\n'
    for worker in workers:
        worker.stdin.write('go\n')
        worker.stdin.flush()
    booked = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    places = sorted(before + wait_s for calls in booked for before, wait_s, _ in calls)
    slowest_s = max(after - before for calls in booked for before, _, after in calls)
    assert len(places) == 120
    # 120 a minute: half a second apart, but for the first two.
    gaps = [later - earlier for earlier, later in pairwise(places[1:])]
    assert min(gaps) > 0.5 - slowest_s
    assert max(gaps) < 0.52 + slowest_s


def test_killed_holder_does_not_stop_the_others(tmp_path):
    path = tmp_path / 'limits'
    pace = SharedPace(Limits(images_per_minute=5), path)
    holder = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == 'held\n'
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)
    assert pace.book(1) == 0


def test_file_of_before_the_machine_was_started_again_is_begun_anew(tmp_path):
    path = tmp_path / 'limits'
    earlier = SharedPace(Limits(images_per_minute=1), path, Clock(500_000.0))
    earlier.book(1)
    assert SharedPace(Limits(images_per_minute=1), path, Clock(10.0)).book(1) == 0


@pytest.mark.parametrize('other', [Limits(images_per_minute=6), Limits(images_per_minute=5.5), Limits(5)])
def test_file_is_not_shared_with_other_limits(tmp_path, other):
    path = tmp_path / 'limits'
    SharedPace(Limits(images_per_minute=5), path)
    with pytest.raises(ConfigurationError, match='the same limits'):
        SharedPace(other, path)


def test_place_that_is_no_file_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be shared"):
        SharedPace(Limits(images_per_minute=5), tmp_path)


def test_full_disk_is_told_and_ends_no_process(tmp_path):
    if os.geteuid() or not shutil.which('mount'):
        pytest.skip('only root can mount a small disk')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', tmp_path], capture_output=True).returncode:
        pytest.skip('this system lets nobody mount a small disk')
    try:
        with suppress(OSError), (tmp_path / 'filler').open('wb', buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass
        done = subprocess.run([sys.executable, '-c', BOOK, tmp_path / 'limits'], capture_output=True, text=True)
        assert (done.returncode, 'the disk is full' in done.stderr) == (1, True)
    finally:
        subprocess.run(['umount', tmp_path], check=True)


def test_no_limits_need_no_pace(tmp_path):
    assert open_pace(Limits(), tmp_path / 'limits', 1) is None
    assert not (tmp_path / 'limits').exists()


def test_workers_that_can_not_share_have_their_parts(tmp_path):
    pace = open_pace(Limits(requests_per_minute=60), tmp_path / 'limits', 2)
    assert [pace.book(1) for _ in range(3)][2] == pytest.approx(2.04, abs=0.2)


@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf'), 10_000_000])
def test_limit_that_makes_no_sense_is_refused(value):
    with pytest.raises(ConfigurationError, match='images_per_minute must be'):
        Limits(images_per_minute=value)


def test_process_keeps_the_limits_alone_once_their_file_is_lost(tmp_path):
    path, clock = tmp_path / 'limits', Clock(0.0)
    pace = SharedPace(Limits(requests_per_minute=60), path, clock)
    pace.book(1)
    path.unlink()
    path.mkdir()
    assert [pace.book(1) for _ in range(3)][-1] > 0.9
