"""Row groups: a Parquet file is written a group of rows at a time, so that no file has to fit into memory.

A group is held as Python objects while it fills, and its size is also what a reader of one row has to fetch. Rows are
of very different sizes (a picture, a data: URI), so a group is bounded both by their number and by their size.
"""

from collections.abc import Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from beam_image_edit.transforms.json_text import to_unicode


class RowGroupWriter:
    """A Parquet file that takes rows; the same rows give the same bytes.

    Use it as a context: the file is complete when the block ends without an exception.

    Args:
        file: where it goes.
        schema: of the rows.
        group_rows: the most rows of a row group.
        group_size: a row group ends when the sizes of its rows sum up to this.
        settings: how the columns are written, as `pyarrow.parquet.ParquetWriter` takes it.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, *, group_rows: int, group_size: int, **settings: Any) -> None:
        self._schema = schema
        self._group_rows = group_rows
        self._group_size = group_size
        self._writer = pq.ParquetWriter(file, schema, **settings)
        self._pending: list[Mapping[str, Any]] = []
        self._pending_size = 0

    def add(self, row: Mapping[str, Any], size: int) -> None:
        """Adds a row.

        Args:
            row: a value for each column of the schema.
            size: about how much memory it takes, in the unit of `group_size`.
        """
        self._pending.append(row)
        self._pending_size += size
        if len(self._pending) == self._group_rows or self._pending_size >= self._group_size:
            self._write_group()

    def __enter__(self) -> 'RowGroupWriter':
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._pending:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        self._writer.write_table(_to_table(self._pending, self._schema))
        self._pending, self._pending_size = [], 0


def _to_table(rows: list[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    try:
        return pa.Table.from_pylist(rows, schema)
    except UnicodeEncodeError:
        # JSON can say "\ud800", half a character, which no UTF-8 column can hold.
        return pa.Table.from_pylist([to_unicode(row) for row in rows], schema)
