"""The manifest's files: which rows go into which, and how they come to be there.

A job's rows are one manifest, cut into files of equal ranges where there are many. Each file is written whole, in place
of an earlier run's. When all are there, files that an earlier run left in another layout are removed, and the summary
is written last: whoever finds it finds everything that it names.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.parquet_rows import open_rows, parquet_row
from beam_image_edit.transforms.row_blocks import ManifestRow, Measure, merge_blocks
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.storage import Storage
from beam_image_edit.transforms.summary import Tally, add_tallies, summarize, tally_row

_MANIFEST = re.compile(r'manifest(-\d+-of-\d+)?\.(jsonl|parquet)')


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows of a job go into which file of its manifest.

    A row's *position* is its index; rows without an index take the positions after the largest index. File n holds
    `rows_per_file` positions from n × rows_per_file on.

    Attributes:
        rows_per_file: how many positions a file holds.
        numbered: the largest index + 1, 0 where no row has an index.
        unnumbered: how many rows have no index.

    >>> Layout(100, numbered=250, unnumbered=0).name(2)
    'manifest-00002-of-00003'
    """

    rows_per_file: int
    numbered: int
    unnumbered: int

    @property
    def files(self) -> int:
        """How many files there are: at least one, so that a job without rows has a manifest too."""
        return max(1, -(-(self.numbered + self.unnumbered) // self.rows_per_file))

    @property
    def last_group(self) -> int:
        """The file with the largest index, which is written together with all the rows without an index."""
        return max(0, self.numbered - 1) // self.rows_per_file

    def files_of(self, group: int) -> range:
        """The files that are written by whoever has the rows of this file: the last group's holder writes the rest."""
        return range(group, self.files if group == self.last_group else group + 1)

    def place(self, rows: Iterable[ManifestRow]) -> Iterator[tuple[int, ManifestRow]]:
        """Each row with the number of its file; the rows must come in order and end with those without an index."""
        next_position = self.numbered
        for row in rows:
            position = row.index
            if position is None:
                position, next_position = next_position, next_position + 1
            yield position // self.rows_per_file, row

    def name(self, number: int) -> str:
        """A file's name without its extension."""
        return 'manifest' if self.files == 1 else f'manifest-{number:05}-of-{self.files:05}'

    def file_names(self) -> list[str]:
        """All the files' names, in order."""
        return [
            f'{self.name(number)}.{extension}' for number in range(self.files) for extension in ('jsonl', 'parquet')
        ]


def lay_out(rows_per_file: int, measures: Iterable[Measure]) -> Layout:
    """The layout of a job, from the measures of all its rows.

    >>> lay_out(100, [(0, 3), (250, 0)]).files
    3
    """
    numbered = unnumbered = 0
    for largest, count in measures:
        numbered = max(numbered, largest)
        unnumbered += count
    return Layout(rows_per_file, numbered, unnumbered)


@dataclass(frozen=True, slots=True)
class ManifestFiles:
    """The manifest of one folder.

    Attributes:
        cache_path: the folder, any fsspec URL.
        fields: what the user calls the rows' fields.
        storage_options: of file systems; see `file_systems`.
    """

    cache_path: str
    fields: RowFields
    storage_options: StorageOptions | None = None

    def write_group(self, group: int, blocks: Iterable[bytes], layout: Layout) -> Tally:
        """Writes a group's files (see `Layout.files_of`) from the blocks of their rows; returns the rows' figures."""
        without_rows = set(layout.files_of(group))
        tallies = []
        for number, placed in groupby(layout.place(merge_blocks(blocks)), key=itemgetter(0)):
            tallies.append(self._write_file(layout.name(number), (row for _, row in placed)))
            without_rows.discard(number)
        for number in sorted(without_rows):
            self._write_file(layout.name(number), ())
        return add_tallies(tallies)

    def finish(self, tally: Tally, layout: Layout, *, run_id: str, wall_s: float | None) -> dict[str, Any]:
        """Removes what an earlier run left in another layout and writes the summary; call it when every file is there.

        Args:
            tally: the figures of all files.
            layout: the files' layout.
            run_id: this run.
            wall_s: how long it took, in seconds; None if that is not to be told.
        """
        storage, names = self._open(), layout.file_names()
        for name in storage.list(''):
            if _MANIFEST.fullmatch(name) and name not in names:
                storage.delete(name)
        summary = summarize(tally, run_id=run_id, wall_s=wall_s, manifest=names)
        storage.write('summary.json', (json.dumps(summary, indent=2) + '\n').encode())
        return summary

    def _open(self) -> Storage:
        return Storage(self.cache_path, self.storage_options)

    def _write_file(self, name: str, rows: Iterable[ManifestRow]) -> Tally:
        storage, tally = self._open(), Tally()
        with (
            storage.replace(f'{name}.jsonl') as lines,
            storage.replace(f'{name}.parquet') as parquet_file,
            open_rows(parquet_file) as parquet,
        ):
            for row in rows:
                lines.write(f'{row.line}\n'.encode())
                columns = parquet_row(row.line, row.index, self.fields)
                parquet.add(columns, len(row.line))
                tally.add(tally_row(columns['edit'], len(columns['output_image']), row.spent))
        return tally
