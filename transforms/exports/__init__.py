"""Data sets: edited rows with their pictures in one place, in the formats that others train from and publish.

Each export is a transform of its own, from edited outcomes to the shards of a format and one summary; they share how
rows are read, put in order and cut into shards (`write_shards`), and a format only says how a row is written.
"""

from collections.abc import Mapping
from types import MappingProxyType

from beam_image_edit.transforms.exports.export_parquet_images import ExportParquetImages
from beam_image_edit.transforms.exports.export_webdataset import ExportWebDataset
from beam_image_edit.transforms.exports.write_dataset_card import WriteDatasetCard

EXPORTS: Mapping[str, type[ExportParquetImages] | type[ExportWebDataset]] = MappingProxyType(
    {'parquet_images': ExportParquetImages, 'webdataset': ExportWebDataset}
)
"""The transforms by the names of their formats."""

__all__ = ['EXPORTS', 'ExportParquetImages', 'ExportWebDataset', 'WriteDatasetCard']
