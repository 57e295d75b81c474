"""Kinds of files that people give in place of JSON Lines, told by how they begin.

In such a file each piece between two line ends would be a row that can't be used. A row is never a reason to end a
job, so only what no JSON Lines file can begin with counts here.
"""

import re
from collections.abc import Sequence

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.input_files import InputFile, read_bytes

BEGINNING_BYTES = 1 << 16
# A glob may name thousands of files, and one request each would take minutes; the job finds out about the rest before
# it sends anything.
_FILES_LOOKED_INTO = 100
_KINDS = (
    (
        b'PAR1',
        'a Parquet file',
        "convert it by pandas.read_parquet(…).to_json('rows.jsonl', orient='records', lines=True)",
    ),
    (
        rb'PK\x03\x04',
        'a ZIP archive or an Excel sheet',
        "unpack it, or convert it by pandas.read_excel(…).to_json('rows.jsonl', orient='records', lines=True)",
    ),
    # With a line end after the bracket, or with a comma after an object on the same line, and no row on the next.
    (
        rb'(\xef\xbb\xbf)?\s*\[[ \t\r]*(\n|\{[^\n]*,[ \t\r]*\n)(?![ \t]*\{[^\n]*\}[ \t\r]*(\n(?!\s*\])|$))',
        'one JSON array',
        "convert it by jq -c '.[]'",
    ),
    (rb'\xff\xfe[^\0]\0|\xfe\xff\0[^\0]', 'text in UTF-16', 'save it as UTF-8'),
    (rb'\x1f\x8b\x08', 'compressed by gzip', 'let its name end with .gz'),
    (rb'\x28\xb5\x2f\xfd', 'compressed by zstd', 'let its name end with .zst'),
    (rb'\x89PNG\r\n|\xff\xd8\xff', 'a picture', 'give it to --images'),
)
_COMPILED = [(re.compile(pattern), what, advice) for pattern, what, advice in _KINDS]


def check_files(files: Sequence[InputFile]) -> None:
    """Looks into the first files, as far as they can be read from the middle.

    Raises:
        ConfigurationError: one of them is certainly no JSON Lines.
        StorageError: one can't be read.
    """
    for file in files[:_FILES_LOOKED_INTO]:
        if file.size:
            check_kind(file.url, read_bytes(file, 0, min(file.size, BEGINNING_BYTES)))


def check_kind(url: str, beginning: bytes) -> None:
    """Raises ConfigurationError if a file that begins so is certainly no JSON Lines.

    Args:
        url: where it is.
        beginning: its first bytes, decompressed; of more than BEGINNING_BYTES only those are looked at.
    """
    for pattern, what, advice in _COMPILED:
        if pattern.match(beginning, 0, BEGINNING_BYTES):
            raise ConfigurationError(f'{url} is {what}; rows are JSON Lines, one JSON object a line: {advice}')
