"""The pace: who says when the next call may begin, so that the limits that the user has told are kept.

Several processes of one machine keep limits together through a small file that each maps into its memory while it holds
the file's lock. The system frees the lock of a process that is killed, and a place that it had taken is merely unused.
Where there is no such lock each process keeps its part of the limits.
"""

import logging
import os
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path
from typing import Any, Protocol

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.limits.places import Limits, Places

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
_CELL_BYTES = 8
# At the file's beginning: when its clock began, in seconds since the epoch, and the limits.
_HEADER = 3
_SAME_CLOCK_S = 60.0


class Pace(Protocol):
    """Whoever says when calls may begin, by the limits that were told: this process, or a file of this machine."""

    def book(self, images: int) -> float:
        """Takes the next place; seconds until it has come, 0 if it has.

        Args:
            images: how many the call asks for.
        """


class ProcessPace:
    """Limits of one process; not safe to share between threads.

    Args:
        limits: what may be asked for in a minute.
        clock: seconds that only grow.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._cells = memoryview(array('d', [0.0] * _count_cells(limits)))

    def book(self, images: int) -> float:
        """As Pace."""
        return _take_place(self._limits, self._cells, self._clock(), images)


class SharedPace:
    """Limits that all processes of a machine keep together that name one file; safe to share.

    Args:
        limits: what may be asked for in a minute, by all of them.
        path: the file; it is made if it is not there.
        clock: seconds that only grow, the same for all processes of the machine.

    Raises:
        ConfigurationError: the file keeps other limits, or can't be used.
    """

    def __init__(self, limits: Limits, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._path = path
        self._clock = clock
        self._alone: ProcessPace | None = None
        self._book(0)

    def book(self, images: int) -> float:
        """As Pace; where the file can't be used any more, for this process alone."""
        if self._alone is None:
            try:
                return self._book(images)
            except (ConfigurationError, OSError) as error:
                _log.warning('this process keeps the limits for itself alone from now on: %s', error)
                self._alone = ProcessPace(self._limits, self._clock)
        return self._alone.book(images)

    def _book(self, images: int) -> float:
        with self._open_cells() as cells:
            now = self._clock()
            began = time.time() - now
            told = [self._limits.requests_per_minute or 0.0, self._limits.images_per_minute or 0.0]
            if abs(cells[0] - began) > _SAME_CLOCK_S:
                # New, or from before the machine was started again.
                cells[:] = memoryview(array('d', [began, *told] + [0.0] * (len(cells) - _HEADER)))
            elif list(cells[1:_HEADER]) != told:
                raise self._explain(f'it keeps other limits: {cells[1]:g} requests and {cells[2]:g} images per minute')
            return _take_place(self._limits, cells[_HEADER:], now, images) if images else 0.0

    @contextmanager
    def _open_cells(self) -> Iterator[Any]:
        """The file's numbers, while no other process has them."""
        size = (_HEADER + _count_cells(self._limits)) * _CELL_BYTES
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, 'O_NOFOLLOW', 0), 0o600)
        except OSError as error:
            raise self._explain(f'{type(error).__name__}: {error.strerror}') from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            length = os.fstat(descriptor).st_size
            if length == 0:
                self._extend(descriptor, size)
            elif length != size:
                raise self._explain(f'it keeps other limits, since it has {length} bytes and not {size}')
            with mmap(descriptor, size) as mapped, memoryview(mapped) as content, content.cast('d') as cells:
                yield cells
        finally:
            os.close(descriptor)

    def _extend(self, descriptor: int, size: int) -> None:
        # Written, since to write through a mapping to a disk that is full ends the process.
        try:
            is_whole = os.pwrite(descriptor, bytes(size), 0) == size
        except OSError:
            is_whole = False
        if not is_whole:
            os.ftruncate(descriptor, 0)
            raise self._explain('the disk is full')

    def _explain(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"the limits can't be shared through {self._path}: {reason}; give all jobs that share it the same limits"
        )


def limits_path(run_id: str) -> Path:
    """Where the workers of one machine keep a run's limits; the file is of no use after the run."""
    return Path(tempfile.gettempdir()) / f'beam-image-edit-{run_id}.limits'


def open_pace(limits: Limits, path: Path, workers: int) -> Pace | None:
    """Who keeps the limits; None if there are none.

    Args:
        limits: of all workers together.
        path: what the workers of this machine share.
        workers: how many there are that can't share it: machines, or all processes where no file can be locked.
    """
    if not limits:
        return None
    part = limits.shared_by(workers)
    return SharedPace(part, path) if fcntl else ProcessPace(part)


def _count_cells(limits: Limits) -> int:
    return sum(Places.cells_for(limit) for limit in (limits.requests_per_minute, limits.images_per_minute) if limit)


def _take_place(limits: Limits, cells: Any, now: float, images: int) -> float:
    kept, start = [], 0
    for limit, units in ((limits.requests_per_minute, 1), (limits.images_per_minute, images)):
        if limit:
            end = start + Places.cells_for(limit)
            kept.append((Places(limit, cells[start:end]), units))
            start = end
    place = max(places.find(now, units) for places, units in kept)
    for places, units in kept:
        places.take(place, units)
    return place - now
