"""ExportWebDataset: edited rows as tar files of pictures and JSON."""

from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from beam_image_edit.transforms.exports.tar_shards import TarShard
from beam_image_edit.transforms.exports.write_shards import MAX_SHARD_BYTES, ShardFormat, WriteShards
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.rows import RowFields

_FORMAT = ShardFormat('webdataset', 'tar', TarShard)


@dataclass
class ExportWebDataset(beam.PTransform[PCollection[Outcome], PCollection[dict[str, Any]]]):
    """Writes `export/webdataset/train-00000-of-000NN.tar`: of each row its pictures and a JSON file, in a row.

    Takes the edited outcomes of `EditImages`; its result is a PCollection of the one summary, for `WriteDatasetCard`.
    A row whose pictures are gone or have changed since is left out, with a count and a warning.

    Attributes:
        cache_path: where the rows were edited; the files go to `export/` there.
        max_shard_bytes: what a file may have; a row with more has one of its own.
        fields: the names of the rows' fields.
        image_root: the only folder from which local source images are read; None: any.
        storage_options: of file systems; see `file_systems`.

    Raises:
        ConfigurationError: max_shard_bytes is below 1, or cache_path is empty.
    """

    cache_path: str
    max_shard_bytes: int = MAX_SHARD_BYTES
    fields: RowFields = field(default_factory=RowFields)
    image_root: str | None = None
    storage_options: StorageOptions | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self._write = WriteShards(
            _FORMAT, self.cache_path, self.max_shard_bytes, self.fields, self.image_root, self.storage_options
        )

    def expand(self, edited: PCollection[Outcome]) -> PCollection[dict[str, Any]]:
        """Builds the graph."""
        return edited | 'WriteShards' >> self._write
