"""The limiter's promises to those that ask it."""

import threading

import pytest

from beam_image_edit.transforms.clients.waits import read_limit_per_minute
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.limits.call_ends import ACCEPTED, UNSENT, CallEnd, end_of
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.limits.pace import ProcessPace
from beam_image_edit.transforms.limits.places import Limits

QUOTA = CallEnd('quota')


def run_for(clock, seconds):
    end = clock.now + seconds
    clock.call_later(seconds, lambda: None)
    clock.run(until=lambda: clock.now >= end)


@pytest.fixture
def clock(sim):
    return sim.Clock()


def test_no_more_turns_than_the_window(clock):
    limiter = Limiter(3, None, clock.call_later, clock)
    turns = [limiter.enter() for _ in range(5)]
    run_for(clock, 10)
    assert [turn.done() for turn in turns] == [True, True, True, False, False]
    limiter.leave(turns[0].result(), ACCEPTED)
    run_for(clock, 10)
    assert turns[3].done()
    assert not turns[4].done()


def test_call_that_is_put_back_comes_before_younger_ones(clock):
    limiter = Limiter(1, None, clock.call_later, clock)
    first, second = limiter.enter(), limiter.enter()
    turn = first.result()
    again = limiter.enter(earlier=turn)
    limiter.leave(turn, QUOTA)
    run_for(clock, 1000)
    assert again.done()
    assert not second.done()


class Server:
    """Answers calls by their names: those that are refused with 429 after 50 ms, others with an image after 500 ms."""

    def __init__(self, clock, limiter, refused, told_s=None):
        self.clock, self.limiter, self.refused = clock, limiter, refused
        self.told_s = told_s  # how long a call is to wait, by its 429
        self.served, self.turns = [], {}

    def call(self, name, earlier=None):
        self.limiter.enter(earlier=earlier).add_done_callback(lambda asked: self.answer(name, asked.result()))

    def answer(self, name, turn):
        self.turns[name] = turn
        is_refused = name in self.refused
        self.clock.call_later(0.05 if is_refused else 0.5, lambda: self.finish(name, turn, is_refused))

    def finish(self, name, turn, is_refused):
        self.limiter.leave(turn, CallEnd('quota', self.told_s) if is_refused else ACCEPTED)
        if is_refused and turn.overtaken < 5:
            self.clock.call_later(turn.wait_s, lambda: self.call(name, turn))
        else:
            self.served.append(name)


def test_call_that_is_always_turned_away_holds_up_nobody(clock):
    server = Server(clock, Limiter(2, None, clock.call_later, clock), refused={0})
    for name in range(20):
        server.call(name)
    clock.run(until=lambda: len(server.served) == 20, limit_s=60)
    assert clock.now < 30


def test_call_waits_for_as_long_as_its_own_answer_says(clock):
    server = Server(clock, Limiter(2, None, clock.call_later, clock), refused={3}, told_s=60)
    for name in range(20):
        server.call(name)
    clock.run(until=lambda: len(server.served) == 19)
    assert clock.now < 10
    assert server.turns[3].refusals == 1
    server.refused.clear()
    clock.run(until=lambda: 3 in server.served, limit_s=65)
    assert clock.now > 60


def test_nobody_is_overtaken_where_nobody_is_let_in(clock):
    server = Server(clock, Limiter(2, None, clock.call_later, clock), refused={0, 1, 2})
    for name in range(3):
        server.call(name)
    clock.run(until=lambda: clock.now > 3600)
    assert server.served == []
    assert max(turn.overtaken for turn in server.turns.values()) == 0


def test_only_one_call_at_a_time_tries_while_the_gate_is_closed(clock):
    limiter = Limiter(8, None, clock.call_later, clock)
    for _ in range(2):
        limiter.leave(limiter.enter().result(), ACCEPTED)
        run_for(clock, 1)
    begun = []

    def answer(given):
        begun.append(clock.now)
        limiter.leave(given.result(), CallEnd('quota', 32 - clock.now) if clock.now < 32 else ACCEPTED)

    limiter.leave(limiter.enter().result(), CallEnd('quota', wait_s=30))
    for _ in range(6):
        limiter.enter().add_done_callback(answer)
    run_for(clock, 60)
    # A second after the first one was turned away, then after twice as long each time; the rest once one is let in.
    assert begun[:5] == pytest.approx([3, 5, 9, 17, 33], abs=0.01)
    assert len(begun) == 6


def test_unsent_call_gives_its_turn_back(clock):
    limiter = Limiter(1, None, clock.call_later, clock)
    first, second = limiter.enter(), limiter.enter()
    limiter.leave(first.result(), UNSENT)
    run_for(clock, 1)
    assert second.done()


def test_closed_limiter_lets_everybody_through(clock):
    pace = ProcessPace(Limits(requests_per_minute=1), clock)
    limiter = Limiter(2, pace, clock.call_later, clock)
    turns = [limiter.enter() for _ in range(9)]
    run_for(clock, 1)
    assert sum(turn.done() for turn in turns) == 1
    limiter.close()
    assert all(turn.done() for turn in [*turns, limiter.enter()])


def test_told_pace_spaces_turns_by_their_images(clock):
    pace = ProcessPace(Limits(images_per_minute=60), clock)
    limiter = Limiter(8, pace, clock.call_later, clock)
    begun = []
    for images in (4, 1, 1):
        limiter.enter(images).add_done_callback(lambda given: begun.append(given.result().begun))
    run_for(clock, 20)
    assert begun == pytest.approx([0, 3.06, 4.08], abs=0.01)


def test_threads_share_a_limiter():
    limiter = Limiter(4, None, lambda delay_s, wake: threading.Timer(delay_s, wake).start())
    in_flight, most, lock = [], [], threading.Lock()

    def call():
        for _ in range(20):
            turn = limiter.enter().result(timeout=60)
            with lock:
                in_flight.append(turn)
                most.append(len(in_flight))
            with lock:
                in_flight.remove(turn)
            limiter.leave(turn, ACCEPTED)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(most) == 160
    assert max(most) <= 4


@pytest.mark.parametrize(
    ('error', 'kind'),
    [
        (None, 'accepted'),
        (ApiError('quota', '', 429), 'quota'),
        (ApiError('retry', '', 503), 'overloaded'),
        (ApiError('retry', '', 529), 'overloaded'),
        (ApiError('retry', '', 500), 'accepted'),
        (ApiError('refused', '', 400), 'accepted'),
        (ApiError('retry', 'no whole answer', may_be_billed=True), 'accepted'),
        (ApiError('retry', 'no connection'), 'unknown'),
    ],
)
def test_end_of_a_call(error, kind):
    assert end_of(error).kind == kind


@pytest.mark.parametrize(('text', 'limit'), [('500', 500.0), ('', None), ('0', None), ('²', None), ('1e3', None)])
def test_limit_in_headers(text, limit):
    assert read_limit_per_minute({'x-ratelimit-limit-requests': text}) == limit


def test_single_refusal_holds_back_only_its_call_where_limits_are_told(clock):
    pace = ProcessPace(Limits(requests_per_minute=600), clock)
    server = Server(clock, Limiter(8, pace, clock.call_later, clock), refused={30}, told_s=60)
    for name in range(100):
        server.call(name)
    clock.run(until=lambda: 30 in server.turns and server.turns[30].is_turned_away)
    server.refused.clear()
    clock.run(until=lambda: len(server.served) == 99)
    assert 30 not in server.served
    assert clock.now < 1.08 * 100 * 60 / 600
    clock.run(until=lambda: 30 in server.served, limit_s=65)


def test_limits_that_are_told_too_high_are_found_all_the_same(sim):
    result = sim.run(lambda: sim.SlidingWindow(10, 1), 1000, pace=lambda clock: ProcessPace(Limits(1200), clock))
    assert result.wasted < 0.06
    assert result.used > 0.85
