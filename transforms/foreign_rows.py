"""Foreign rows: what other people's steps give, as samples.

In a JSONL file a row is text. In someone's pipeline it is a dict, a `beam.Row`, a named tuple or a dataclass, made by
a reader of Parquet or of a database, with dates, decimals and arrays in it. All become the same text that a file would
hold, in the forms that BigQuery exports to JSON.
"""

import base64
import dataclasses
import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from apache_beam.utils.timestamp import Timestamp

from beam_image_edit.transforms.names import clean_id
from beam_image_edit.transforms.samples import Sample

_TEXT_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((datetime.date, datetime.time), lambda moment: moment.isoformat()),
    (Timestamp, lambda moment: moment.to_rfc3339()),
    ((decimal.Decimal, uuid.UUID), str),
    (bytes, lambda content: base64.b64encode(content).decode()),
    ((np.generic, np.ndarray), lambda numbers: numbers.tolist()),
)


def to_sample(row: Any) -> Sample:
    """A sample, or a row of the user's own, as a sample.

    A row of no known kind, or one that JSON can't hold, is a sample with a problem. The argument has no narrower type,
    because Beam would check it against what it believes that the user's step gives, which is not always so.

    >>> to_sample({'images': 'a.png', 'conversations': ['Blur it'], 'price': decimal.Decimal('1.50')}).text
    '{"images": "a.png", "conversations": ["Blur it"], "price": "1.50"}'
    """
    if isinstance(row, Sample):
        return row
    members = members_of(row)
    if members is None:
        return Sample(
            text=json.dumps(repr(row)), problem=f'a row must be a dict or have named fields, got {type(row).__name__}'
        )
    try:
        fields = _to_json_value(members)
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return Sample(text=json.dumps(repr(row)), problem=f"the row can't be written as JSON: {error}")
    identity = clean_id(fields.get('id'))
    return Sample(text=text, name=f'sample_{identity}' if identity else None)


def members_of(row: Any) -> Mapping[str, Any] | None:
    """A row's fields by name; None if it has none."""
    if isinstance(row, Mapping):
        return row
    if hasattr(row, '_asdict'):  # a named tuple, or a beam.Row
        return dict(row._asdict())
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return None


def _to_json_value(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not hasattr(value, '_asdict'):
        return [_to_json_value(entry) for entry in value]
    members = members_of(value)
    if members is not None:
        return {name: _to_json_value(member) for name, member in members.items()}
    form = next((form for kinds, form in _TEXT_FORMS if isinstance(value, kinds)), None)
    # What is left, JSON holds or refuses.
    return form(value) if form else value
