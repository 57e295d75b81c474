"""The manifest's lines: a row as the user wrote it, with what became of it put in.

A line of `manifest.jsonl` is the row's own text. Nothing in it is parsed and written again, because that is how number
literals, escapes and repeated members get spoiled; two members are spliced in, `output_image` and `edit`, and all else
stays as it is, byte for byte. A row of `manifest.parquet` is made from its line (see `parquet_rows`), so that the two
can't disagree.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from beam_image_edit.transforms.json_text import append_members, parse_object, replace_members
from beam_image_edit.transforms.outcomes import Outcome

_SIZES = [('sha256', pa.string()), ('bytes', pa.int64()), ('width', pa.int64()), ('height', pa.int64())]
_ASPECT = ('aspect_ratio', pa.float64())
_SOURCE = pa.struct([('place', pa.string()), *_SIZES, _ASPECT, ('mime', pa.string())])
# The drift: how much wider for its height than the row's first image, as a share; 0: the same shape.
_IMAGE = pa.struct([*_SIZES, _ASPECT, ('aspect_drift', pa.float64()), ('mime', pa.string()), ('turn', pa.int64())])
_TOKENS = pa.struct([(kind, pa.int64()) for kind in ('input', 'output', 'thinking', 'total')])

EDIT_SCHEMA = pa.struct(
    [
        ('status', pa.string()),
        ('error', pa.string()),
        ('api_format', pa.string()),
        ('model', pa.string()),
        ('model_version', pa.string()),
        ('request_keys', pa.list_(pa.string())),
        ('request_ids', pa.list_(pa.string())),
        ('attempts', pa.int64()),
        ('possibly_double_billed', pa.int64()),
        ('tokens', _TOKENS),
        ('cost_usd', pa.float64()),
        ('latency_s', pa.float64()),
        ('finish_reason', pa.string()),
        ('refusal', pa.string()),
        ('conversions', pa.list_(pa.string())),
        ('images', pa.list_(_IMAGE)),
        ('sources', pa.list_(_SOURCE)),
    ]
)
"""The members of `edit`, their order and their types: the one place that says so."""

_LONE_SURROGATE = re.compile('[\ud800-\udfff]')
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_LINE_ENDS = str.maketrans('\n\r', '  ')


def _blank(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return []
    return 0 if pa.types.is_integer(kind) else None


_BLANKS = {member.name: _blank(member.type) for member in EDIT_SCHEMA}


def blank_edit(status: str, error: str | None = None, **known: Any) -> dict[str, Any]:
    """An `edit` with every member in its place: a list is empty, a count 0, all else null, unless it is known.

    Raises:
        TypeError: there is no member of that name.

    >>> blank_edit('invalid_input', 'images must not be empty', attempts=0)['request_ids']
    []
    """
    unknown = known.keys() - _BLANKS.keys()
    if unknown:
        raise TypeError(f'edit has no member {sorted(unknown)}; its members are {list(_BLANKS)}')
    edit = {name: [] if value == [] else value for name, value in _BLANKS.items()}
    return {**edit, **known, 'status': status, 'error': error}


def manifest_line(outcome: Outcome, output_image_key: str) -> str:
    r"""The outcome's line of the manifest, without its end: valid JSON that can be written as UTF-8.

    Earlier members of the two names are replaced, the others keep every byte. A row that is not a JSON object becomes
    the member `line` of an object of its own.

    >>> outcome = Outcome('{"weight": 1.50, "edit": 1}', 0, 'sample_0', ('out/a.png',), {'status': 'edited'})
    >>> manifest_line(outcome, 'output_image')
    '{"weight": 1.50, "output_image": ["out/a.png"], "edit": {"status": "edited"}}'
    """
    added = {output_image_key: _to_json(list(outcome.output_image)), 'edit': _to_json(dict(outcome.edit))}
    try:
        present = parse_object(outcome.text)
    except ValueError:
        present = {'line': outcome.text}
        text = _to_json(present)
    else:
        text = outcome.text.translate(_LINE_ENDS)  # in valid JSON these are white space between members
    is_new = present.keys().isdisjoint(added)
    line = append_members(text, added) if is_new else replace_members(text, removed=added, added=added)
    return line if line.isascii() else _LONE_SURROGATE.sub(lambda match: f'\\u{ord(match[0]):04x}', line)


def _to_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return _ENCODER.encode(value)
