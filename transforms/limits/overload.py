"""Stepping back from a server that is overloaded: it says so by 503 or 529, and no quota is at fault.

While at least half of the calls are taken on, nothing is held back: many servers turn some calls away at random, and
fewer calls would not help. Below that, calls in flight go down with the share that succeeds, to one in the end, which
is sent ever more rarely until it succeeds.
"""

import math

# The share is that of the last calls, of which each counts as much as this.
_WEIGHT = 1 / 16
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


class OverloadBrake:
    """Says how many calls a server may be asked to take on; not safe to share between threads.

    Args:
        window: calls in flight at the most.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._share = 1.0
        self._wait_s = _FIRST_WAIT_S
        self.hold_until = -math.inf

    @property
    def limit(self) -> int:
        """How many calls may be in flight."""
        return max(1, int(self._window * self._part))

    @property
    def _part(self) -> float:
        return min(1.0, 2 * self._share)

    def accept(self) -> None:
        """Takes into account that a call was taken on."""
        self._share += _WEIGHT * (1 - self._share)
        self._wait_s = _FIRST_WAIT_S

    def reject(self, now: float, wait_s: float | None = None) -> None:
        """Takes into account that a call was turned away, and how long the server asks to wait, if it does."""
        self._share -= _WEIGHT * self._share
        if self.limit == 1 and self._part < 1 and now >= self.hold_until:
            self.hold_until = now + max(self._wait_s, wait_s or 0)
            self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s)
