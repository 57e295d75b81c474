"""The hold: how long calls wait after one was turned away, and when one of them tries whether they still have to.

A server may name the wait, and then mean that one call alone, or name more than its quota needs. So a named wait is
believed only when it has been tried: one call goes after a second, the next one after twice as long, and so on. A quota
that means what it says costs a job a handful of calls, once, since the delay is not forgotten until a try is let in.
"""

import math

# However long a server asks to wait, or says nothing, one call tries again after so long.
LONGEST_WAIT_S = 120.0
SHORTEST_WAIT_S = 0.05
# A little longer than the server says: then more than one call can go on.
_SLACK = 1.08
# The first early try of a wait that the server has named.
_FIRST_TRY_S = 1.0


class Hold:
    """Says until when calls are held back, and when one tries; not safe to share between threads.

    Attributes:
        until: when calls may go on.
        tries_at: when one call tries whether they may.
    """

    def __init__(self) -> None:
        self.until = self.tries_at = -math.inf
        self._named_until = -math.inf
        self._try_s = _FIRST_TRY_S

    @property
    def has_early_try(self) -> bool:
        """Whether a call tries before the others may go on."""
        return self.tries_at < self.until

    def guess(self, now: float, wait_s: float) -> None:
        """Holds calls back for so long, as the server has not named a wait."""
        self.until = self.tries_at = now + min(max(SHORTEST_WAIT_S, wait_s), LONGEST_WAIT_S)

    def name(self, now: float, wait_s: float) -> None:
        """Holds calls back for as long as the server has named; a shorter wait than one before does not end that."""
        wait_s = min(wait_s, LONGEST_WAIT_S)
        self._named_until = max(self._named_until, now + wait_s)
        self.until = max(self.until, now + _SLACK * wait_s)
        self.tries_at = min(self.until, now + self._try_s)

    def is_early(self, begun: float) -> bool:
        """Whether a call that began then did so before the wait was over that the server has named."""
        return begun < self._named_until

    def reject(self, begun: float) -> None:
        """Takes into account that the call that tried then was turned away."""
        if self.is_early(begun):
            self._try_s = min(2 * self._try_s, LONGEST_WAIT_S)

    def accept(self, begun: float) -> None:
        """Ends the hold: the call that tried then was let in."""
        if self.is_early(begun):
            self._try_s = _FIRST_TRY_S
        self.until = self.tries_at = self._named_until = -math.inf
