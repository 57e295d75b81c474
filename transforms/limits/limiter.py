"""The limiter: every call asks it for its turn, and tells it how the call ended.

Whoever waits holds no thread: a turn is a future. Turns are given in the order in which calls first asked, so a call
that was turned away, and asks again, comes before all younger ones. One that is turned away again and again lets those
go first that wait already: what is wrong may be the call, and not the quota, and then nobody else would ever get in.
While nothing is turned away and no limits are told, a turn is given at once as long as there is room in the window.
"""

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from beam_image_edit.transforms.limits.call_ends import CallEnd
from beam_image_edit.transforms.limits.cap import AdaptiveCap
from beam_image_edit.transforms.limits.noise import back_off_s
from beam_image_edit.transforms.limits.overload import OverloadBrake
from beam_image_edit.transforms.limits.pace import Pace
from beam_image_edit.transforms.limits.rate import AdaptiveRate
from beam_image_edit.transforms.limits.turns import Turn
from beam_image_edit.transforms.meter import Meter

# A place of the pace that could not be used in time is given up: a call may not come later than the others count on.
_LATE_S = 0.25
# A call that was turned away so often in a row lets those go first that wait then.
_SUSPECT_REFUSALS = 2
# When nothing was let in for so long, the log says so, and says it again after as long.
_SILENCE_S = 60.0
# Where limits are told, fewer calls turned away among so many are no more than an accident: some came late, and so came
# together with others.
_MANY_REFUSALS = 4
_AMONG_CALLS = 100

_log = logging.getLogger(__name__)


@dataclass(slots=True, order=True)
class _Waiting:
    """A call that waits for its turn."""

    rank: int
    asked: int
    images: int = field(compare=False)
    earlier: Turn | None = field(compare=False)
    future: 'Future[Turn]' = field(compare=False)


class Limiter:
    """Gives calls their turns; safe to share between threads.

    Args:
        window: calls in flight at the most.
        pace: who keeps the limits that the user has told; None: none are told.
        meter: told how many calls are in flight, how many were turned away, and how long calls were held back.
        clock: seconds that only grow.
        call_later: calls a function after so many seconds, on whatever thread.
    """

    def __init__(
        self,
        window: int,
        pace: Pace | None,
        call_later: Callable[[float, Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
        meter: Meter | None = None,
    ) -> None:
        self._window = window
        self._pace = pace
        self._call_later = call_later
        self._clock = clock
        self._meter = meter or Meter()
        self._held_since: float | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: list[_Waiting] = []
        self._in_flight: dict[Turn, None] = {}
        self._rate = AdaptiveRate(window)
        self._cap = AdaptiveCap()
        self._brake = OverloadBrake(window)
        self._booked: tuple[_Waiting, float] | None = None
        self._wakes_at = math.inf
        self._is_wake_new = False
        self._is_closed = False
        self._begun = 0
        self._refused_at_call: deque[int] = deque(maxlen=_MANY_REFUSALS)
        self._let_in_begun = -math.inf
        self._let_in_at = clock()

    def enter(self, images: int = 1, earlier: Turn | None = None) -> 'Future[Turn]':
        """Asks for a turn; the future has it when the call may begin. Whoever gets it must `leave`.

        Args:
            images: how many the call asks for.
            earlier: the call's last turn, if it had one.
        """
        future: Future[Turn] = Future()
        with self._lock:
            asked = next(self._numbers)
            rank = asked if earlier is None else earlier.rank
            if earlier and earlier.refusals >= _SUSPECT_REFUSALS and self._waiting:
                rank = max(rank, *(waiting.rank for waiting in self._waiting))
            heapq.heappush(self._waiting, _Waiting(rank, asked, images, earlier, future))
        self._advance()
        return future

    def leave(self, turn: Turn, end: CallEnd) -> None:
        """Says how a call ended."""
        with self._lock:
            now = self._clock()
            if end.kind == 'accepted':
                self._let_in_at, self._let_in_begun = now, max(self._let_in_begun, turn.begun)
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
            self._meter.add('in_flight', -1)
        self._advance()

    def close(self) -> None:
        """Gives everybody a turn who waits, now and from now on: nothing is to be sent any more."""
        with self._lock:
            self._is_closed = True
        self._advance()

    def _take_back(self, turn: Turn, now: float, end: CallEnd) -> None:
        turn.is_turned_away = True
        self._meter.add('turned_away')
        turn.refusals += 1
        turn.overtaken += self._is_overtaken(turn, now)
        turn.refused_at = min(turn.refused_at, now)
        self._report_silence(now)
        for other in itertools.takewhile(lambda other: other is not turn, reversed(self._in_flight)):
            other.ahead -= 1  # begun since then, it had counted this one
        self._rate.note_verdict(turn, now)
        turn.wait_s = end.wait_s or 0.0
        if self._rate.noise.is_on(now):
            self._rate.noise.reject()
            self._rate.leave_unsent(turn)
            self._brake.reject(now)
            turn.wait_s = back_off_s(turn.refusals, end.wait_s)
        elif self._pace and self._is_accident():
            self._rate.leave_unsent(turn)
            turn.wait_s = back_off_s(turn.refusals, end.wait_s)
        elif not self._rate.is_early_try(turn) and self._cap.reject(turn, now, self._rate.verdict_s):
            self._rate.leave_unsent(turn)
        else:
            self._rate.reject(turn, now, end.wait_s, end.limit_per_minute)

    def _is_overtaken(self, turn: Turn, now: float) -> bool:
        """Whether a call was let in that began after this one was first turned away."""
        if self._let_in_begun > turn.refused_at:
            return True
        began_later = itertools.takewhile(lambda other: other.begun > turn.refused_at, reversed(self._in_flight))
        return any(other is not turn and now - other.begun >= self._rate.verdict_s for other in began_later)

    def _is_accident(self) -> bool:
        """Takes into account that a call was turned away; whether that says nothing about limits that are told."""
        self._refused_at_call.append(self._begun)
        is_rare = len(self._refused_at_call) < _MANY_REFUSALS
        return is_rare or self._begun - self._refused_at_call[0] > _AMONG_CALLS

    def _report_silence(self, now: float) -> None:
        if len(self._in_flight) == 1 and now - self._let_in_at >= _SILENCE_S:
            self._let_in_at = now
            _log.warning('the server turns calls away for their number (429): waiting until it lets one in')

    def _advance(self) -> None:
        """Gives all turns that can be given now, and sees to it that the next one is given in time."""
        with self._lock:
            given = []
            while waiting := self._take_next():
                turn = self._begin(waiting)
                given.append((waiting.future, turn))
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
        now = self._clock()
        if not self._booked and not self._waiting:
            self._note_hold(now, is_held=False)
            return None
        if not self._is_closed:
            if len(self._in_flight) >= self._room(now):
                self._note_hold(now, is_held=len(self._in_flight) < self._window)
                return None  # until a call ends
            begins_at = max(
                self._rate.next_at(now), self._cap.next_at(now, self._rate.verdict_s), self._brake.hold_until
            )
            if begins_at <= now and self._pace:
                begins_at = self._book(self._pace, now)
            if begins_at > now:
                self._note_hold(now, is_held=True)
                if begins_at < self._wakes_at:
                    self._wakes_at, self._is_wake_new = begins_at, True
                return None
        self._note_hold(now, is_held=False)
        if self._booked:
            (waiting, _), self._booked = self._booked, None
            return waiting
        return heapq.heappop(self._waiting)

    def _begin(self, waiting: _Waiting) -> Turn:
        turn = Turn(waiting.rank, waiting.images, self._clock(), len(self._in_flight))
        if waiting.earlier and waiting.earlier.is_turned_away:
            turn.refusals, turn.refused_at = waiting.earlier.refusals, waiting.earlier.refused_at
            turn.overtaken = waiting.earlier.overtaken
        self._in_flight[turn] = None
        self._meter.add('in_flight')
        self._begun += 1
        self._rate.begin(turn)
        self._cap.begin(turn)
        return turn

    def _note_hold(self, now: float, is_held: bool) -> None:
        """Counts the time during which calls wait although the window has room for them."""
        if self._held_since is not None:
            self._meter.add('throttled_ms', round(1000 * (now - self._held_since)))
        self._held_since = now if is_held else None

    def _room(self, now: float) -> int:
        cap = self._cap.limit(now)
        return min(self._window, self._brake.limit, self._window if cap is None else cap)

    def _book(self, pace: Pace, now: float) -> float:
        """The place of the call that is next."""
        if self._booked is None or now > self._booked[1] + _LATE_S:
            waiting = self._booked[0] if self._booked else self._waiting[0]
            place = now + pace.book(waiting.images)
            if self._booked is None:
                heapq.heappop(self._waiting)
            self._booked = waiting, place
        return self._booked[1]
