"""Limits that nobody has told, in a simulation: how much of them is used, and how many calls are wasted on that.

The figures are for 64 calls in flight, of 0.5 to 2 s each, with 20 to 35 ms on each way.
"""

from random import Random

import pytest

SEEDS = (1, 2)
# The server, the calls, the least share of the quota that is used, and the most calls wasted.
QUOTAS = {
    'fixed windows of 1 s': (lambda sim: sim.FixedWindow(20, 1, 0.3), 2000, 0.94, 0.03),
    'fixed windows of 1 s, few calls': (lambda sim: sim.FixedWindow(20, 1, 0.3), 400, 0.85, 0.07),
    'fixed windows of 10 s': (lambda sim: sim.FixedWindow(200, 10, 3), 2000, 0.90, 0.065),
    'fixed windows of a minute': (lambda sim: sim.FixedWindow(1200, 60), 2000, 0.80, 0.015),
    'sliding windows of 1 s': (lambda sim: sim.SlidingWindow(20, 1), 2000, 0.92, 0.025),
    'sliding windows of 1 s, few calls': (lambda sim: sim.SlidingWindow(20, 1), 400, 0.86, 0.065),
    'sliding windows of 10 s': (lambda sim: sim.SlidingWindow(200, 10), 2000, 0.90, 0.05),
    'sliding windows of a minute': (lambda sim: sim.SlidingWindow(1200, 60), 2000, 0.82, 0.015),
    'tokens, 5 kept': (lambda sim: sim.TokenBucket(20, 1, 5), 2000, 0.94, 0.025),
    'tokens, 20 kept': (lambda sim: sim.TokenBucket(20, 1, 20), 2000, 0.97, 0.025),
    'tokens, 20 kept, few calls': (lambda sim: sim.TokenBucket(20, 1, 20), 400, 0.95, 0.05),
    'tokens, 200 kept': (lambda sim: sim.TokenBucket(20, 1, 200), 2000, 0.97, 0.025),
    'tokens, none kept': (lambda sim: sim.TokenBucket(20, 1, 1), 2000, 0.70, 0.03),
    'a cap of 24': (lambda sim: sim.Cap(24), 2000, 0.97, 0.02),
    'a cap of 24, few calls': (lambda sim: sim.Cap(24), 400, 0.95, 0.04),
    'a cap of 3': (lambda sim: sim.Cap(3), 400, 0.93, 0.065),
    'a quota cut in half': (lambda sim: sim.SlidingWindow(20, 1, changes=[(40, 10)]), 2000, 0.91, 0.04),
    'a quota doubled': (lambda sim: sim.TokenBucket(10, 1, 10, changes=[(40, 20)]), 2000, 0.88, 0.03),
    'a cap cut in half': (lambda sim: sim.Cap(24, changes=[(40, 12)]), 2000, 0.93, 0.035),
    'a cap doubled': (lambda sim: sim.Cap(12, changes=[(40, 24)]), 2000, 0.93, 0.025),
}


@pytest.mark.parametrize('tells_wait', [True, False], ids=['told to wait', 'not told'])
@pytest.mark.parametrize(('make', 'calls', 'used', 'wasted'), QUOTAS.values(), ids=QUOTAS)
def test_quota_is_used_and_few_calls_are_wasted(sim, make, calls, used, wasted, tells_wait):
    results = [sim.run(lambda: make(sim), calls, seed=seed, tells_wait=tells_wait) for seed in SEEDS]
    assert min(result.used for result in results) >= used
    assert max(result.wasted for result in results) <= wasted
    assert all(result.done == calls for result in results)


@pytest.mark.parametrize('latency_s', [(0.5, 2.0), (10, 20), (60, 150)], ids=['short calls', 'long', 'very long'])
@pytest.mark.parametrize('tells_wait', [True, False], ids=['told to wait', 'not told'])
@pytest.mark.parametrize('name', ['FixedWindow', 'SlidingWindow'])
def test_five_calls_a_minute_are_found(sim, name, tells_wait, latency_s):
    limit = getattr(sim, name)
    result = sim.run(lambda: limit(5, 60), 200, latency_s=latency_s, tells_wait=tells_wait)
    assert result.done == 200
    assert result.used >= 0.75
    assert result.wasted <= 0.3


def test_nothing_costs_anything_while_no_call_is_turned_away(sim):
    result = sim.run(sim.Unlimited, 2000, latency_s=(0.5, 0.5))
    assert result.wasted == 0
    # The first window takes half a second to go out.
    assert result.used >= 0.97


def test_no_call_is_lost_to_a_quota_that_is_spent_for_hours(sim):
    result = sim.run(lambda: sim.FixedWindow(0, 3600, changes=[(3600 * 3, 500)]), 100)
    assert result.done == 100
    assert result.wasted < 0.6


@pytest.mark.parametrize('tells_wait', [True, False], ids=['told to wait', 'not told'])
@pytest.mark.parametrize('closed_s', [20, 90, 3600])
def test_server_that_is_closed_at_first_is_found_open(sim, closed_s, tells_wait):
    clock = sim.Clock()
    service = sim.Service(sim.Closed(0, closed_s), tells_wait=tells_wait)
    job = sim.Job(clock, service, 500)
    clock.run(until=lambda: job.done == 500)
    # 500 calls take 10 s; that it is open is found within half of the time that it was not, or two minutes.
    assert clock.now < closed_s + min(closed_s / 2, 130) + 20


def test_server_that_closes_after_a_call_is_found_open(sim):
    clock = sim.Clock()
    job = sim.Job(clock, sim.Service(sim.Closed(0.04, 3600)), 500)
    clock.run(until=lambda: job.done == 500)
    assert clock.now < 2 * 3600


def test_server_that_asks_for_no_wait_is_not_hammered(sim):
    result = sim.run(lambda: sim.FixedWindow(5, 60), 50, told_s=0.0)
    assert result.wasted <= 0.6


def test_call_that_is_turned_away_is_not_overtaken_for_ever(sim):
    result = sim.run(lambda: sim.TokenBucket(20, 1, 20), 2000)
    # 128 wait at a time, at 20 a second.
    assert result.longest_wait_s < 2 * 128 / 20


@pytest.mark.parametrize('limit', ['FixedWindow', 'SlidingWindow', 'TokenBucket'])
@pytest.mark.parametrize(('jobs', 'least_share'), [(2, 0.6), (4, 0.3)])
def test_processes_that_do_not_know_of_each_other_share_fairly(sim, limit, jobs, least_share):
    arguments = (20, 1, 20) if limit == 'TokenBucket' else (20, 1)
    shares = []
    for seed in SEEDS:
        found, wasted = sim.run_together(lambda: getattr(sim, limit)(*arguments), jobs, 240, seed)
        shares.append(min(found))
        assert wasted < 0.08
    assert min(shares) >= least_share
    assert sorted(shares)[len(SEEDS) // 2] >= 0.6


def test_half_of_the_calls_turned_away_by_overload_hold_nothing_back(sim):
    clock = sim.Clock()
    service = sim.Service(sim.Unlimited(), overloads=((0, 1000, 0.4),))
    job = sim.Job(clock, service, 2000)
    clock.run(until=lambda: job.done == 2000)
    # As often as not a call comes back at once, and is sent again.
    assert service.accepted[-1] < 1.1 * 2000 * 1.3 / 64


def test_overloaded_server_is_left_alone_and_found_again(sim):
    clock = sim.Clock()
    service = sim.Service(sim.Unlimited(), overloads=((20, 80, 1.0),))
    job = sim.Job(clock, service, 2000)
    clock.run(until=lambda: job.done == 2000)
    assert service.overloaded < 350
    assert not [at for at in service.accepted if 20 <= at < 80]
    # 2,000 calls take 40 s; the pause is found to be over within half of its length.
    assert service.accepted[-1] < 80 + 30 + 25


@pytest.mark.parametrize('share', [0.1, 0.3, 0.4])
@pytest.mark.parametrize('seed', SEEDS)
def test_calls_turned_away_by_chance_do_not_bring_the_job_to_a_standstill(sim, share, seed):
    clock = sim.Clock()
    service = sim.Service(sim.Chance(share, seed), random=Random(seed))
    job = sim.Job(clock, service, 2000, seed=seed)
    clock.run(until=lambda: job.done == 2000)
    assert clock.now < 4 * 2000 * 1.3 / 64
