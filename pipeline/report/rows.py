"""Rows: a manifest read for the report, a few rows at a time.

From its Parquet files, where what users call their fields and how they write conversations has been settled already.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.file_systems import open_filesystem
from beam_image_edit.transforms.storage import Storage

_COLUMNS = ('index', 'id', 'images', 'conversations', 'output_image', 'edit', 'extra')
# As Python objects; one can hold whole pictures as data: URIs.
_ROWS_AT_A_TIME = 64


def count_rows(storage: Storage, names: Iterable[str]) -> int:
    """How many rows a manifest's Parquet files have.

    Raises:
        StorageError: as `read_rows`.
    """
    counts = []
    for name in names:
        with _open(storage, name) as parquet:
            counts.append(parquet.metadata.num_rows)
    return sum(counts)


def read_rows(storage: Storage, names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of a manifest's Parquet files in order; one without an index gets its position.

    Raises:
        StorageError: a file is gone or can't be read.
    """
    position = 0
    for name in names:
        with _open(storage, name) as parquet:
            for batch in parquet.iter_batches(_ROWS_AT_A_TIME, columns=_COLUMNS):
                for row in batch.to_pylist():
                    yield row if row['index'] is not None else {**row, 'index': position}
                    position += 1


@contextmanager
def _open(storage: Storage, name: str) -> Iterator[pq.ParquetFile]:
    file_system, path = open_filesystem(storage.url(name), storage.options)
    try:
        with file_system.open(path, 'rb') as file, pq.ParquetFile(file) as parquet:
            yield parquet
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f'{storage.url(name)} can not be read: {error}') from error
