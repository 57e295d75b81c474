"""Refusals that no quota explains: a server that is short of capacity turns calls away by chance, with a 429.

Slowing down does not help there, and whoever slows down at each refusal comes to a standstill. What tells the two
apart: where a quota is exceeded many times over, nearly all calls are turned away; by chance, the same share as before.
So whenever the rate has fallen to a fraction of what it was, and most calls were let in all the way down, it was noise.
For a while refusals then hold back nobody but the call itself.
"""

import math

_FRACTION = 1 / 8
_LARGEST_SHARE = 0.6
# While it lasts, so many calls are sent at a time before the share is looked at again.
_COUNTED_CALLS = 32
_LASTS_S = 60.0
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 8.0


class Noise:
    """Says whether refusals are noise; not safe to share between threads."""

    def __init__(self) -> None:
        self._highest = 0.0
        self._sent = 0
        self._refused = 0
        self._until = -math.inf

    def is_on(self, now: float) -> bool:
        """Whether refusals say nothing about how much may be sent."""
        return now < self._until

    def begin(self, now: float) -> None:
        """Takes into account that a call is sent."""
        self._sent += 1
        if self.is_on(now) and self._sent > _COUNTED_CALLS:
            if not self._are_most_let_in():
                self._until = -math.inf
            self._sent = self._refused = 0

    def reject(self) -> None:
        """Takes into account that a call was turned away."""
        self._refused += 1

    def settle(self, rate: float, now: float) -> None:
        """Takes into account the rate, in calls per second, that calls are to be sent at."""
        if rate > _FRACTION * self._highest:
            if rate >= self._highest:
                self._begin(rate)
            return
        if self._are_most_let_in():
            self._until = now + _LASTS_S
        self._begin(rate)

    def _begin(self, rate: float) -> None:
        self._highest, self._sent, self._refused = rate, 0, 0

    def _are_most_let_in(self) -> bool:
        return self._refused < _LARGEST_SHARE * self._sent


def back_off_s(refusals: int, asked_s: float | None) -> float:
    """How many seconds a call waits that was turned away so often: as many as the server asks for, if it does."""
    if asked_s is not None:
        return asked_s
    return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(refusals - 1, 16))
