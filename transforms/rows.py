"""Rows: what a sample asks for, in one form, whichever way it was written.

Data sets come in many shapes: one image or a list, chat turns as `role`/`content` or ShareGPT's `from`/`value`, or a
bare instruction. Here they become one `Row`, or an error that tells the row's author what is wrong, with the value,
before anything is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from beam_image_edit.transforms.conversations import read_conversation
from beam_image_edit.transforms.counts import show_some
from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.json_text import escape_invisible, parse_object, shorten, show
from beam_image_edit.transforms.parameter_checks import (
    check_encodable,
    check_parameter,
    check_text,
    write_canonically,
)
from beam_image_edit.transforms.samples import Sample

_ROW_PARAMETERS = (
    'n',
    'size',
    'quality',
    'background',
    'aspect_ratio',
    'resolution',
    'use_variations',
    'extra_body',
)
# What else has a meaning of its own in a row or in its line of the manifest.
_RESERVED = ('id', 'mask', 'mask_path', 'variant', 'edit', 'line', *_ROW_PARAMETERS)
# What can't be left to the API.
_NEVER_NONE = ('n', 'use_variations', 'extra_body')
_NAMES_SHOWN = 5
_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*(://|::)|data:', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowFields:
    """The names of the fields that a row's author chooses."""

    images: str = 'images'
    conversations: str = 'conversations'
    output_image: str = 'output_image'

    def __post_init__(self) -> None:
        """Refuses names that would put one field in another's place."""
        names = (self.images, self.conversations, self.output_image)
        for name in names:
            if not isinstance(name, str) or not name:
                raise ConfigurationError(f"a field's name must be a string that is not empty, got {name!r}")
            if name in _RESERVED:
                raise ConfigurationError(f'a field can not have the name {name!r}, which means something else in rows')
            if names.count(name) > 1:
                raise ConfigurationError(
                    f'the fields of images, instructions and results must have names of their own, got {name!r} twice'
                )


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the APIs are asked for; None leaves a choice to the API.

    Those up to `extra_body` can be overridden by a row; a row's own field with the name of one of the others is its
    author's and means nothing here.

    Attributes:
        n: images for each instruction, 1 to 10.
        size: such as `1024x1024` (OpenAI).
        quality: such as `high` (OpenAI).
        background: such as `transparent` (OpenAI).
        aspect_ratio: such as `16:9` (Gemini).
        resolution: such as `2K` (Gemini).
        use_variations: ask for variations of the image, which take no instruction (OpenAI).
        extra_body: raw fields of the API, merged into the request last.
        output_format: `png`, `jpeg` or `webp` (OpenAI).
        output_compression: 0 to 100 (OpenAI).
        input_fidelity: `low` or `high` (OpenAI).
        moderation: `auto` or `low` (OpenAI).
    """

    n: int = 1
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    use_variations: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    output_format: str | None = None
    output_compression: int | None = None
    input_fidelity: str | None = None
    moderation: str | None = None

    def __post_init__(self) -> None:
        """Refuses what no server takes."""
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if value is None and name not in _NEVER_NONE:
                continue
            try:
                check_parameter(name, value)
            except ValueError as error:
                raise ConfigurationError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Row:
    """One row, ready to be worked on.

    Attributes:
        images: absolute paths, URLs and data URIs; at least one.
        mask: likewise, or None.
        instructions: the edits in order, trimmed, none of them blank; empty for variations, which take none.
        system: the system instruction, or None.
        variant: the canonical JSON text of the row's `variant`, None if it has none.
        parameters: the job's, with the row's overrides.
    """

    images: tuple[str, ...]
    mask: str | None
    instructions: tuple[str, ...]
    system: str | None
    variant: str | None
    parameters: Parameters


def parse_row(sample: Sample, fields: RowFields, defaults: Parameters) -> Row:
    """What a sample asks for.

    Raises:
        InvalidInput: it can't be used; names the field and the value. `locate` adds the place in the file.

    >>> text = '{"images": "a.png", "conversations": [{"from": "human", "value": "<image> Make it red."}]}'
    >>> row = parse_row(Sample(text, folder='/photos'), RowFields(), Parameters())
    >>> row.images, row.instructions
    (('/photos/a.png',), ('Make it red.',))
    """
    try:
        if sample.problem:
            raise InvalidInput(sample.problem)
        row = _parse_members(sample.text)
        parameters = _override(defaults, row)
        instructions, system = _read_instructions(fields.conversations, row, parameters)
        return Row(
            images=_read_images(fields.images, _require(row, fields.images), sample.folder),
            mask=_read_mask(row, sample.folder),
            instructions=instructions,
            system=system,
            variant=_read_variant(row.get('variant')),
            parameters=parameters,
        )
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def locate(sample: Sample, reason: str) -> str:
    r"""A reason as one line, with the line of the file where that is known.

    >>> locate(Sample('{', line=3), 'malformed\njson: \ufeff{')
    'line 3: malformed json: \\ufeff{'
    """
    one_line = escape_invisible(' '.join(reason.splitlines()))
    return one_line if sample.line is None else f'line {sample.line}: {one_line}'


def resolve(folder: str, location: str) -> str:
    """Where an image is: relative paths start at `folder`, a path or URL; all others stay as they are.

    `..` leads out of a URL's folder as it does out of a local one; nothing else is changed, percent signs neither.

    >>> resolve('s3://bucket/rows', '../images/a%20b.png')
    's3://bucket/images/a%20b.png'
    """
    if is_url(location) or location.startswith('/') or not folder:
        return location
    if '://' not in folder:
        return f'{folder.rstrip("/")}/{location}'
    protocol, _, place = folder.rstrip('/').partition('://')
    root, *steps = place.split('/')
    for step in location.split('/'):
        if step == '..':
            steps = steps[:-1]
        elif step != '.':
            steps.append(step)
    return f'{protocol}://{"/".join([root, *steps])}'


def is_url(location: str) -> bool:
    """Whether an image's place is a URL of any kind, `data:` included, rather than a path."""
    return _URL.match(location) is not None


def _parse_members(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except ValueError as error:
        raise InvalidInput(f'{error}: {shorten(text)}') from error


def _require(row: Mapping[str, Any], name: str) -> Any:
    """The value of a field that a row must have."""
    if name not in row:
        names = show_some([shorten(present) for present in row], _NAMES_SHOWN)
        raise InvalidInput(f'the row has no field {name}; it has {names or "none"}')
    return row[name]


def _read_instructions(name: str, row: Mapping[str, Any], parameters: Parameters) -> tuple[tuple[str, ...], str | None]:
    if parameters.use_variations:
        return (), None
    instructions, system = read_conversation(name, _require(row, name))
    for text in (*instructions, system or ''):
        check_encodable(name, text)
    return instructions, system


def _read_images(name: str, value: Any, folder: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (resolve(folder, _read_location(name, value)),)
    if not isinstance(value, list) or not value:
        raise InvalidInput(f'{name} must be a path, a URL, a data URI or a list of them, got {show(value)}')
    return tuple(resolve(folder, _read_location(f'{name}[{place}]', entry)) for place, entry in enumerate(value))


def _read_mask(row: Mapping[str, Any], folder: str) -> str | None:
    for name in ('mask', 'mask_path'):
        if row.get(name) is not None:
            return resolve(folder, _read_location(name, row[name]))
    return None


def _read_location(name: str, value: Any) -> str:
    check_text(name, value)
    if '\0' in value:
        raise InvalidInput(f'{name} must be a path, a URL or a data URI, got {show(value)}')
    return str(value)


def _read_variant(value: Any) -> str | None:
    return None if value is None else write_canonically('variant', value)


def _override(defaults: Parameters, row: Mapping[str, Any]) -> Parameters:
    changes = {name: row[name] for name in _ROW_PARAMETERS if row.get(name) is not None}
    for name, value in changes.items():
        check_parameter(name, value)
    if 'extra_body' in changes:
        changes['extra_body'] = {**defaults.extra_body, **changes['extra_body']}
    return replace(defaults, **changes) if changes else defaults
