"""How long calls wait after one was turned away, and when one of them tries whether they still have to."""

import pytest

from beam_image_edit.transforms.limits.hold import Hold


def try_in_vain(hold, tries, until):
    """When calls try that are turned away, each with the rest of the wait, and how many did."""
    times = []
    for _ in range(tries):
        times.append(hold.tries_at)
        hold.reject(hold.tries_at)
        hold.name(hold.tries_at, until - hold.tries_at)
    return times


def test_named_wait_is_tried_after_a_second_and_then_ever_more_rarely():
    hold = Hold()
    hold.name(0, 100)
    assert try_in_vain(hold, 5, 100) == [1, 3, 7, 15, 31]
    assert hold.until == pytest.approx(108)


def test_wait_that_was_meant_is_believed_the_next_time():
    hold = Hold()
    hold.name(0, 10)
    try_in_vain(hold, 3, 10)
    hold.accept(hold.tries_at)
    hold.name(20, 5)
    assert hold.tries_at == hold.until == pytest.approx(25.4)


def test_wait_is_doubted_again_once_an_early_try_was_let_in():
    hold = Hold()
    hold.name(0, 100)
    try_in_vain(hold, 4, 100)
    hold.accept(hold.tries_at)
    hold.name(40, 100)
    assert hold.tries_at == 41


def test_hold_is_over_for_all_once_a_try_was_let_in():
    hold = Hold()
    hold.name(0, 100)
    hold.accept(1)
    assert hold.until < 1
    hold.name(50, 0.5)
    assert hold.until == pytest.approx(50.54)


@pytest.mark.parametrize('waits', [(3600, 2), (2, 3600)], ids=['the longer first', 'the longer last'])
def test_longest_named_wait_holds_in_whichever_order_they_come_and_is_cut(waits):
    hold = Hold()
    for wait_s in waits:
        hold.name(0, wait_s)
    assert hold.until == pytest.approx(1.08 * 120)


def test_wait_that_is_not_named_is_not_tried_early():
    hold = Hold()
    hold.guess(0, 30)
    assert hold.tries_at == hold.until == 30
    assert not hold.has_early_try
