"""WriteDatasetCard: the README of what was exported."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter, PCollection

from beam_image_edit.transforms.exports.card import make_card
from beam_image_edit.transforms.exports.write_shards import EXPORT_FOLDER
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.storage import Storage


@dataclass
class WriteDatasetCard(beam.PTransform[PCollection[dict[str, Any]], PCollection[str]]):
    """Writes `export/README.md`, by which the folder can be loaded and published; its result is the file's place.

    Takes the summaries of the exports, flattened where there are several. A card that was there before is replaced.

    Attributes:
        cache_path: the exports'.
        storage_options: of file systems; see `file_systems`.
    """

    cache_path: str
    storage_options: StorageOptions | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, summaries: PCollection[dict[str, Any]]) -> PCollection[str]:
        """Builds the graph."""
        return (
            summaries.pipeline
            | 'Once' >> beam.Impulse()
            | 'WriteCard' >> beam.Map(_write_card, self.cache_path, self.storage_options, AsIter(summaries))
        )


def _write_card(
    _once: bytes, cache_path: str, options: StorageOptions | None, summaries: Iterable[dict[str, Any]]
) -> str:
    storage, path = Storage(cache_path, options), f'{EXPORT_FOLDER}/README.md'
    storage.write(path, make_card(list(summaries)).encode())
    return storage.url(path)
