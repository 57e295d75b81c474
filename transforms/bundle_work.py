"""The work of one bundle: what a DoFn has handed to its process's editor and not yet emitted.

What is done is emitted as soon as it is done, whichever it is: a slow call holds up nothing but itself. A barrier per
batch would take three times as long with one slow call in ten.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

Place = TypeVar('Place')
Result = TypeVar('Result')


class BundleWork(Generic[Place, Result]):
    """Futures of one bundle, each with the place that its result belongs to.

    Args:
        limit: unfinished futures at the most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places: dict[Future[Result], Place] = {}
        self._done: SimpleQueue[Future[Result]] = SimpleQueue()

    def submit(self, begin: Callable[[], Future[Result]], place: Place) -> Iterator[tuple[Result, Place]]:
        """Begins a piece of work; gives what must be done first to make room, and what is done anyway."""
        while len(self._places) >= self._limit or not self._done.empty():
            yield self._take()
        future = begin()
        self._places[future] = place
        future.add_done_callback(self._done.put)

    def drain(self) -> Iterator[tuple[Result, Place]]:
        """Gives all the rest, each as it is done."""
        while self._places:
            yield self._take()

    def _take(self) -> tuple[Result, Place]:
        future = self._done.get()
        return future.result(), self._places.pop(future)
