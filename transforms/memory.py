"""Memory for pictures: requests and answers hold whole pictures, and many at a time, so that there is a limit for all.

What doesn't fit waits, on the thread that would send or read it: a call is held back, an answer stays on its way. To
keep everybody from waiting for everybody else, one of those who wait goes on in any case; so the limit can be exceeded
by one call. Half of the memory is for calls in flight alone: what is read ahead for others must not keep them waiting.
"""

import threading


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
        self._waiting: set[Hold] = set()
        self._ahead: Hold | None = None

    def open(self) -> 'Hold':
        """A share of the memory, at first of nothing; whoever opens it must release it."""
        return Hold(self)

    def try_resize(self, hold: 'Hold', size: int) -> bool:
        """As Hold."""
        with self._changed:
            is_possible = size <= self._held.get(hold, 0) or self._is_room(hold, size, self._limit_bytes // 2)
            if is_possible:
                self._set(hold, size)
            return is_possible

    def resize(self, hold: 'Hold', size: int) -> None:
        """As Hold."""
        with self._changed:
            # From now on others come after it.
            before = self._held.setdefault(hold, 0)
            if size > before:
                self._waiting.add(hold)
                self._changed.wait_for(lambda: self._is_room(hold, size, self._limit_bytes) or self._is_ahead(hold))
                self._waiting.remove(hold)
            self._set(hold, size)

    def give_way(self, hold: 'Hold') -> None:
        """As Hold."""
        with self._changed:
            if self._ahead is hold:
                self._ahead = None
                self._changed.notify_all()

    def release(self, hold: 'Hold') -> None:
        """As Hold."""
        self.give_way(hold)
        with self._changed:
            self._held_bytes -= self._held.pop(hold, 0)
            self._changed.notify_all()

    def _is_room(self, hold: 'Hold', size: int, limit_bytes: int) -> bool:
        return self._held_bytes - self._held.get(hold, 0) + size <= limit_bytes

    def _is_ahead(self, hold: 'Hold') -> bool:
        """Whether it goes on without room: it has held memory for longest of those who wait, and nobody else does."""
        if self._ahead is None and next(other for other in self._held if other in self._waiting) is hold:
            self._ahead = hold
        return self._ahead is hold

    def _set(self, hold: 'Hold', size: int) -> None:
        before = self._held.get(hold, 0)
        self._held[hold] = size
        self._held_bytes += size - before
        if size < before:
            self._changed.notify_all()


class Hold:
    """A share of the memory, of one call or row; for one thread at a time."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget

    def try_resize(self, size: int) -> bool:
        """Takes so many bytes in all ahead of need, if that is possible at once in the half that is not kept free."""
        return self._budget.try_resize(self, size)

    def resize(self, size: int) -> None:
        """Takes so many bytes in all; for more than before it waits until there is room, or goes on ahead of others."""
        self._budget.resize(self, size)

    def give_way(self) -> None:
        """Lets another one go ahead: whoever waits for something else than memory would keep all from going on."""
        self._budget.give_way(self)

    def release(self) -> None:
        """Gives all back; can be repeated."""
        self._budget.release(self)
