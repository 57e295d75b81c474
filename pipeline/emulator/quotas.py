"""Quotas: how many calls are let in, per minute and at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WINDOW_S = 60.0
_BUSY_S = 1.0  # what a client is told to wait where too many calls are in progress


class QuotaExceeded(Exception):
    """A call that was not let in.

    Attributes:
        retry_after_s: how long to wait, in seconds.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f'retry after {retry_after_s} s')
        self.retry_after_s = retry_after_s


class Quotas:
    """The two limits; refused calls count towards neither.

    Args:
        per_minute: calls begun in any 60 seconds; None: no limit.
        at_a_time: calls in progress; None: no limit.
        clock: seconds that only grow.
    """

    def __init__(
        self, per_minute: int | None = None, at_a_time: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self._at_a_time = at_a_time
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Forgets the calls so far."""
        self._begun: deque[float] = deque()
        self._in_progress = 0

    @property
    def remaining(self) -> int:
        """How many calls may still begin in this minute; 0 without a limit."""
        self._forget_old()
        return max(0, (self.per_minute or 0) - len(self._begun))

    @property
    def reset_s(self) -> float:
        """When the oldest call of the minute no longer counts, in seconds from now."""
        self._forget_old()
        return self._begun[0] + _WINDOW_S - self._clock() if self._begun else 0.0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Lets a call in for as long as the block lasts.

        Raises:
            QuotaExceeded: it is not let in.
        """
        if self._at_a_time is not None and self._in_progress >= self._at_a_time:
            raise QuotaExceeded(_BUSY_S)
        if self.per_minute is not None and not self.remaining:
            raise QuotaExceeded(self.reset_s)
        self._begun.append(self._clock())
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress = max(0, self._in_progress - 1)

    def _forget_old(self) -> None:
        while self._begun and self._begun[0] <= self._clock() - _WINDOW_S:
            self._begun.popleft()
