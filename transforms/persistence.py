"""Persistence: what has to be stored is tried again for a while before it is given up.

An answer that was paid for stays in memory meanwhile. While one can't be stored nothing new is sent (see `Keeper`): the
next answers would most likely be lost in the same way.
"""

import errno
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.scheduler import pause

T = TypeVar('T')
_DELAYS_S = (0.5, 2.0, 8.0)
_OUT_OF_ORDER = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


async def persist(do: Callable[[], T]) -> T:
    """Does what the store has to allow, and does it again for a while if the store fails.

    Raises:
        StorageError: it failed for good.
    """

    async def do_it() -> T:
        return do()

    return await persist_async(do_it)


async def persist_async(do: Callable[[], Awaitable[T]]) -> T:
    """As `persist`, for what has to wait."""
    for delay_s in _DELAYS_S:
        try:
            return await do()
        except StorageError:
            # Also after Ctrl-C: what was paid for is worth the wait.
            await pause(delay_s, is_firm=True)
    return await do()


def is_out_of_order(error: BaseException) -> bool:
    """Whether a store takes nothing more for the time being, rather than only this not: it is full or read-only."""
    while (cause := error.__cause__) is not None:
        error = cause
    return isinstance(error, OSError) and error.errno in _OUT_OF_ORDER


class Keeper:
    """Stores what was paid for; safe to share between threads."""

    def __init__(self) -> None:
        self._unstored = 0
        self._stored_at = time.monotonic()
        self._lock = threading.Lock()

    @property
    def is_waiting(self) -> bool:
        """Whether an answer that was paid for waits for the store; then nobody should pay for another one."""
        return self._unstored > 0

    async def keep(self, do: Callable[[], T]) -> T:
        """As `persist`, for what was paid for.

        Raises:
            StorageError: it failed for good.
        """
        try:
            kept = do()
        except StorageError:
            with self._waiting():
                kept = await persist(do)
        self._stored_at = time.monotonic()
        return kept

    def has_stored_since(self, moment: float) -> bool:
        """Whether anything could be stored after a moment of the monotonic clock, so that the store is not all down."""
        return self._stored_at > moment

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with self._lock:
            self._unstored += 1
        try:
            yield
        finally:
            with self._lock:
                self._unstored -= 1
