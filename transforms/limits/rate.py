"""The rate that a quota lets in, found from the calls that it turns away.

Nothing is limited until a call is turned away. Then the gate closes, and one call at a time tries whether it is open
again, when `hold` says. From one opening to the next the server has let in what its quota gives, whether it counts in
fixed windows, sliding windows or tokens: that is the rate from then on. It starts a little below, stays long near to
it, and then grows ever faster (the cubic curve by which TCP looks for bandwidth), so that a quota that has grown is
found within tens of seconds and one that has not costs a call in a hundred.

A quota that lets hundreds of calls in before it turns one away needs no pacing: it is enough to wait until it opens.
Nor does a server that turns a single call away, names a wait, and lets another in before that is over: it was the call.
Processes that share a quota meet fairly: who sends more is turned away, and slows down, more often.
"""

import math
from collections import deque

from beam_image_edit.transforms.limits.hold import LONGEST_WAIT_S, SHORTEST_WAIT_S, Hold
from beam_image_edit.transforms.limits.noise import Noise
from beam_image_edit.transforms.limits.turns import Turn

# A run of so many calls without one turned away is taken again as it was. Of so many calls a single one may be turned
# away for reasons of its own.
_LONG_RUN = 40
# The share of the rate found at which it starts.
_START = 0.97
# How long it takes back to it, in seconds, or in calls if they are rare. Each time that about the same rate is found
# again, it takes twice as many seconds, up to a limit.
_RETURN_S = 1.0
_RETURN_CALLS = 8
_MOST_PATIENCE = 6
_SAME = 0.25
# What it grows by besides in that time: so many calls per second, whatever the rate, so that of several processes the
# slower ones catch up; but at most this share.
_STEADY_CALLS_S = 0.4
_LARGEST_STEADY = 0.2
# After a short run the rate drops by so much, after each further one by twice as much.
_FIRST_DROP = 0.035
_LARGEST_DROP = 0.5
# A rate that has grown unused counts up to so much of what was let in.
_USED = 1.3
# So many calls are counted, if need be over several openings, before a rate is believed.
_COUNTED_CALLS = 10
# When the gate has opened, the first window of calls does not go out all at once, so that a quota can say no before.
_RAMP_S = 0.5
# The next try, where the server does not say when: after this share of the time since the gate closed.
_PROBE_GROWTH = 0.5


class AdaptiveRate:
    """Says when the next call may begin; not safe to share between threads.

    Args:
        window: calls in flight at the most.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._plateau: float | None = None
        self._patience = 1
        self._short_runs = 0
        self._cut_at = self._refused_at = -math.inf
        self._due = -math.inf
        self._hold = Hold()
        self._is_closed = False
        self._is_alone = False
        self._keeps_rate = False
        self._probe: Turn | None = None
        self.noise = Noise()
        self._let_in = 0
        self._let_in_at_refusal = -math.inf
        self._opened_at, self._let_in_before = math.nan, 0
        self._runs: deque[tuple[float, int]] = deque(maxlen=4)
        self.verdict_s = SHORTEST_WAIT_S

    def calls_per_second(self, now: float) -> float:
        """The rate that is kept; infinite: any."""
        if self._let_in - self._let_in_before < self._window:
            return min(self._calls_found(now), self._window / _RAMP_S)
        return self._calls_found(now)

    def _calls_found(self, now: float) -> float:
        if self._plateau is None:
            return math.inf
        return_s = max(self._patience * _RETURN_S, min(_RETURN_CALLS / self._plateau, LONGEST_WAIT_S))
        returns = (now - self._cut_at) / return_s
        steady = min(_STEADY_CALLS_S / self._plateau, _LARGEST_STEADY) * returns
        return self._plateau * (1 + steady + (1 - _START) * (returns - 1) ** 3)

    def next_at(self, now: float) -> float:
        """When the next call may begin, for all that is known now."""
        if not self._is_closed:
            return max(self._due, self._hold.until)
        if self._probe is None:
            return self._hold.tries_at
        # Calls are turned away at once and accepted after minutes: silence means yes.
        verdict_at = self._probe.begun + self.verdict_s
        if now < verdict_at:
            return verdict_at
        self._open(now)
        return max(self._due, self._hold.until)

    def begin(self, turn: Turn) -> None:
        """Takes into account that a call begins."""
        if math.isnan(self._opened_at):
            self._opened_at = turn.begun
        interval_s = 1 / self.calls_per_second(turn.begun)
        self.noise.begin(turn.begun)
        self._let_in += 1
        if self._is_closed:
            self._probe = turn
        else:
            self._due = max(self._due, turn.begun) + interval_s

    def accept(self, turn: Turn, now: float) -> None:
        """Takes into account that a call was let in."""
        if turn is self._probe:
            self._open(now)

    def is_early_try(self, turn: Turn) -> bool:
        """Whether a call was begun to try whether others have to wait as long as the server has named."""
        return turn is self._probe and self._hold.is_early(turn.begun)

    def note_verdict(self, turn: Turn, now: float) -> None:
        """Takes into account how soon a call is turned away that is turned away."""
        self.verdict_s = max(0.9 * self.verdict_s, 2 * (now - turn.begun), SHORTEST_WAIT_S)

    def leave_unsent(self, turn: Turn) -> None:
        """Takes into account that a call was not sent after all."""
        self._let_in -= 1
        if turn is self._probe:
            self._probe = None

    def reject(self, turn: Turn, now: float, wait_s: float | None, limit_per_minute: float | None = None) -> None:
        """Takes into account that a call was turned away."""
        self._let_in -= 1
        self.noise.reject()
        wait_s = wait_s or None  # a server that says 0 turns the next call away as well
        is_first = not self._is_closed and turn.begun > self._refused_at
        self._is_alone = is_first and self._let_in - self._let_in_at_refusal >= _LONG_RUN
        self._let_in_at_refusal = self._let_in
        if turn is self._probe:
            self._probe = None
            self._hold.reject(turn.begun)
            self._hold_back(now, wait_s, _PROBE_GROWTH * (now - self._refused_at))
        elif is_first:
            # Others of the same rush have nothing to add: the next try tells more than they do.
            self._refused_at = now
            self._hold_back(now, wait_s, 1 / self._calls_found(now))
            self._end_run(now, limit_per_minute)

    def _hold_back(self, now: float, named_s: float | None, guessed_s: float) -> None:
        if named_s is None:
            self._hold.guess(now, guessed_s)
        else:
            self._hold.name(now, named_s)
            self._is_closed |= self._hold.has_early_try

    def _end_run(self, now: float, limit_per_minute: float | None) -> None:
        """Closes the gate after a short run; a long one is taken again as it was."""
        if self._plateau is None and limit_per_minute:
            self._settle(limit_per_minute / 60, now)
        self._keeps_rate = self._let_in - self._let_in_before >= _LONG_RUN
        if not self._keeps_rate:
            self._is_closed = True
            return
        self._short_runs = 0
        seconds, calls = self._count_run(now)
        if self._plateau is None:
            self._settle(calls / seconds, now)

    def _open(self, now: float) -> None:
        """Lets calls go on after the gate was closed."""
        begun = self._probe.begun if self._probe else now
        is_stray = self._is_alone and self._hold.is_early(begun)
        if not (is_stray or self._keeps_rate):
            self._find_rate(now)
        self._hold.accept(begun)
        # The next one comes as if this had been known when the probe was sent.
        self._due = begun + 1 / self._calls_found(now)
        self._is_closed, self._probe = False, None

    def _find_rate(self, now: float) -> None:
        """Begins anew at the rate that was let in since the gate opened the last time."""
        _, let_in = self._count_run(now)
        self._short_runs += 1
        if let_in <= 1 and self._plateau is None:
            # The server was closed from the beginning, so that nothing is known of what it lets in when it is open.
            self._runs.clear()
        else:
            self._settle(self._drop(now), now)

    def _count_run(self, now: float) -> tuple[float, int]:
        run = max(now - self._opened_at, 0.001), self._let_in - self._let_in_before
        self._runs.append(run)
        self._opened_at, self._let_in_before = now, self._let_in
        return run

    def _drop(self, now: float) -> float:
        """The rate to go on with after a short run."""
        measured = self._measure()
        if self._plateau is None:
            return measured
        rate = min(self._calls_found(now), _USED * measured)
        drop = min(_FIRST_DROP * 2 ** (self._short_runs - 1), _LARGEST_DROP)
        return max(min(measured, rate), rate * (1 - drop))

    def _settle(self, found: float, now: float) -> None:
        found = max(min(found, self._window / _RAMP_S), 1 / LONGEST_WAIT_S)
        is_same = self._plateau is not None and abs(found - self._plateau) <= _SAME * self._plateau
        self._patience = min(2 * self._patience, _MOST_PATIENCE) if is_same else 1
        self._plateau, self._cut_at = found, now
        self.noise.settle(found, now)
        if self.noise.is_on(now):
            self._plateau, self._hold = None, Hold()

    def _measure(self) -> float:
        seconds, calls = 0.0, 0
        for length_s, let_in in reversed(self._runs):
            seconds, calls = seconds + length_s, calls + let_in
            if calls >= _COUNTED_CALLS:
                break
        return max(calls, 1) / seconds
