"""The meter: what this process has done for a run, in figures that others can read while it goes on.

Whoever wants to watch a run makes its folder before it begins; each process of this machine that works for the run then
keeps its figures in a file there, mapped into memory, so that counting costs nothing and reading disturbs nobody. Where
there is no such folder the figures stay in the process.
"""

import logging
import os
import tempfile
import threading
import uuid
from array import array
from collections import Counter
from collections.abc import Mapping
from mmap import mmap
from pathlib import Path
from typing import Any

from beam_image_edit.transforms.money import to_parts
from beam_image_edit.transforms.outcomes import STATUSES, Outcome

_log = logging.getLogger(__name__)

FIGURES = (
    *STATUSES,
    'rows_with_calls',
    'calls',
    'images',
    'cost_parts',
    'in_flight',
    'turned_away',
    'throttled_ms',
)
"""Rows by status; of those for which calls were sent: rows, calls, images, money; calls in flight; calls turned away
(429); and how long calls were held back although there was room for them in the window."""

_PLACES = {name: place for place, name in enumerate(FIGURES)}
_CELL_BYTES = 8


class Meter:
    """Figures of one process; safe to share between threads.

    Args:
        folder: where others look for them; None: nobody does.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._cells: Any = _map_file(folder) if folder else None
        if self._cells is None:
            self._cells = array('q', [0] * len(FIGURES))
        self._taken: Counter[str] = Counter()

    def add(self, figure: str, count: int = 1) -> None:
        """Adds to one of FIGURES."""
        with self._lock:
            self._cells[_PLACES[figure]] += count

    def note(self, outcome: Outcome) -> None:
        """Counts a row that has come to its end."""
        self.add(outcome.status)
        calls = int(outcome.spent.get('calls') or 0)
        if calls:
            self.add('rows_with_calls')
            self.add('calls', calls)
            self.add('images', len(outcome.output_image))
            self.add('cost_parts', to_parts(outcome.spent.get('cost_usd') or 0))

    def take(self, figure: str, unit: int = 1) -> int:
        """How many whole units of a figure have come since they were last taken, by whomever."""
        with self._lock:
            units = self._cells[_PLACES[figure]] // unit
            new = units - self._taken[figure]
            self._taken[figure] = units
            return new


def open_meter(run_id: str) -> Meter:
    """This process's meter for a run."""
    folder = meter_folder(run_id)
    return Meter(folder if folder.is_dir() else None)


def meter_folder(run_id: str) -> Path:
    """Where the processes of this machine keep a run's figures, if the folder is there."""
    return Path(tempfile.gettempdir()) / f'beam-image-edit-{run_id}.progress'


def read_meters(folder: Path) -> Mapping[str, int]:
    """The sum of all processes' figures."""
    total: Counter[str] = Counter()
    for path in folder.iterdir():
        cells = array('q')
        content = path.read_bytes()
        if len(content) == len(FIGURES) * _CELL_BYTES:  # else its process is about to make it
            cells.frombytes(content)
            total.update(dict(zip(FIGURES, cells, strict=True)))
    return total


def _map_file(folder: Path) -> Any:
    """The cells of a new file; None if there is no room for it."""
    path = folder / f'{os.getpid()}-{uuid.uuid4().hex}'
    size = len(FIGURES) * _CELL_BYTES
    try:
        # Written, since to write through a mapping to a disk that is full ends the process.
        path.write_bytes(bytes(size))
        with path.open('r+b') as file:
            return memoryview(mmap(file.fileno(), size)).cast('q')
    except (OSError, ValueError) as error:
        _log.warning('how far this process is can not be shown: %s', error)
        return None
