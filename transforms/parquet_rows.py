"""The manifest's rows as Parquet: one schema for every row, good or bad.

A row is made from its line of `manifest.jsonl` and nothing else. What users write takes many shapes, a column takes
one; so reading is lenient here (the edit step has been strict already): what can't be brought into a column's shape is
null or left out, and the JSONL file still has it as it was written.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, BinaryIO

import pyarrow as pa

from beam_image_edit.transforms.json_text import Member, members, replace_members
from beam_image_edit.transforms.manifest import EDIT_SCHEMA
from beam_image_edit.transforms.row_groups import RowGroupWriter
from beam_image_edit.transforms.rows import RowFields

_TURN = pa.struct([('role', pa.string()), ('content', pa.string())])
SCHEMA = pa.schema(
    [
        ('index', pa.int64()),
        ('id', pa.string()),
        ('images', pa.list_(pa.string())),
        ('conversations', pa.list_(_TURN)),
        ('output_image', pa.list_(pa.string())),
        ('edit', EDIT_SCHEMA),
        ('extra', pa.string()),
    ]
)
_GROUP_ROWS = 2_000
_GROUP_CHARACTERS = 16 << 20

# Other names of the same roles, ShareGPT's among them; any further role stays as it is.
_ROLES = MappingProxyType({'human': 'user', 'gpt': 'assistant', 'model': 'assistant'})


def open_rows(file: BinaryIO) -> RowGroupWriter:
    """A Parquet file that takes rows of SCHEMA, each with its number of characters; use it as a context."""
    return RowGroupWriter(file, SCHEMA, group_rows=_GROUP_ROWS, group_size=_GROUP_CHARACTERS, compression='zstd')


def parquet_row(line: str, index: int | None, fields: RowFields) -> dict[str, Any]:
    """The columns of a row.

    Args:
        line: its line in the manifest.
        index: its index, None if it has none.
        fields: what the user calls the rows' fields.

    >>> row = parquet_row('{"id": 7, "images": "a.png", "rank": 1.50, "output_image": [], "edit": {}}', 0, RowFields())
    >>> row['id'], row['images'], row['extra']
    ('7', ['a.png'], '{"rank": 1.50}')
    """
    present = members(line)
    values = {member.key: member.value for member in present}
    own = ('id', fields.images, fields.conversations, fields.output_image, 'edit')
    return {
        'index': index,
        'id': _read_id(present, line),
        'images': [image for image in _to_list(values.get(fields.images)) if isinstance(image, str)],
        'conversations': [_read_turn(turn) for turn in _to_list(values.get(fields.conversations))],
        'output_image': values[fields.output_image],
        'edit': values['edit'],
        'extra': replace_members(line, removed=own, added={}, present=present),
    }


def _to_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _read_id(present: Sequence[Member], line: str) -> str | None:
    found = [member for member in present if member.key == 'id']
    if not found or found[-1].value is None:
        return None
    # As it is written: 1.0 and 12345678901234567890123 stay what they are.
    value, start, end = found[-1].value, found[-1].value_start, found[-1].end
    return value if isinstance(value, str) else line[start:end]


def _read_turn(turn: Any) -> dict[str, str | None]:
    if isinstance(turn, str):
        return {'role': 'user', 'content': turn}
    if not isinstance(turn, dict):
        return {'role': None, 'content': None}
    role, content = turn.get('role', turn.get('from')), turn.get('content', turn.get('value'))
    return {
        'role': _ROLES.get(role.lower(), role) if isinstance(role, str) else None,
        'content': _read_content(content),
    }


def _read_content(content: Any) -> str | None:
    parts = [part.get('text') if isinstance(part, dict) else part for part in _to_list(content)]
    texts = [part for part in parts if isinstance(part, str)]
    return '\n'.join(texts) if texts else None
