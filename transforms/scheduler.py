"""A scheduler that runs coroutines on threads: a coroutine that waits holds no thread.

An edit is mostly a blocking HTTP request, which is simplest in a thread; but a back-off of a minute, or the wait for
another row's identical call, must not keep a thread (and with it a place in the window) from working. So a sample's
work is an `async def` that blocks freely and awaits only two things: `pause` and `settled`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar('T')
_Resume = Callable[[], None]


class _Wait:
    """What a coroutine hands to its scheduler: call `begin` with what is to happen when the wait is over."""

    def __init__(self, begin: Callable[['Scheduler', _Resume], None]) -> None:
        self.begin = begin

    def __await__(self) -> Generator['_Wait', None, None]:
        yield self


async def pause(seconds: float, is_firm: bool = False) -> None:
    """Waits without a thread.

    Args:
        seconds: how long.
        is_firm: whether it lasts even when the scheduler's pauses are ended; if not, it is cut short then.
    """
    await _Wait(lambda scheduler, resume: scheduler.resume_later(seconds, resume, is_firm))


async def settled(future: 'Future[T]') -> T:
    """Waits without a thread for a future; returns its result or raises its exception."""
    if not future.done():  # else going on saves the way to another thread
        await _Wait(lambda _scheduler, resume: future.add_done_callback(lambda _: resume()))
    return future.result()


class Scheduler:
    """Runs coroutines on a pool of threads; whatever happens, what was begun comes to its end.

    Args:
        threads: how many coroutines can run, or block, at one time.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix='edit')
        self._clock = asyncio.new_event_loop()
        self._pauses: dict[object, tuple[_Resume, bool]] = {}
        self._lock = threading.Lock()
        self._ended_kinds: set[bool] = set()
        self._is_closed = False
        threading.Thread(target=self._run_clock, name='edit-clock', daemon=True).start()

    def start(self, work: Coroutine[Any, Any, T]) -> 'Future[T]':
        """Begins a coroutine's work; the future has its result. What was begun can't be cancelled."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._resume(work, future)
        return future

    def resume_later(self, seconds: float, resume: _Resume, is_firm: bool = False) -> None:
        """Calls `resume` after so many seconds, or at once when pauses of its kind are ended."""
        pause_id = object()
        with self._lock:
            if is_firm not in self._ended_kinds:
                self._pauses[pause_id] = resume, is_firm
                self._clock.call_soon_threadsafe(self._clock.call_later, seconds, self._end_pause, pause_id)
                return
        resume()

    def end_pauses(self, and_firm_ones: bool = False) -> None:
        """Ends every pause, now and from now on: there is nothing left to wait for."""
        with self._lock:
            self._ended_kinds |= {False, and_firm_ones}
            ended = [pause_id for pause_id, (_, is_firm) in self._pauses.items() if is_firm in self._ended_kinds]
        for pause_id in ended:
            self._end_pause(pause_id)

    def close(self) -> None:
        """Ends every pause and lets the threads go when they are done; can be repeated."""
        self.end_pauses(and_firm_ones=True)
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
        if not was_closed:
            self._pool.shutdown(wait=False)
            self._clock.call_soon_threadsafe(self._clock.stop)

    def _run_clock(self) -> None:
        self._clock.run_forever()
        self._clock.close()

    def _end_pause(self, pause_id: object) -> None:
        with self._lock:
            resume, _ = self._pauses.pop(pause_id, (None, False))
        if resume:
            resume()

    def _step(self, work: Coroutine[Any, Any, T], future: 'Future[T]') -> None:
        """Runs a coroutine up to its next wait."""
        try:
            wait: _Wait = work.send(None)
        except StopIteration as end:
            future.set_result(end.value)
        except BaseException as error:
            future.set_exception(error)
        else:
            wait.begin(self, lambda: self._resume(work, future))

    def _resume(self, work: Coroutine[Any, Any, T], future: 'Future[T]') -> None:
        with self._lock:
            if not self._is_closed:
                self._pool.submit(self._step, work, future)
                return
        # The pool takes nothing more, and somebody may be waiting for the result.
        self._step(work, future)
