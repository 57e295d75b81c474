"""WriteShards: edited rows into the shards of a data set, whatever their format.

Rows cross one shuffle, packed and without pictures; whoever writes a shard reads its pictures from the store, a few at
a time. Which rows a shard has follows from the rows alone, so that a rerun writes the same files to the byte, in any
order and on any runner.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, BinaryIO, ClassVar, Protocol

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import AsIter, AsSingleton, PCollection
from apache_beam.transforms.window import GlobalWindows

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput, StorageError
from beam_image_edit.transforms.exports.pictures import PictureReader, read_ahead
from beam_image_edit.transforms.exports.plan import PlanShards, ShardPlan
from beam_image_edit.transforms.exports.rows import Entry, ExportRow, from_entry, to_entry, to_export_row
from beam_image_edit.transforms.exports.totals import COUNTS, Totals, add_totals
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.money import to_usd
from beam_image_edit.transforms.outcomes import EDITED, Outcome
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.storage import Storage

EXPORT_FOLDER = 'export'
MAX_SHARD_BYTES = 256 << 20

_log = logging.getLogger(__name__)
_SHARD = re.compile(r'train-\d{5,}-of-\d{5,}\.[a-z]+')


class Shard(Protocol):
    """A file that takes rows, see `ParquetShard` and `TarShard`."""

    def add(self, row: ExportRow, contents: Mapping[str, bytes]) -> None:
        """Adds a row with the bytes of its pictures by their names."""


@dataclass(frozen=True, slots=True)
class ShardFormat:
    """A format of shards.

    Attributes:
        name: of the format, and of the folder below `export/`.
        extension: of the files.
        open: makes a shard that is written to a file.
    """

    name: str
    extension: str
    open: Callable[[BinaryIO], AbstractContextManager[Shard]]

    def path(self, shard: str) -> str:
        """Where a shard is below the cache path."""
        return f'{EXPORT_FOLDER}/{self.name}/{shard}.{self.extension}'


@dataclass
class WriteShards(beam.PTransform[PCollection[Outcome], PCollection[dict[str, Any]]]):
    """Writes edited rows as shards; each format is a class of its own, `ExportParquetImages` and `ExportWebDataset`.

    Takes the edited outcomes of `EditImages`; its result is a PCollection of the one summary, for `WriteDatasetCard`.
    A row whose pictures are gone or have changed since is left out, with a count and a warning; rows that are not
    edited are no part of a data set.

    Attributes:
        format: the shards' format.
        cache_path: where the rows were edited; the shards go to `export/` there.
        max_shard_bytes: what a shard's file may have; a row with more has one of its own.
        fields: the names of the rows' fields.
        image_root: the only folder from which local source images are read; None: any.
        storage_options: of file systems; see `file_systems`.

    Raises:
        ConfigurationError: max_shard_bytes is below 1, or cache_path is empty.
    """

    format: ClassVar[ShardFormat]
    cache_path: str
    max_shard_bytes: int = MAX_SHARD_BYTES
    fields: RowFields = field(default_factory=RowFields)
    image_root: str | None = None
    storage_options: StorageOptions | None = None

    def __post_init__(self) -> None:
        super().__init__()
        if not self.cache_path:
            raise ConfigurationError('cache_path must not be empty')
        if self.max_shard_bytes < 1:
            raise ConfigurationError(f'max_shard_bytes must be >= 1, got {self.max_shard_bytes}')

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[dict[str, Any]]:
        """Builds the graph."""
        entries = (
            outcomes
            # A data set is one for the job, whatever the windows of its rows are.
            | 'LeaveWindows' >> beam.WindowInto(GlobalWindows())
            | 'OnlyEdited' >> beam.Filter(lambda outcome: outcome.status == EDITED)
            | 'Pack' >> beam.Map(to_entry).with_output_types(Entry)
        )
        # Shards that are numbered through and of one size can be cut only when all rows are known.
        plan = AsSingleton(
            entries
            | 'Measure' >> beam.Map(itemgetter(0, 1)).with_output_types(tuple[int, int])
            | 'PlanShards' >> beam.CombineGlobally(PlanShards(self.max_shard_bytes))
        )
        written = (
            entries
            | 'FindShard' >> beam.Map(_with_shard, plan).with_output_types(tuple[int, Entry])
            | 'GroupByShard' >> beam.GroupByKey()
            | 'WriteShards' >> beam.ParDo(self._make_writer(), plan)
        )
        return (
            outcomes.pipeline
            # Once, when all shards are written, and also if there is no row.
            | 'Once' >> beam.Impulse()
            | 'Finish' >> beam.Map(_finish, self.format, self.cache_path, self.storage_options, AsIter(written), plan)
        )

    def _make_writer(self) -> '_WriteShard':
        return _WriteShard(self.format, self.cache_path, self.fields, self.image_root, self.storage_options)


class _WriteShard(beam.DoFn):
    """Writes a shard from the rows that belong to it."""

    def __init__(
        self,
        format_: ShardFormat,
        cache_path: str,
        fields: RowFields,
        image_root: str | None,
        storage_options: StorageOptions | None,
    ) -> None:
        self._format = format_
        self._cache_path = cache_path
        self._fields = fields
        self._image_root = image_root
        self._storage_options = storage_options
        self._left_out = Metrics.counter('beam-image-edit', f'rows-left-out-of-{format_.name.replace("_", "-")}')

    def setup(self) -> None:
        self._storage = Storage(self._cache_path, self._storage_options)
        self._reader = PictureReader(self._cache_path, self._image_root, self._storage_options)

    def process(self, numbered: tuple[int, Iterable[Entry]], plan: ShardPlan) -> Iterator[tuple[int, Totals]]:
        number, entries = numbered
        path = self._format.path(plan.name(number))
        totals = Totals()
        with self._storage.replace(path) as file, self._format.open(file) as shard:
            rows = _list_rows(entries, self._fields, totals)
            for row, reading in read_ahead(rows, self._reader.read):
                try:
                    contents = reading.result()
                except (InvalidInput, StorageError) as error:
                    totals.leave_out(row.columns['name'], str(error))
                    continue
                shard.add(row, contents)
                totals.add_row(row)
        totals.counts['file_bytes'] = self._storage.size(path) or 0
        self._left_out.inc(totals.counts['left_out'])
        yield number, totals


def _list_rows(entries: Iterable[Entry], fields: RowFields, totals: Totals) -> Iterator[ExportRow]:
    """A shard's rows in order, each once although a runner may bring one twice; counts those that can't be used."""
    last_order = None
    for entry in sorted(entries):
        if entry[0] != last_order:
            outcome = from_entry(entry)
            try:
                yield to_export_row(outcome, fields)
            except InvalidInput as error:
                totals.leave_out(str(outcome.name), str(error))
        last_order = entry[0]


def _with_shard(entry: Entry, plan: ShardPlan) -> tuple[int, Entry]:
    return plan.find(entry[0]), entry


def _finish(
    _once: bytes,
    format_: ShardFormat,
    cache_path: str,
    options: StorageOptions | None,
    written: Iterable[tuple[int, Totals]],
    plan: ShardPlan,
) -> dict[str, Any]:
    storage = Storage(cache_path, options)
    files = [format_.path(plan.name(number)) for number in range(len(plan.starts))]
    folder = f'{EXPORT_FOLDER}/{format_.name}'
    # What an earlier export left in another layout would be rows that come twice.
    for name in storage.list(folder):
        if _SHARD.fullmatch(name) and f'{folder}/{name}' not in files:
            storage.delete(f'{folder}/{name}')
    totals = add_totals(part for _, part in sorted(written, key=itemgetter(0)))
    if left_out := totals.counts['left_out']:
        _log.warning(
            '%s: %s left out for images that are not there as they were: %s%s',
            storage.url(folder),
            show_count(left_out, 'row'),
            '; '.join(totals.reasons),
            '; …' if left_out > len(totals.reasons) else '',
        )
    return {
        'format': format_.name,
        'files': files,
        **{name: totals.counts[name] for name in COUNTS},
        'cost_usd': to_usd(totals.cost),
        'models': dict(sorted(totals.models.items())),
        'reasons': totals.reasons,
    }
