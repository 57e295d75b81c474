"""Parquet shards: pictures and everything else of a row in its columns, as Hugging Face's `datasets` reads them.

A picture is a struct of its bytes and a name, and the schema's metadata says that it is a picture; so
`datasets.load_dataset` gives pictures that can be shown, and any other reader of Parquet gives bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from beam_image_edit.transforms.exports.rows import ExportRow, PictureFile
from beam_image_edit.transforms.manifest import EDIT_SCHEMA
from beam_image_edit.transforms.row_groups import RowGroupWriter

_PICTURE = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
_PICTURE_COLUMNS = (
    'source_images.list.element.bytes',
    'mask.bytes',
    'result_images.list.element.bytes',
)
_SOURCE = pa.struct([member for member in EDIT_SCHEMA.field('sources').type.value_type if member.name != 'place'])
_FEATURES = {'source_images': [{'_type': 'Image'}], 'mask': {'_type': 'Image'}, 'result_images': [{'_type': 'Image'}]}
SCHEMA = pa.schema(
    [
        ('key', pa.string()),
        ('index', pa.int64()),
        ('name', pa.string()),
        ('id', pa.string()),
        ('source_images', pa.list_(_PICTURE)),
        ('mask', _PICTURE),
        ('result_images', pa.list_(_PICTURE)),
        ('instruction', pa.string()),
        ('instructions', pa.list_(pa.string())),
        ('system', pa.string()),
        *(
            (name, EDIT_SCHEMA.field(name).type)
            for name in ('api_format', 'model', 'model_version', 'cost_usd', 'latency_s', 'tokens', 'conversions')
        ),
        ('sources', pa.list_(_SOURCE)),
        ('results', EDIT_SCHEMA.field('images').type),
        ('extra', pa.string()),
    ],
    metadata={'huggingface': json.dumps({'info': {'features': _FEATURES}})},
)
_GROUP_ROWS = 100
_GROUP_BYTES = 32 << 20


class ParquetShard:
    """A Parquet file of rows with their pictures; the same rows give the same bytes.

    Use it as a context: the file is complete when the block ends without an exception.

    Args:
        file: where it goes.
    """

    def __init__(self, file: BinaryIO) -> None:
        # Pictures are compressed as they are.
        plain = {path: 'none' if path in _PICTURE_COLUMNS else 'zstd' for path in _column_paths(SCHEMA)}
        self._groups = RowGroupWriter(
            file, SCHEMA, group_rows=_GROUP_ROWS, group_size=_GROUP_BYTES, compression=plain, use_dictionary=False
        )

    def add(self, row: ExportRow, contents: Mapping[str, bytes]) -> None:
        """Adds a row with the bytes of its pictures by their names."""
        pictures = {
            'source_images': _to_values(row, row.sources, contents),
            'mask': _to_values(row, [row.mask], contents)[0] if row.mask else None,
            'result_images': _to_values(row, row.results, contents),
        }
        self._groups.add({**row.columns, **pictures}, row.picture_bytes)

    def __enter__(self) -> 'ParquetShard':
        return self

    def __exit__(self, *exception: Any) -> None:
        self._groups.__exit__(*exception)


def _to_values(
    row: ExportRow, pictures: Sequence[PictureFile], contents: Mapping[str, bytes]
) -> list[dict[str, bytes | str]]:
    return [{'bytes': contents[picture.name], 'path': f'{row.key}.{picture.name}'} for picture in pictures]


def _column_paths(schema: pa.Schema) -> list[str]:
    """The names that Parquet has for the columns of a schema."""
    empty = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), empty)
    columns = pq.ParquetFile(empty.getvalue()).schema
    return [columns.column(number).path for number in range(len(columns))]
