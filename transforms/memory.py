"""Memory for pictures: requests and answers hold whole pictures, and many at a time, so that there is a limit for all.

What doesn't fit waits, on the thread that would send or read it: a call is held back, an answer stays on its way. To
keep everybody from waiting for everybody else, whoever has held memory for the longest goes on in any case; so the
limit can be exceeded by one call.
"""

import threading
from collections.abc import Callable


class MemoryBudget:
    """The bytes that pictures may take; safe to share between threads.

    Args:
        limit_bytes: how many.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._held: dict[Hold, int] = {}
        self._held_bytes = 0

    def open(self) -> 'Hold':
        """A share of the memory, at first of nothing; whoever opens it must release it."""
        return Hold(self._resize, self._release)

    def _resize(self, hold: 'Hold', size: int, is_waiting: bool) -> bool:
        with self._changed:
            # From now on others come after it.
            before = self._held.setdefault(hold, 0)

            def fits() -> bool:
                is_first = next(iter(self._held)) is hold
                return size <= before or is_first or self._held_bytes - before + size <= self._limit_bytes

            if is_waiting:
                self._changed.wait_for(fits)
            elif not fits():
                if not before:
                    del self._held[hold]
                return False
            self._held[hold] = size
            self._held_bytes += size - before
            if size < before:
                self._changed.notify_all()
            return True

    def _release(self, hold: 'Hold') -> None:
        with self._changed:
            self._held_bytes -= self._held.pop(hold, 0)
            self._changed.notify_all()


class Hold:
    """A share of the memory, of one call or row; for one thread at a time."""

    def __init__(self, resize: Callable[['Hold', int, bool], bool], release: Callable[['Hold'], None]) -> None:
        self._resize = resize
        self._release = release

    def try_resize(self, size: int) -> bool:
        """Takes so many bytes in all, if that is possible at once."""
        return self._resize(self, size, False)

    def resize(self, size: int) -> None:
        """Takes so many bytes in all; for more than before it waits until there is room."""
        self._resize(self, size, True)

    def release(self) -> None:
        """Gives all back; can be repeated."""
        self._release(self)
