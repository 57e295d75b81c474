"""Names: what the files of a sample are called, the same on every run.

A sample is `sample_<index>`, or `sample_<id>` where its row has an id. Ids come from anywhere, so several rows may end
up with one name; the first in input order keeps it and the others get their index as well. Which rows those are
depends on all rows before, and is found without bringing the rows together: each row becomes one number, equal for
equal names, and numpy finds the repeated ones.

A name with an index may still be what another row has for an id (`a-24`). No image is lost by that: whoever stores an
image under a name that is taken by another purchase adds digits of the request key to its file's name.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from beam_image_edit.transforms.json_text import members, parse_object

Keys = npt.NDArray[np.uint64]

_MAX_ID_CHARACTERS = 100

# Keys below _NO_ID are indices and ids that could be one; those above are hashes of all other ids.
_NO_ID = 1 << 62
_HASHED = 1 << 63
_UNSAFE = re.compile(r'[^A-Za-z0-9._-]')
_INDEX = re.compile(r'0|[1-9][0-9]{0,18}')


class IdField:
    """Finds the ids of rows."""

    def __init__(self, key: str) -> None:
        self._key = key
        # A row with the key has it in quotes, or with at least one of its characters escaped.
        self._quoted = json.dumps(key, ensure_ascii=False).encode()
        escapes = (f'{ord(character):04{case}}' for character in key for case in 'xX')
        self._escape = re.compile(rf'\\u({"|".join(dict.fromkeys(escapes))})'.encode())

    def may_be_in(self, lines: bytes) -> bool:
        """Whether any of these lines may have an id; costs next to nothing, so that rows without ids do."""
        return self._quoted in lines or (b'\\u' in lines and self._escape.search(lines) is not None)

    def of(self, text: str) -> str:
        r"""A row's id as in its name, '' if it has none or can't be read.

        >>> IdField('id').of('{"id": "caf\u00e9 1"}'), IdField('id').of('{"id": 1.10}')
        ('caf__1', '1.10')
        """
        try:
            value = parse_object(text).get(self._key)
        except ValueError:
            return ''
        if isinstance(value, float):  # as it is written: 1.10 is another version than 1.1
            value = [text[member.value_start : member.end] for member in members(text) if member.key == self._key][-1]
        return clean_id(value)


def clean_id(value: Any) -> str:
    """An id in characters that every file system and URL takes; '' for null and the empty string, which are no ids.

    What is not a string counts as its JSON text.

    >>> clean_id('../a b'), clean_id(7), clean_id(True), clean_id(None)
    ('.._a_b', '7', 'true', '')
    """
    if value is None:
        return ''
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _UNSAFE.sub('_', text[:_MAX_ID_CHARACTERS])


def name_sample(index: int, row_id: str, is_repeated: bool) -> str:
    """A sample's name; `is_repeated` if an earlier row has the same without its index.

    >>> name_sample(7, '', False), name_sample(7, 'cat', False), name_sample(7, 'cat', True)
    ('sample_7', 'sample_cat', 'sample_cat-7')
    """
    name = f'sample_{row_id or index}'
    return f'{name}-{index}' if is_repeated else name


def key_of(row_id: str) -> int:
    """A number for the name that an id (as `clean_id` makes it) leads to: equal for names that are equal without case.

    An id that looks like an index has that number, because a row without id may have the same name.
    """
    if not row_id:
        return _NO_ID
    if _INDEX.fullmatch(row_id) and int(row_id) < _NO_ID:
        return int(row_id)
    digest = hashlib.blake2b(row_id.lower().encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'big') | _HASHED


def find_repeated(parts: Sequence[tuple[int, Keys | None]]) -> npt.NDArray[np.int64]:
    """The indices of all rows with the name of an earlier row, in order.

    Args:
        parts: rows in input order, as (their number, their keys); None for the keys of rows that all have no id.
    """
    if all(keys is None for _, keys in parts):
        return np.empty(0, np.int64)
    keys = np.concatenate([np.full(rows, _NO_ID, np.uint64) if part is None else part for rows, part in parts])
    has_no_id = keys == _NO_ID
    keys[has_no_id] = np.flatnonzero(has_no_id)
    # Ids are unique as a rule; then this needs one sorted copy and nothing else.
    in_order = np.sort(keys)
    shared = in_order[1:][in_order[1:] == in_order[:-1]]
    if not len(shared):
        return np.empty(0, np.int64)
    rows = np.flatnonzero(np.isin(keys, shared))
    _, first = np.unique(keys[rows], return_index=True)
    return np.delete(rows, first)
