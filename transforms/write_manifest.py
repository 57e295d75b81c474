"""WriteManifest: all outcomes of a job into one manifest and one summary.

The manifest is the job's, not a window's, and its order is the input's; so the rows cross a shuffle, in compressed
blocks keyed by the file that they belong to. A crash before or in this stage loses nothing: what an earlier run wrote
is whole, and a rerun makes the rest from the ledger.
"""

import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter, PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.manifest_files import ManifestFiles, lay_out
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.row_blocks import BlockPacker, Measure, to_manifest_row
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.summary import Tally, add_tallies

_NUMBERED, _UNNUMBERED, _MEASURES = 'numbered', 'unnumbered', 'measures'


@dataclass
class WriteManifest(beam.PTransform[PCollection[Outcome], PCollection[dict[str, Any]]]):
    """Writes `manifest.jsonl`, `manifest.parquet` and `summary.json`; its result is a PCollection of the one summary.

    A rerun with the same outcomes, in any order and on any runner, writes the same manifest to the byte.

    Attributes:
        cache_path: the folder to write to, any fsspec URL.
        run_id: this run, for the summary; made up if it is not given.
        started_at: when the run began, in seconds since 1970; 0: the summary does not tell how long it took.
        rows_per_file: how many rows a file holds; more make `manifest-00000-of-000NN.*`. A file is built in memory.
        fields: the names of the rows' fields.
        storage_options: of file systems; see `file_systems`.

    Raises:
        ConfigurationError: rows_per_file is below 1.
    """

    cache_path: str
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: float = 0.0
    rows_per_file: int = 100_000
    fields: RowFields = field(default_factory=RowFields)
    storage_options: StorageOptions | None = None

    def __post_init__(self) -> None:
        super().__init__()
        if self.rows_per_file < 1:
            raise ConfigurationError(f'rows_per_file must be >= 1, got {self.rows_per_file}')

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[dict[str, Any]]:
        """Builds the graph."""
        files = ManifestFiles(self.cache_path, self.fields, self.storage_options)
        blocks = (
            outcomes
            # The manifest is one for the job, whatever the windows of its rows are.
            | 'LeaveWindows' >> beam.WindowInto(GlobalWindows())
            | 'PackRows'
            >> beam.ParDo(_PackRows(self.rows_per_file, self.fields.output_image))
            .with_output_types(tuple[int, bytes])
            .with_outputs(_UNNUMBERED, _MEASURES, main=_NUMBERED)
        )
        # Rows without an index go into the last file, and which that is, is known only when all rows are measured.
        # (Steps between, because the bundle-based runner mixes up side inputs that are outputs of the same step.)
        measures = blocks[_MEASURES] | 'Measures' >> beam.Map(_same)
        unnumbered = blocks[_UNNUMBERED] | 'Unnumbered' >> beam.Map(_same)
        rest = AsIter(measures), AsIter(unnumbered), self.rows_per_file
        # Nothing may be flattened into this shuffle: the local runner would hold one more copy of all rows.
        written = (
            blocks[_NUMBERED]
            | 'GroupByFile' >> beam.GroupByKey()
            | 'WriteFiles' >> beam.Map(_write_group, files, *rest)
        )
        return (
            outcomes.pipeline
            # Once, when all files are written, and also if there is no row.
            | 'Once' >> beam.Impulse()
            | 'Finish' >> beam.Map(_finish, files, AsIter(written), *rest, self.run_id, self.started_at)
        )


class _PackRows(beam.DoFn):
    """Packs a bundle's rows into blocks, and measures them."""

    def __init__(self, rows_per_file: int, output_image: str) -> None:
        self._rows_per_file = rows_per_file
        self._output_image = output_image

    def start_bundle(self) -> None:
        self._packer = BlockPacker(self._rows_per_file)

    def process(self, outcome: Outcome) -> Iterator[Any]:
        for number, block in self._packer.add(to_manifest_row(outcome, self._output_image)):
            yield TaggedOutput(_UNNUMBERED, block) if number is None else (number, block)

    def finish_bundle(self) -> Iterator[Any]:
        for number, block in self._packer.flush():
            yield (
                TaggedOutput(_UNNUMBERED, GlobalWindows.windowed_value(block))
                if number is None
                else GlobalWindows.windowed_value((number, block))
            )
        yield TaggedOutput(_MEASURES, GlobalWindows.windowed_value(self._packer.measure))


def _same(element: Any) -> Any:
    return element


def _write_group(
    blocks_of_group: tuple[int, Iterable[bytes]],
    files: ManifestFiles,
    measures: Iterable[Measure],
    unnumbered: Iterable[bytes],
    rows_per_file: int,
) -> tuple[int, Tally]:
    group, blocks = blocks_of_group
    layout = lay_out(rows_per_file, measures)
    if group == layout.last_group:
        blocks = chain(blocks, unnumbered)
    return group, files.write_group(group, blocks, layout)


def _finish(
    _once: bytes,
    files: ManifestFiles,
    written: Iterable[tuple[int, Tally]],
    measures: Iterable[Measure],
    unnumbered: Iterable[bytes],
    rows_per_file: int,
    run_id: str,
    started_at: float,
) -> dict[str, Any]:
    layout = lay_out(rows_per_file, measures)
    tallies = dict(written)
    # Files that no row's index belongs to: all files if no row has an index or if there is no row.
    for group in sorted(set(range(layout.last_group + 1)).difference(tallies)):
        tallies |= [_write_group((group, ()), files, measures, unnumbered, rows_per_file)]
    wall_s = round(time.time() - started_at, 1) if started_at else None
    return files.finish(add_tallies(tallies[group] for group in sorted(tallies)), layout, run_id=run_id, wall_s=wall_s)
