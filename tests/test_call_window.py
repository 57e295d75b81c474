import threading
from itertools import pairwise

import pytest

from beam_image_edit.transforms.call_window import _LOOK_EVERY_S, CallWindow
from beam_image_edit.transforms.errors import Stopped


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def run_all(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize('size', [1, 4])
def test_never_more_than_size_at_one_time(size):
    window = CallWindow(size)
    in_flight, most = [], []

    def call():
        for _ in range(50):
            with window.slot():
                in_flight.append(None)
                most.append(len(in_flight))
                in_flight.pop()

    for thread in run_all(*[call] * 16):
        thread.join()
    assert len(most) == 16 * 50
    assert max(most) <= size


def test_as_many_as_size_at_one_time():
    window = CallWindow(4)
    barrier = threading.Barrier(4, timeout=20)

    def call():
        with window.slot():
            barrier.wait()

    for thread in run_all(*[call] * 4):
        thread.join()
    assert not barrier.broken


def test_a_slot_is_free_again_after_an_error():
    window = CallWindow(1)
    for _ in range(3):
        with pytest.raises(KeyError), window.slot():
            raise KeyError
    with window.slot():
        pass


def test_a_closed_window_gives_no_slot_and_lets_those_in_flight_finish():
    window = CallWindow(2)
    with window.slot():
        window.close('no credit')
        with pytest.raises(Stopped, match='no credit'), window.slot():
            pytest.fail('a call after the end')
    with pytest.raises(Stopped, match='no credit'):
        window.check_open()


def test_those_who_wait_for_a_slot_are_turned_away_when_the_window_closes():
    window = CallWindow(1)
    outcomes = []
    is_in_flight, may_end = threading.Event(), threading.Event()

    def call_long():
        with window.slot():
            is_in_flight.set()
            may_end.wait(20)
            window.close('interrupted')

    def call():
        try:
            with window.slot():
                outcomes.append('sent')
        except Stopped as error:
            outcomes.append(str(error))

    (first,) = run_all(call_long)
    is_in_flight.wait(20)
    waiting = run_all(*[call] * 8)
    may_end.set()
    for thread in (first, *waiting):
        thread.join()
    assert outcomes == ['interrupted'] * 8


def test_an_open_window_is_open():
    CallWindow(1).check_open()


def test_the_first_reason_stands_and_is_told_once():
    told = []
    window = CallWindow(1, on_close=lambda: told.append(None))
    for reason in ('wrong key', 'interrupted', 'the program ends'):
        window.close(reason)
    assert len(told) == 1
    with pytest.raises(Stopped, match='wrong key'):
        window.check_open()


def test_those_who_are_told_can_ask_for_the_reason():
    reasons = []

    def ask():
        try:
            window.check_open()
        except Stopped as error:
            reasons.append(str(error))

    window = CallWindow(1, on_close=ask)
    window.close('wrong key')
    assert reasons == ['wrong key']


def test_other_processes_reasons_are_looked_for_before_the_first_call_and_then_now_and_then():
    clock, looks = Clock(), []
    window = CallWindow(1, find_reason=lambda: looks.append(clock.now), clock=clock)
    for _ in range(30):
        with window.slot():
            clock.now += _LOOK_EVERY_S / 8
    assert looks[0] == 1000.0
    assert len(looks) == 4
    assert all(later - earlier >= _LOOK_EVERY_S for earlier, later in pairwise(looks))


def test_many_threads_look_for_a_reason_once():
    looks = []
    window = CallWindow(16, find_reason=lambda: looks.append(None), clock=Clock())
    barrier = threading.Barrier(16)

    def call():
        barrier.wait()
        with window.slot():
            pass

    for thread in run_all(*[call] * 16):
        thread.join()
    assert len(looks) == 1


def test_another_processes_reason_closes_the_window():
    clock, reasons = Clock(), iter([None, 'no credit', 'never asked'])
    window = CallWindow(1, find_reason=lambda: next(reasons), clock=clock)
    with window.slot():
        pass
    clock.now += _LOOK_EVERY_S
    with pytest.raises(Stopped, match='no credit'), window.slot():
        pytest.fail('a call after the end')
    with pytest.raises(Stopped, match='no credit'):
        window.check_open()
