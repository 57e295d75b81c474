"""Rows of a data set: an edited row in the form in which others train on it.

What a row says is its author's, in many shapes; here it has one, and pictures are told by what they are rather than by
where they lay: no path, address or signature of the author's goes into a data set that may be published.
"""

import hashlib
import json
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.json_text import append_members, parse_object, replace_members
from beam_image_edit.transforms.manifest import manifest_line
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.parquet_rows import RowKeys, parquet_row, to_unicode
from beam_image_edit.transforms.pictures import extension_of
from beam_image_edit.transforms.rows import Parameters, Row, RowFields, parse_row
from beam_image_edit.transforms.samples import Sample

Entry = tuple[int, int, bytes]
"""An edited row on its way into a shard: its place in the data set's order, its weight in bytes, the row, packed."""

# An index never gets so far; 62 bits are left.
_WITHOUT_INDEX = 1 << 62
# What a picture or a row takes in a shard besides its content: headers, padding, and its figures.
_OVERHEAD_BYTES = 4096
_FROM_EDIT = ('api_format', 'model', 'model_version', 'cost_usd', 'latency_s', 'tokens', 'conversions')


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture of a row.

    Attributes:
        name: what it is in the row, with the extension of its kind: `source_0.png`.
        location: a source's path or URL, a result's path as the manifest has it.
        sha256: of its bytes.
        bytes: how many there are.
    """

    name: str
    location: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A row of a data set, without the bytes of its pictures.

    Attributes:
        key: its name, which no other row of the data set has: digits and small letters.
        sources: the pictures that were edited.
        mask: its mask, if it has one.
        results: the edited pictures.
        columns: everything else, by column.
    """

    key: str
    sources: tuple[PictureFile, ...]
    mask: PictureFile | None
    results: tuple[PictureFile, ...]
    columns: Mapping[str, Any]

    @property
    def inputs(self) -> tuple[PictureFile, ...]:
        """The pictures that went into the edit."""
        return (*self.sources, self.mask) if self.mask else self.sources

    @property
    def pictures(self) -> tuple[PictureFile, ...]:
        """All its pictures."""
        return (*self.inputs, *self.results)

    @property
    def picture_bytes(self) -> int:
        """How many bytes its pictures have."""
        return sum(picture.bytes for picture in self.pictures)

    def to_json(self) -> str:
        """The row as one JSON object, its pictures by their names; the user's own fields as they were written."""
        columns = dict(self.columns)
        extra = columns.pop('extra')
        names = {
            'source_images': [picture.name for picture in self.sources],
            'mask': self.mask.name if self.mask else None,
            'result_images': [picture.name for picture in self.results],
        }
        return append_members(json.dumps({**columns, **names}, ensure_ascii=False), {'extra': extra})


def to_entry(outcome: Outcome) -> Entry:
    """An edited row in the form in which it travels.

    Its weight is known without reading a picture, and is no less than what the row takes in a shard of any format.
    """
    pictures = [*outcome.edit['sources'], *outcome.edit['images']]
    # The text twice: instructions come once by one and once all together.
    texts = 2 * len(outcome.text.encode('utf-8', 'replace')) + _OVERHEAD_BYTES
    weight = texts + sum((picture['bytes'] or 0) + _OVERHEAD_BYTES for picture in pictures)
    lean = replace(outcome, origin=None, spent={})
    return order_of(outcome), weight, zlib.compress(pickle.dumps(lean, protocol=pickle.HIGHEST_PROTOCOL))


def from_entry(entry: Entry) -> Outcome:
    """The row of an entry."""
    outcome: Outcome = pickle.loads(zlib.decompress(entry[2]))  # noqa: S301 - our own, from this job's shuffle
    return outcome


def order_of(outcome: Outcome) -> int:
    """Where a row comes in the data set, from 0 to 2^63: by index; without one, by its content and after all others.

    Rows without an index that are the same in all, their results too, have one place: a data set holds them once.
    """
    if outcome.index is not None:
        return outcome.index
    content = json.dumps([outcome.folder, outcome.text, outcome.output_image])
    digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'big') >> 2 | _WITHOUT_INDEX


def to_export_row(outcome: Outcome, fields: RowFields) -> ExportRow:
    """A row of the data set from an edited row.

    Args:
        outcome: the edited row.
        fields: what the user calls the rows' fields.

    Raises:
        InvalidInput: what the row says of its pictures does not fit to what was edited.
    """
    asked = _read(outcome, fields)
    images = [source for source in outcome.edit['sources'] if source['place'] != 'mask']
    masks = [source for source in outcome.edit['sources'] if source['place'] == 'mask']
    named = len(asked.images), int(asked.mask is not None), len(outcome.output_image)
    edited = len(images), len(masks), len(outcome.edit['images'])
    if named != edited:
        raise InvalidInput(f'it names {named} images, masks and results, but has {edited} in its edit')
    order = order_of(outcome)
    key = f'{order:09}' if outcome.index is not None else f'{order:x}'
    return ExportRow(
        key=key,
        sources=tuple(
            _to_file(f'source_{position}', url, image)
            for position, (url, image) in enumerate(zip(asked.images, images, strict=True))
        ),
        mask=_to_file('mask', asked.mask, masks[0]) if asked.mask else None,
        results=tuple(
            _to_file(f'result_{position}', path, image)
            for position, (path, image) in enumerate(zip(outcome.output_image, outcome.edit['images'], strict=True))
        ),
        columns={'key': key, 'index': outcome.index, 'name': outcome.name, **_columns(outcome, fields, asked, images)},
    )


def _read(outcome: Outcome, fields: RowFields) -> Row:
    sample = Sample(outcome.text, outcome.index, folder=outcome.folder)
    # The row was edited; so without a conversation it was for a variation, which the whole job may have asked for.
    is_variation = fields.conversations not in parse_object(outcome.text)
    return parse_row(sample, fields, Parameters(use_variations=is_variation))


def _columns(outcome: Outcome, fields: RowFields, asked: Row, sources: list[Mapping[str, Any]]) -> dict[str, Any]:
    keys = RowKeys(fields.images, fields.conversations, fields.output_image)
    own = parquet_row(manifest_line(outcome, fields.output_image), outcome.index, keys)
    columns = {
        'id': own['id'],
        'instruction': '\n'.join(asked.instructions),
        'instructions': list(asked.instructions),
        'system': asked.system,
        **{name: outcome.edit[name] for name in _FROM_EDIT},
        'sources': [{name: value for name, value in source.items() if name != 'place'} for source in sources],
        'results': list(outcome.edit['images']),
        # A mask may be a data: URI, and is among the pictures.
        'extra': replace_members(own['extra'], removed=('mask', 'mask_path'), added={}),
    }
    return {name: to_unicode(value) for name, value in columns.items()}


def _to_file(name: str, location: str, picture: Mapping[str, Any]) -> PictureFile:
    return PictureFile(f'{name}.{extension_of(picture["mime"])}', location, picture['sha256'], picture['bytes'] or 0)
