"""Memory for pictures: what doesn't fit waits, and somebody can always go on."""

import threading

import pytest

from beam_image_edit.transforms.memory import MemoryBudget
from tests.waiting import wait_until


@pytest.fixture
def memory():
    return MemoryBudget(100)


def begin(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_half_is_taken_ahead_of_need(memory):
    first, second = memory.open(), memory.open()
    assert first.try_resize(30)
    assert second.try_resize(20)
    assert not memory.open().try_resize(1)


def test_a_half_is_kept_for_calls_in_flight(memory):
    assert not memory.open().try_resize(51)
    memory.open().resize(100)


def test_one_goes_on_however_much_it_takes(memory):
    first, second = memory.open(), memory.open()
    first.resize(10)
    second.resize(80)
    first.resize(1000)
    assert not memory.open().try_resize(1)


def test_what_is_held_ahead_keeps_no_call_waiting(memory):
    row = memory.open()
    assert row.try_resize(50)
    call = memory.open()
    call.resize(1000)


def test_others_wait_until_there_is_room(memory):
    first, second = memory.open(), memory.open()
    first.resize(1000)
    waiting = begin(lambda: second.resize(10))
    waiting.join(0.05)
    assert waiting.is_alive()
    first.release()
    waiting.join(20)
    assert not waiting.is_alive()


def test_who_gives_way_lets_another_one_go_on(memory):
    first, second = memory.open(), memory.open()
    first.resize(1000)
    waiting = begin(lambda: second.resize(2000))
    first.give_way()
    waiting.join(20)
    assert not waiting.is_alive()


def test_next_one_goes_on_when_the_first_is_done(memory):
    holds = [memory.open() for _ in range(8)]
    for hold in holds:
        hold.resize(10)
    done = []

    def grow(number):
        holds[number].resize(1000)
        done.append(number)
        holds[number].release()

    threads = [begin(lambda number=number: grow(number)) for number in reversed(range(8))]
    for thread in threads:
        thread.join(20)
    assert sorted(done) == list(range(8))
    assert memory.open().try_resize(50)


def test_what_could_not_be_taken_leaves_no_trace(memory):
    first, second = memory.open(), memory.open()
    first.resize(100)
    assert not second.try_resize(10)
    first.release()
    third = memory.open()
    third.resize(1000)
    waiting = begin(lambda: second.resize(10))
    wait_until(waiting.is_alive)
    third.release()
    waiting.join(20)
    assert not waiting.is_alive()


def test_release_can_be_repeated(memory):
    hold = memory.open()
    hold.resize(100)
    hold.release()
    hold.release()
    assert memory.open().try_resize(50)
