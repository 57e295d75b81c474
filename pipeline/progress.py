"""The progress of a local run: what its processes count, as one line.

Rates are of the last minute and of calls only: rows that earlier runs have bought pass by in no time, and say nothing
of how long the others take. So the time left is told rather too long than too short, and not before a row has come.
"""

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.display import Display
from beam_image_edit.pipeline.machines import is_local
from beam_image_edit.pipeline.times import show_time
from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.input_files import list_files
from beam_image_edit.transforms.lines import cut_blocks, list_ranges, read_range
from beam_image_edit.transforms.meter import meter_folder, read_meters
from beam_image_edit.transforms.money import to_usd
from beam_image_edit.transforms.outcomes import STATUSES

_WINDOW_S = 60.0
# To tell how many rows there are, files are read once more; not where that would take as long as the job does.
_MOST_COUNTED_BYTES = 1 << 30


class Progress:
    """How far a run is.

    Args:
        read: the figures of `meter.FIGURES`, as they are now.
        count: how many rows there are; None: not known, or not yet.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, int]],
        count: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._count = count
        self._clock = clock
        self._seen: deque[tuple[float, Mapping[str, int]]] = deque([(clock(), {})])

    def describe(self) -> str:
        """The line."""
        now, figures, rows = self._clock(), self._read(), self._count()
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        elapsed_s = max(now - since, 1e-9)
        images, with_calls = (
            (figures.get(name, 0) - before.get(name, 0)) / elapsed_s for name in ('images', 'rows_with_calls')
        )
        self._seen.append((now, figures))
        parts = [
            describe_rows(figures, rows),
            '' if rows is None else _describe_time(rows - _count_done(figures), with_calls),
            f'{images:.1f} images/s',
            f'${to_usd(figures.get("cost_parts", 0)):,.2f} spent',
            f'{figures.get("in_flight", 0):,} in flight',
            f'{show_count(figures["turned_away"], "time")} 429' if figures.get('turned_away') else '',
        ]
        return '; '.join(filter(None, parts))


def describe_rows(figures: Mapping[str, int], rows: int | None) -> str:
    """How many rows are done, and how they ended.

    >>> describe_rows({'edited': 1_200, 'refused': 3}, 5_000)
    '1,203 of 5,000 rows: 1,200 edited, 3 refused'
    >>> describe_rows({'edited': 1}, 1), describe_rows({}, None)
    ('1 of 1 row: 1 edited', '0 rows')
    """
    ends = [f'{figures[status]:,} {status}' for status in STATUSES if figures.get(status)]
    count = _count_done(figures)
    done = show_count(count, 'row') if rows is None else f'{count:,} of {show_count(rows, "row")}'
    return f'{done}: {", ".join(ends)}' if ends else done


def _count_done(figures: Mapping[str, int]) -> int:
    return sum(figures.get(status, 0) for status in STATUSES)


def describe_end(summary: Mapping[str, Any]) -> str:
    """The last line, by the summary: what the manifest says is what counts."""
    rows = summary['rows']
    cost = '' if summary['cost_usd'] is None else f'; ${summary["cost_usd"]:,.2f} spent'
    return f'{describe_rows(rows, sum(rows.values()))}; {show_count(summary["calls"], "call")}{cost}'


@contextmanager
def showing_progress(config: JobConfig) -> Iterator[None]:
    """Shows how far a local run is, as long as the block lasts.

    Args:
        config: the job, its editor with a run id.
    """
    if not (config.is_showing_progress and is_local(config.runner)):
        yield
        return
    folder = meter_folder(config.editor.run_id)
    try:
        folder.mkdir(mode=0o700)
    except OSError:  # no place for temporary files; the job will say so if it needs one
        yield
        return
    counter = _RowCounter(config.input, config.editor.storage_options)
    progress = Progress(lambda: read_meters(folder), lambda: counter.rows)
    try:
        with counter, Display(True, progress.describe):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _describe_time(rows: int, rows_per_s: float) -> str:
    if rows <= 0:
        return ''
    return f'about {show_time(rows / rows_per_s)} left' if rows_per_s else 'time left not known yet'


class _RowCounter:
    """Counts the rows of the input beside the job, which counts them too but tells nobody.

    Args:
        pattern: of the input files.
        options: of file systems; see `file_systems`.
    """

    def __init__(self, pattern: str, options: StorageOptions | None) -> None:
        self.rows: int | None = None
        self._pattern = pattern
        self._options = options
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name='edit-row-counter', daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self) -> None:
        try:
            sizes = [file.size for file in list_files(self._pattern, self._options)]
            if sum(size or 0 for size in sizes) <= _MOST_COUNTED_BYTES:
                self.rows = self._add_up()
        except (ConfigurationError, StorageError, OSError):  # the job says what is wrong with its input
            return

    def _add_up(self) -> int | None:
        rows = 0
        for part in list_ranges(self._pattern, storage_options=self._options):
            for offset, content in read_range(part):
                if self._over.is_set():
                    return None
                rows += sum(block.rows for block in cut_blocks(offset, content))
        return rows
