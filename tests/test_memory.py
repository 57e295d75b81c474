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


def test_what_fits_is_taken_at_once(memory):
    first, second = memory.open(), memory.open()
    assert first.try_resize(60)
    assert second.try_resize(40)
    assert not memory.open().try_resize(1)


def test_what_does_not_fit_waits_until_it_does(memory):
    first, second = memory.open(), memory.open()
    first.resize(60)
    waiting = begin(lambda: second.resize(50))
    waiting.join(0.05)
    assert waiting.is_alive()
    first.resize(50)
    waiting.join(20)
    assert not waiting.is_alive()


def test_first_goes_on_however_much_it_takes(memory):
    first, second = memory.open(), memory.open()
    first.resize(10)
    second.resize(80)
    first.resize(1000)
    assert not memory.open().try_resize(1)


def test_next_one_is_first_when_the_first_is_done(memory):
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
    assert memory.open().try_resize(100)


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
    assert memory.open().try_resize(100)
