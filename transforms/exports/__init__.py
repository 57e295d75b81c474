"""Data sets: edited rows with their pictures in one place, in the formats that others train from and publish.

Each export is a transform of its own, from edited outcomes to the shards of a format and one summary. How rows are
read, put in order and cut into shards is the same for all (`WriteShards`), and a format only says how a row is written.
"""

from collections.abc import Mapping
from types import MappingProxyType

from beam_image_edit.transforms.exports.export_parquet_images import ExportParquetImages
from beam_image_edit.transforms.exports.export_webdataset import ExportWebDataset
from beam_image_edit.transforms.exports.write_dataset_card import WriteDatasetCard
from beam_image_edit.transforms.exports.write_shards import WriteShards

EXPORTS: Mapping[str, type[WriteShards]] = MappingProxyType(
    {export.format.name: export for export in (ExportParquetImages, ExportWebDataset)}
)
"""The transforms by the names of their formats."""

__all__ = ['EXPORTS', 'ExportParquetImages', 'ExportWebDataset', 'WriteDatasetCard']
