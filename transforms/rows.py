"""Rows: what a sample asks for, in one form, whichever way it was written.

Data sets come in many shapes: one image or a list, chat turns as `role`/`content` or ShareGPT's `from`/`value`, or a
bare instruction. Here they become one `Row`, or an error that tells the row's author what is wrong, with the value,
before anything is sent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beam_image_edit.transforms.conversations import read_conversation
from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.json_text import parse_object, shorten, show
from beam_image_edit.transforms.samples import Sample

MAX_IMAGES_PER_CALL = 10
_STRING_PARAMETERS = ('size', 'quality', 'background', 'aspect_ratio', 'resolution')
_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*(://|::)|data:', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowFields:
    """The names of the fields that a row's author chooses."""

    images: str = 'images'
    conversations: str = 'conversations'
    output_image: str = 'output_image'

    def __post_init__(self) -> None:
        """Refuses names that would put one field in another's place."""
        names = ('id', 'edit', self.images, self.conversations, self.output_image)
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            raise ConfigurationError(
                f'the fields of images, instructions and results must have names of their own, unlike id and edit; '
                f'got {repeated!r} twice'
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
        InvalidInput: it can't be used; one line that names the place in the file, the field and the value.

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
            images=_read_images(fields.images, row.get(fields.images), sample.folder),
            mask=_read_mask(row, sample.folder),
            instructions=instructions,
            system=system,
            variant=_read_variant(row.get('variant')),
            parameters=parameters,
        )
    except InvalidInput as error:
        raise InvalidInput(locate(sample, str(error))) from error


def locate(sample: Sample, reason: str) -> str:
    """A reason as one line, with the line of the file where that is known.

    >>> locate(Sample('{', line=3), 'malformed JSON')
    'line 3: malformed JSON'
    """
    printable = ''.join(character if character.isprintable() else ' ' for character in reason)
    one_line = ' '.join(printable.split())
    return one_line if sample.line is None else f'line {sample.line}: {one_line}'


def resolve(folder: str, location: str) -> str:
    """Where an image is: relative paths start at `folder`, a path or URL; all others stay as they are.

    `..` leads out of a URL's folder as it does out of a local one; nothing else is changed, percent signs neither.

    >>> resolve('s3://bucket/rows', '../images/a%20b.png')
    's3://bucket/images/a%20b.png'
    """
    if _URL.match(location) or location.startswith('/') or not folder:
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


def _parse_members(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except ValueError as error:
        raise InvalidInput(f'{error}: {shorten(text)}') from error


def _read_instructions(name: str, row: Mapping[str, Any], parameters: Parameters) -> tuple[tuple[str, ...], str | None]:
    if parameters.use_variations:
        return (), None
    instructions, system = read_conversation(name, row.get(name))
    for text in (*instructions, system or ''):
        _check_encodable(name, text)
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
    location = _read_string(name, value)
    if '\0' in location:
        raise InvalidInput(f'{name} must be a path, a URL or a data URI, got {show(value)}')
    return location


def _read_string(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f'{name} must be a string that is not blank, got {show(value)}')
    return _check_encodable(name, value)


def _check_encodable(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f'\\u{ord(text[error.start]):04x}'
        raise InvalidInput(f'{name} has {half} at character {error.start + 1}, half of a surrogate pair') from error
    return text


def _read_variant(value: Any) -> str | None:
    return None if value is None else _write_canonically('variant', value)


def _write_canonically(name: str, value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(',', ':'), allow_nan=False)
    except ValueError as error:
        raise InvalidInput(f'{name} has a number that is too large, got {show(value)}') from error


def _override(defaults: Parameters, row: Mapping[str, Any]) -> Parameters:
    changes: dict[str, Any] = {
        name: _read_string(name, row[name]) for name in _STRING_PARAMETERS if _is_given(row, name)
    }
    if _is_given(row, 'n'):
        changes['n'] = _read_count(row['n'])
    if _is_given(row, 'use_variations'):
        changes['use_variations'] = _read_flag('use_variations', row['use_variations'])
    if _is_given(row, 'extra_body'):
        changes['extra_body'] = {**defaults.extra_body, **_read_extra_body(row['extra_body'])}
    return replace(defaults, **changes)


def _is_given(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) is not None


def _read_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_IMAGES_PER_CALL:
        raise InvalidInput(f'n must be an integer from 1 to {MAX_IMAGES_PER_CALL}, got {show(value)}')
    return value


def _read_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f'{name} must be true or false, got {show(value)}')
    return value


def _read_extra_body(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f'extra_body must be an object, got {show(value)}')
    _write_canonically('extra_body', value)
    return value
