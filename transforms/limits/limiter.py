"""The limiter: every call asks it for its turn, and tells it how the call ended.

Whoever waits holds no thread: a turn is a future. Turns are given in the order in which calls first asked, so a call
that was turned away, and asks again with its old rank, comes before all younger ones. While nothing is turned away and
no limits are told, a turn is given at once as long as there is room in the window.
"""

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from beam_image_edit.transforms.limits.call_ends import CallEnd
from beam_image_edit.transforms.limits.cap import AdaptiveCap
from beam_image_edit.transforms.limits.overload import OverloadBrake
from beam_image_edit.transforms.limits.pace import Pace
from beam_image_edit.transforms.limits.rate import AdaptiveRate
from beam_image_edit.transforms.limits.turns import Turn

# A place of the pace that could not be used in time is given up: a call may not come later than the others count on.
_LATE_S = 0.25
_Waiting = tuple[int, int, 'Future[Turn]']


class Limiter:
    """Gives calls their turns; safe to share between threads.

    Args:
        window: calls in flight at the most.
        pace: who keeps the limits that the user has told; None: none are told.
        clock: seconds that only grow.
        call_later: calls a function after so many seconds, on whatever thread.
    """

    def __init__(
        self,
        window: int,
        pace: Pace | None,
        call_later: Callable[[float, Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = window
        self._pace = pace
        self._call_later = call_later
        self._clock = clock
        self._lock = threading.Lock()
        self._ranks = itertools.count()
        self._waiting: list[_Waiting] = []
        self._in_flight: dict[Turn, None] = {}
        self._rate = AdaptiveRate(window)
        self._cap = AdaptiveCap()
        self._brake = OverloadBrake(window)
        self._booked: tuple[_Waiting, float] | None = None
        self._wakes_at = math.inf
        self._is_wake_new = False
        self._is_closed = False

    def enter(self, images: int = 1, rank: int | None = None) -> 'Future[Turn]':
        """Asks for a turn; the future has it when the call may begin. Whoever gets it must `leave`.

        Args:
            images: how many the call asks for.
            rank: that of the call's first turn, if it had one.
        """
        future: Future[Turn] = Future()
        with self._lock:
            heapq.heappush(self._waiting, (next(self._ranks) if rank is None else rank, images, future))
        self._advance()
        return future

    def leave(self, turn: Turn, end: CallEnd) -> None:
        """Says how a call ended."""
        with self._lock:
            now = self._clock()
            if end.kind == 'accepted':
                self._rate.accept(turn, now)
                self._cap.accept(turn)
                self._brake.accept()
            elif end.kind == 'quota':
                self._take_back(turn, now, end)
            else:
                self._rate.leave_unsent(turn)
                if end.kind == 'overloaded':
                    self._brake.reject(now, end.wait_s)
            del self._in_flight[turn]
        self._advance()

    def close(self) -> None:
        """Gives everybody a turn who waits, now and from now on: nothing is to be sent any more."""
        with self._lock:
            self._is_closed = True
        self._advance()

    def _take_back(self, turn: Turn, now: float, end: CallEnd) -> None:
        turn.is_turned_away = True
        for other in itertools.takewhile(lambda other: other is not turn, reversed(self._in_flight)):
            other.ahead -= 1  # begun since then, it had counted this one
        self._rate.note_verdict(turn, now)
        if self._cap.reject(turn, now, self._rate.verdict_s):
            self._rate.leave_unsent(turn)
        else:
            self._rate.reject(turn, now, end.wait_s, end.limit_per_minute)

    def _advance(self) -> None:
        """Gives all turns that can be given now, and sees to it that the next one is given in time."""
        with self._lock:
            given = []
            while waiting := self._take_next():
                turn = self._begin(waiting)
                given.append((waiting[2], turn))
            wakes_at, delay_s = self._wakes_at, self._wakes_at - self._clock()
            is_new, self._is_wake_new = self._is_wake_new, False
        if is_new:
            self._call_later(max(0.0, delay_s), lambda: self._wake_up(wakes_at))
        for future, turn in given:
            future.set_result(turn)

    def _wake_up(self, at: float) -> None:
        with self._lock:
            if at == self._wakes_at:
                self._wakes_at = math.inf
        self._advance()

    def _take_next(self) -> _Waiting | None:
        """The call that may begin now; None if none may."""
        if not self._booked and not self._waiting:
            return None
        now = self._clock()
        if not self._is_closed:
            if len(self._in_flight) >= self._room(now):
                return None  # until a call ends
            begins_at = max(
                self._rate.next_at(now), self._cap.next_at(now, self._rate.verdict_s), self._brake.hold_until
            )
            if begins_at <= now and self._pace:
                begins_at = self._book(self._pace, now)
            if begins_at > now:
                if begins_at < self._wakes_at:
                    self._wakes_at, self._is_wake_new = begins_at, True
                return None
        if self._booked:
            (waiting, _), self._booked = self._booked, None
            return waiting
        return heapq.heappop(self._waiting)

    def _begin(self, waiting: _Waiting) -> Turn:
        rank, images, _ = waiting
        turn = Turn(rank, images, self._clock(), len(self._in_flight))
        self._in_flight[turn] = None
        self._rate.begin(turn)
        self._cap.begin(turn)
        return turn

    def _room(self, now: float) -> int:
        cap = self._cap.limit(now)
        return min(self._window, self._brake.limit, self._window if cap is None else cap)

    def _book(self, pace: Pace, now: float) -> float:
        """The place of the call that is next."""
        if self._booked is None or now > self._booked[1] + _LATE_S:
            waiting = self._booked[0] if self._booked else heapq.heappop(self._waiting)
            self._booked = waiting, now + pace.book(waiting[1])
        return self._booked[1]
