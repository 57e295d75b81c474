"""A discrete-event simulation: limiters, servers with quotas and a clock that jumps from event to event."""

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from random import Random

from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.limits.call_ends import CallEnd, end_of
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.retries import RetryPolicy

NETWORK_S = 0.025  # one way


class Clock:
    """Seconds that jump to the next event."""

    def __init__(self):
        self.now = 0.0
        self._events = []
        self._numbers = itertools.count()

    def __call__(self):
        return self.now

    def call_later(self, delay_s, function):
        heapq.heappush(self._events, (self.now + max(0.0, delay_s), next(self._numbers), function))

    def run(self, until=lambda: False, limit_s=1e6):
        while self._events and not until():
            at, _, function = heapq.heappop(self._events)
            assert at < limit_s, 'the simulation does not come to an end'
            self.now = at
            function()


class Unlimited:
    """A server that takes every call. `opens_at` says when it would take one: exactly, or None: when a call ends."""

    def admit(self, now, in_flight):
        return self.opens_at(now, in_flight) == now

    def opens_at(self, now, in_flight):
        return now

    def take(self, now):
        pass


class Chance(Unlimited):
    """A server that turns away such a share of all calls, whatever their number."""

    def __init__(self, share, seed=1):
        self.share, self.random = share, Random(seed)

    def opens_at(self, now, in_flight):
        return now if self.random.random() >= self.share else now + 1e-6


class Strays(Unlimited):
    """A server that turns away calls with these numbers, from 1, for reasons of their own, and no others."""

    def __init__(self, numbers, wait_s):
        self.numbers, self.wait_s, self.asked = numbers, wait_s, 0

    def opens_at(self, now, in_flight):
        self.asked += 1
        return now + self.wait_s if self.asked in self.numbers else now


class FixedWindow(Unlimited):
    def __init__(self, limit, window_s, phase_s=0.0, changes=()):
        self.limit, self.window_s, self.phase_s, self.changes = limit, window_s, phase_s, changes
        self.window, self.used = None, 0

    def limit_at(self, now):
        limit = self.limit
        for at, value in self.changes:
            if now >= at:
                limit = value
        return limit

    def opens_at(self, now, in_flight):
        window = (now + self.phase_s) // self.window_s
        if window != self.window:
            self.window, self.used = window, 0
        return now if self.used < self.limit_at(now) else (window + 1) * self.window_s - self.phase_s + 1e-9

    def take(self, now):
        self.used += 1


class SlidingWindow(FixedWindow):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.taken = deque()

    def opens_at(self, now, in_flight):
        while self.taken and self.taken[0] <= now - self.window_s:
            self.taken.popleft()
        limit = self.limit_at(now)
        return now if len(self.taken) < limit else self.taken[len(self.taken) - limit] + self.window_s

    def take(self, now):
        self.taken.append(now)


class TokenBucket(FixedWindow):
    """`limit` tokens in `window_s`, and as many as `burst` kept."""

    def __init__(self, limit, window_s, burst, changes=()):
        super().__init__(limit, window_s, changes=changes)
        self.burst, self.tokens, self.filled_at = burst, burst, 0.0

    def opens_at(self, now, in_flight):
        rate = self.limit_at(now) / self.window_s
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * rate)
        self.filled_at = now
        return now if self.tokens >= 1 - 1e-9 else now + (1 - self.tokens) / rate

    def take(self, now):
        self.tokens -= 1


class Closed(Unlimited):
    """A server that turns every call away from one moment to another, and before and afterwards none."""

    def __init__(self, since_s, until_s):
        self.since_s, self.until_s = since_s, until_s

    def opens_at(self, now, in_flight):
        return self.until_s if self.since_s <= now < self.until_s else now


class Cap(FixedWindow):
    def __init__(self, limit, changes=()):
        super().__init__(limit, 1.0, changes=changes)

    def opens_at(self, now, in_flight):
        return now if in_flight < self.limit_at(now) else None

    def take(self, now):
        pass


@dataclass
class Service:
    """A server: its limit, how long its calls take, when it is overloaded, and whether it says how long to wait."""

    limit: object
    latency_s: object = (0.5, 2.0)
    tells_wait: bool = False
    told_s: float | None = None  # what it says where it does not know
    overloads: tuple = ()  # (from, to, share of the calls that are turned away)
    random: Random = field(default_factory=lambda: Random(7))
    in_flight: int = 0
    accepted: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    overloaded: int = 0

    def draw_latency(self):
        return self.random.uniform(*self.latency_s) if isinstance(self.latency_s, tuple) else self.latency_s()

    def answer(self, clock, reply):
        """Answers a call that arrives now: `reply` is called with how it ended, when that is known here."""
        now = clock.now
        for begin, end, share in self.overloads:
            if begin <= now < end and self.random.random() < share:
                self.overloaded += 1
                reply(CallEnd('overloaded'))
                return
        opens_at = self.limit.opens_at(now, self.in_flight)
        if opens_at != now:
            self.refused.append(now)
            wait_s = self.told_s
            if self.tells_wait:
                wait_s = 1.0 if opens_at is None else opens_at - now
            error = ApiError('quota', 'too many', 429, retry_after_s=wait_s)
            reply(end_of(error, RetryPolicy().max_server_delay_s))
            return
        self.limit.take(now)
        self.accepted.append(now)
        self.in_flight += 1

        def finish():
            self.in_flight -= 1
            reply(CallEnd('accepted'))

        clock.call_later(self.draw_latency(), finish)


class Job:
    """A process that has so many calls to make, of which as many ask for a turn as twice its window."""

    def __init__(self, clock, service, calls, window=64, pace=None, starts_at=0.0, seed=1):
        self.clock, self.service, self.left, self.done = clock, service, calls, 0
        self.refused = 0
        self.finished_at = None
        self.waits = []
        self.random = Random(seed + 99)
        self.limiter = Limiter(window, pace, clock.call_later, clock)
        clock.call_later(starts_at, lambda: self.start(2 * window))

    def start(self, samples):
        for _ in range(samples):
            self.start_next()

    def start_next(self):
        if self.left:
            self.left -= 1
            self.ask(None, self.clock.now)

    def ask(self, earlier, since):
        turn = self.limiter.enter(earlier=earlier)
        turn.add_done_callback(lambda given: self.send(given.result(), since))

    def network(self):
        return NETWORK_S * self.random.uniform(0.8, 1.4)

    def send(self, turn, since):
        def reply(end):
            self.clock.call_later(self.network(), lambda: self.finish(turn, end, since))

        self.clock.call_later(self.network(), lambda: self.service.answer(self.clock, reply))

    def finish(self, turn, end, since):
        self.limiter.leave(turn, end)
        if end.kind == 'accepted':
            self.done += 1
            self.waits.append(self.clock.now - since)
            self.finished_at = self.clock.now
            self.start_next()
        else:
            self.refused += end.kind == 'quota'
            self.clock.call_later(turn.wait_s, lambda: self.ask(turn, since))


def count_possible(service, until_s, window=64):
    """How many calls a client begins by then that knows when a call is let in, with the same window."""
    ends, now, calls = [], 0.0, 0
    while now <= until_s:
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        opens_at = service.limit.opens_at(now, len(ends)) if len(ends) < window else None
        if opens_at == now:
            service.limit.take(now)
            heapq.heappush(ends, now + service.draw_latency() + 2.2 * NETWORK_S)
            calls += 1
        else:
            now = ends[0] if opens_at is None else min([opens_at, *ends[:1]])
    return calls


@dataclass(frozen=True)
class Result:
    """What came of a job: the share of the quota that was used up to the last call, and the share of calls wasted."""

    used: float
    wasted: float
    done: int
    longest_wait_s: float


def run(make_limit, calls, window=64, seed=1, pace=None, **service):
    """One job, alone on a server, until its last call is done."""
    clock, server = Clock(), Service(make_limit(), random=Random(seed), **service)
    job = Job(clock, server, calls, window, pace(clock) if pace else None, seed=seed)
    clock.run(until=lambda: job.done == calls)
    twin = Service(make_limit(), random=Random(seed), latency_s=server.latency_s)
    possible = count_possible(twin, server.accepted[-1], window)
    refused = len(server.refused)
    return Result(calls / possible, refused / (calls + refused), job.done, max(job.waits))


def run_together(make_limit, jobs, seconds, seed=1, starts_s=7.0, **service):
    """Several jobs that know nothing of each other: their shares of what was done in the last two thirds."""
    clock, server = Clock(), Service(make_limit(), random=Random(seed), **service)
    together = [
        Job(clock, server, 10**6, starts_at=number * starts_s, seed=seed * 100 + number) for number in range(jobs)
    ]
    clock.run(until=lambda: clock.now > seconds / 3)
    before = [job.done for job in together]
    clock.run(until=lambda: clock.now > seconds)
    done = [job.done - earlier for job, earlier in zip(together, before, strict=True)]
    refused = len(server.refused)
    return [calls * jobs / sum(done) for calls in done], refused / (len(server.accepted) + refused)
