"""The stop switch: nothing is sent once it is thrown, whoever threw it, and asking costs next to nothing."""

import threading
from itertools import pairwise

import pytest

from beam_image_edit.transforms.errors import Stopped
from beam_image_edit.transforms.stop_switch import _LOOK_EVERY_S, StopSwitch


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_switch_that_is_not_thrown_stops_nobody():
    StopSwitch().check()


def test_first_reason_stands_and_is_told_once():
    told = []
    switch = StopSwitch(on_stop=lambda: told.append(None))
    for reason in ('wrong key', 'interrupted', 'the program ends'):
        switch.throw(reason)
    assert len(told) == 1
    with pytest.raises(Stopped, match='wrong key'):
        switch.check()


def test_those_who_are_told_can_ask_for_the_reason():
    reasons = []

    def ask():
        try:
            switch.check()
        except Stopped as error:
            reasons.append(str(error))

    switch = StopSwitch(on_stop=ask)
    switch.throw('wrong key')
    assert reasons == ['wrong key']


def test_other_processes_reasons_are_looked_for_before_the_first_call_and_then_now_and_then():
    clock, looks = Clock(), []
    switch = StopSwitch(find_reason=lambda: looks.append(clock.now), clock=clock)
    for _ in range(30):
        switch.check()
        clock.now += _LOOK_EVERY_S / 8
    assert looks[0] == 1000.0
    assert len(looks) == 4
    assert all(later - earlier >= _LOOK_EVERY_S for earlier, later in pairwise(looks))


def test_many_threads_look_for_a_reason_once():
    looks = []
    switch = StopSwitch(find_reason=lambda: looks.append(None), clock=Clock())
    begin = threading.Barrier(16)

    def ask():
        begin.wait(20)
        switch.check()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looks == [None]


def test_another_processes_reason_throws_the_switch():
    clock, reasons = Clock(), iter([None, 'no credit'])
    switch = StopSwitch(find_reason=lambda: next(reasons), clock=clock)
    switch.check()
    clock.now += _LOOK_EVERY_S
    for _ in range(2):
        with pytest.raises(Stopped, match='no credit'):
            switch.check()
