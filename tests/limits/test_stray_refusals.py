"""A 429 of one call alone: it holds up that call for as long as the server has named, and no others."""

import pytest

LONGEST_S = 120.0  # a named wait counts up to this


def run_with_strays(sim, numbers, wait_s, calls, window):
    """When all calls were done but those that were turned away, and when those were, counted from the last refusal."""
    clock = sim.Clock()
    service = sim.Service(sim.Strays(numbers, wait_s), latency_s=(0.3, 0.6), tells_wait=True)
    job = sim.Job(clock, service, calls, window)
    clock.run(until=lambda: job.done == calls - len(numbers))
    others_s = clock.now
    clock.run(until=lambda: job.done == calls)
    assert len(service.refused) == len(numbers)
    return others_s, clock.now - service.refused[-1]


@pytest.mark.parametrize('wait_s', [5, 60, 3600])
@pytest.mark.parametrize('number', [1, 2, 3, 10, 25])
def test_stray_refusal_holds_up_no_others(sim, number, wait_s):
    others_s, stray_s = run_with_strays(sim, {number}, wait_s, calls=30, window=3)
    # 30 calls, 3 at a time, of half a second each take 5 s; a second goes by until one has tried.
    assert others_s < 7
    assert stray_s < min(wait_s, LONGEST_S) + 2


@pytest.mark.parametrize('number', [1, 10, 64, 300])
@pytest.mark.parametrize('wait_s', [60, 3600])
def test_stray_refusal_holds_up_no_others_where_many_are_in_flight(sim, number, wait_s):
    others_s, stray_s = run_with_strays(sim, {number}, wait_s, calls=1000, window=64)
    # They take 7 s. If it looked like a cap, some more until that is known not to be one.
    assert others_s < 16
    assert stray_s < max(min(wait_s, LONGEST_S) + 2, others_s)


@pytest.mark.parametrize('numbers', [{1, 2}, {3, 4}, {3, 9}, {10, 20}], ids=str)
def test_two_stray_refusals_end_together_with_their_own_waits(sim, numbers):
    others_s, strays_s = run_with_strays(sim, numbers, 60, calls=30, window=3)
    assert others_s < 30
    assert strays_s < 62


@pytest.mark.parametrize('told_s', [2, 10, 60])
def test_quota_that_names_too_long_a_wait_is_used_all_the_same(sim, told_s):
    clock = sim.Clock()
    service = sim.Service(sim.TokenBucket(20, 1, 20), told_s=told_s)
    job = sim.Job(clock, service, 2000)
    clock.run(until=lambda: job.done == 2000)
    # 2,000 calls take 100 s; the last ones that were turned away wait for as long as they were told.
    assert clock.now < 120 + told_s
    assert len(service.refused) < 0.05 * 2000


def test_quota_that_means_what_it_says_is_tried_a_few_times_and_then_believed(sim):
    clock = sim.Clock()
    service = sim.Service(sim.FixedWindow(1200, 60), tells_wait=True)
    job = sim.Job(clock, service, 6000)
    clock.run(until=lambda: job.done == 6000)
    # Those of the first minute's end, and as many as double a second to a minute.
    assert len([at for at in service.refused if at > 60]) <= 5 * 4
    assert len(service.refused) <= 0.01 * 6000
