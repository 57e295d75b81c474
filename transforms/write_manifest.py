"""WriteManifest: all outcomes of a job into one manifest and one summary.

The manifest is the job's, not a window's, and its order is the input's; so the rows cross a shuffle, in compressed
blocks keyed by the file that they belong to. A crash before or in this stage loses nothing: what an earlier run wrote
is whole, and a rerun makes the rest from the ledger.
"""

import functools
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter, AsSingleton, PCollection
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.manifest_files import Layout, ManifestFiles
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.parquet_rows import RowKeys
from beam_image_edit.transforms.row_blocks import BlockPacker, to_manifest_row
from beam_image_edit.transforms.summary import Tally, add_tallies


@dataclass
class WriteManifest(beam.PTransform[PCollection[Outcome], PCollection[dict[str, Any]]]):
    """Writes `manifest.jsonl`, `manifest.parquet` and `summary.json`; its result is a PCollection of the one summary.

    A rerun with the same outcomes, in any order and on any runner, writes the same manifest to the byte.

    Attributes:
        cache_path: the folder to write to, any fsspec URL.
        run_id: this run, for the summary; made up if it is not given.
        started_at: when the run began, in seconds since 1970; 0: the summary does not tell how long it took.
        rows_per_file: how many rows a file holds; more make `manifest-00000-of-000NN.*`. A file is built in memory.
        input_image_key: the rows' field of input images.
        input_conversation_key: the rows' field of instructions.
        output_image_key: the rows' field of edited images.
        storage_options: for the file system of `cache_path`.

    Raises:
        ConfigurationError: rows_per_file is below 1.
    """

    cache_path: str
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: float = 0.0
    rows_per_file: int = 100_000
    input_image_key: str = 'images'
    input_conversation_key: str = 'conversations'
    output_image_key: str = 'output_image'
    storage_options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        if self.rows_per_file < 1:
            raise ConfigurationError(f'rows_per_file must be >= 1, got {self.rows_per_file}')

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[dict[str, Any]]:
        """Builds the graph."""
        keys = RowKeys(self.input_image_key, self.input_conversation_key, self.output_image_key)
        files = ManifestFiles(self.cache_path, keys, self.storage_options)
        # The manifest is one for the job, whatever the windows of its rows are.
        outcomes = outcomes | 'LeaveWindows' >> beam.WindowInto(GlobalWindows())
        layout = (
            outcomes
            | 'MeasureRow' >> beam.Map(_measure)
            | 'MeasureAll' >> beam.CombineGlobally(_add_measures)
            | 'LayOut' >> beam.Map(_lay_out, self.rows_per_file)
        )
        blocks = outcomes | 'PackRows' >> beam.ParDo(_PackRows(self.rows_per_file, self.output_image_key))
        # Rows without an index go into the last file, and which that is, is known only when all rows are measured.
        unnumbered = blocks | 'Unnumbered' >> beam.FlatMap(_without_number)
        write_file = functools.partial(beam.Map, _write_group, files, AsSingleton(layout), AsIter(unnumbered))
        # Nothing may be flattened into this shuffle: the local runner would hold one more copy of all rows.
        written = (
            blocks
            | 'Numbered' >> beam.FlatMap(_with_number)
            | 'GroupByFile' >> beam.GroupByKey()
            | 'WriteFiles' >> write_file()
        )
        # Files that no row's index belongs to: all files if no row has an index or if there is no row.
        others = (
            layout
            | 'FindOtherFiles' >> beam.FlatMap(_find_others, AsIter(written | 'Written' >> beam.Keys()))
            | 'WriteOtherFiles' >> write_file()
        )
        return (
            (written, others)
            | 'AllFiles' >> beam.Flatten()
            | 'Figures' >> beam.Values()
            | 'AddFigures' >> beam.CombineGlobally(add_tallies)
            | 'Finish' >> beam.Map(_finish, files, AsSingleton(layout), self.run_id, self.started_at)
        )


class _PackRows(beam.DoFn):
    def __init__(self, rows_per_file: int, output_image_key: str) -> None:
        self._rows_per_file = rows_per_file
        self._output_image_key = output_image_key

    def start_bundle(self) -> None:
        self._packer = BlockPacker(self._rows_per_file)

    def process(self, outcome: Outcome) -> Iterator[tuple[int | None, bytes]]:
        yield from self._packer.add(to_manifest_row(outcome, self._output_image_key))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for numbered_block in self._packer.flush():
            yield GlobalWindows.windowed_value(numbered_block)


def _with_number(numbered_block: tuple[int | None, bytes]) -> Iterator[tuple[int, bytes]]:
    number, block = numbered_block
    if number is not None:
        yield number, block


def _without_number(numbered_block: tuple[int | None, bytes]) -> Iterator[bytes]:
    number, block = numbered_block
    if number is None:
        yield block


def _measure(outcome: Outcome) -> tuple[int, int]:
    return (0, 1) if outcome.index is None else (outcome.index + 1, 0)


def _add_measures(measures: Iterable[tuple[int, int]]) -> tuple[int, int]:
    numbered = unnumbered = 0
    for largest, count in measures:
        numbered = max(numbered, largest)
        unnumbered += count
    return numbered, unnumbered


def _lay_out(measure: tuple[int, int], rows_per_file: int) -> Layout:
    numbered, unnumbered = measure
    return Layout(rows_per_file, numbered, unnumbered)


def _write_group(
    blocks_of_group: tuple[int, Iterable[bytes]], files: ManifestFiles, layout: Layout, unnumbered: Iterable[bytes]
) -> tuple[int, Tally]:
    group, blocks = blocks_of_group
    if group == layout.last_group:
        blocks = chain(blocks, unnumbered)
    return group, files.write_group(group, blocks, layout)


def _find_others(layout: Layout, written: Iterable[int]) -> Iterator[tuple[int, Iterable[bytes]]]:
    for group in sorted(set(range(layout.last_group + 1)).difference(written)):
        yield group, []


def _finish(tally: Tally, files: ManifestFiles, layout: Layout, run_id: str, started_at: float) -> dict[str, Any]:
    wall_s = round(time.time() - started_at, 1) if started_at else None
    return files.finish(tally, layout, run_id=run_id, wall_s=wall_s)
