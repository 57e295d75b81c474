"""The stop switch: whether anything may be sent at all, in this process and, by way of a file, in the run's others."""

import math
import threading
import time
from collections.abc import Callable

from beam_image_edit.transforms.errors import Stopped

# How often other processes' reasons to stop are looked for, at the most.
_LOOK_EVERY_S = 1.0


class StopSwitch:
    """Thrown once, it stays thrown; safe to share between threads.

    Args:
        find_reason: looks for a reason to stop that another process has; None if there is none.
        on_stop: told once when the switch is thrown, by whomever.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        find_reason: Callable[[], str | None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_reason = find_reason
        self._on_stop = on_stop
        self._clock = clock
        self._looked_at = -math.inf
        self._lock = threading.Lock()
        self._reason: str | None = None

    def check(self) -> None:
        """Raises Stopped if nothing may be sent any more.

        To be asked when a call has got its turn, right before it is sent: who waited may have waited for long.
        """
        self._look_around()
        if self._reason is not None:
            raise Stopped(self._reason)

    def throw(self, reason: str) -> None:
        """Lets calls in flight finish, and no further one begin; the first reason stands."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
        self._on_stop()

    def _look_around(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._looked_at < _LOOK_EVERY_S:
                return
            self._looked_at = now
        reason = self._find_reason()
        if reason is not None:
            self.throw(reason)
