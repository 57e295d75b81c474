"""The call window: how many calls are in flight at one time, and whether any may be sent at all."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from beam_image_edit.transforms.errors import Stopped

# How often other processes' reasons to stop are looked for, at the most.
_LOOK_EVERY_S = 1.0


class CallWindow:
    """The slots of one worker process.

    A slot is taken and released by the thread that sends, around one request; it is never held during a back-off, while
    another row's purchase is awaited, or until a result is emitted. (Slots that were freed at emission deadlocked as
    soon as two instances shared a process.)

    Args:
        size: calls in flight at the most.
        find_reason: looks for a reason to stop that another process has; None if there is none.
        on_close: told once when the window is closed, whoever closed it.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        size: int,
        find_reason: Callable[[], str | None] = lambda: None,
        on_close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = threading.Semaphore(size)
        self._find_reason = find_reason
        self._on_close = on_close
        self._clock = clock
        self._looked_at = -math.inf
        self._lock = threading.Lock()
        self._reason: str | None = None

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Holds one slot.

        Raises:
            Stopped: the window is closed; also for those who waited for a slot when it was closed.
        """
        with self._slots:
            self._look_around()
            self.check_open()
            yield

    def check_open(self) -> None:
        """Raises Stopped if nothing may be sent any more."""
        if self._reason is not None:
            raise Stopped(self._reason)

    def close(self, reason: str) -> None:
        """Lets calls in flight finish, and no further one begin; the first reason stands."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
        self._on_close()

    def _look_around(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._looked_at < _LOOK_EVERY_S:
                return
            self._looked_at = now
        reason = self._find_reason()
        if reason is not None:
            self.close(reason)
