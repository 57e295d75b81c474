"""The body of an OpenAI image request: multipart, or JSON with the images as data URLs, brought to one form."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from beam_image_edit.pipeline.emulator.refusals import Refusal

_MAX_URL = 20_971_520  # characters of an image_url
_CHUNK_BYTES = 1024 * 1024  # read at a time; aiohttp's own 8 KB take ten times the processor time


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file that came with a request.

    Attributes:
        field: the field's name as it is named in errors.
        file_name: '' where it has none.
        mime_type: '' where it has none.
        content: its bytes.
    """

    field: str
    file_name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A request's body.

    Attributes:
        fields: all that are not files. In a multipart body each is a text.
        images: the files under `image` or `image[]`, or the items of `images`.
        mask: the file under `mask`.
        is_json: whether the body was JSON.
    """

    fields: Mapping[str, Any]
    images: tuple[FilePart, ...] = ()
    mask: FilePart | None = None
    is_json: bool = False


def refuse(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A 400 as OpenAI says it."""
    return Refusal(400, message, param=param, code=code)


async def read_form(request: web.Request) -> Form:
    """Reads a request's body.

    Raises:
        Refusal: it is neither of the two forms, or not well formed.
    """
    if request.content_type == 'application/json':
        return read_json(await request.read())
    if request.content_type != 'multipart/form-data':
        raise refuse(
            f"Unsupported content type: '{request.content_type}'. This API method only accepts "
            "'multipart/form-data' or 'application/json' requests, but you specified another Content-Type header.",
            code='unsupported_content_type',
        )
    try:
        return await _read_multipart(request)
    except ValueError as error:
        raise refuse(f'Could not parse multipart form: {error}') from error


async def _read_multipart(request: web.Request) -> Form:
    fields: dict[str, str] = {}
    files: list[FilePart] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refuse('Could not parse multipart form: nested parts')
        part.chunk_size = _CHUNK_BYTES
        name, content = part.name or '', bytes(await part.read())
        if part.filename is not None:
            files.append(FilePart(name, part.filename, part.headers.get('Content-Type', ''), content))
            continue
        if name in ('image', 'image[]', 'mask'):
            raise refuse(f"Invalid type for '{name}': expected a file, but got a string instead.", name, 'invalid_type')
        if name in fields:
            raise _duplicate(name)
        fields[name] = content.decode()
    return _sort(fields, files)


def _sort(fields: dict[str, str], files: list[FilePart]) -> Form:
    for name in ('image', 'mask'):
        if sum(file.field == name for file in files) > 1:
            raise _duplicate(name)
    unknown = [file.field for file in files if file.field not in ('image', 'image[]', 'mask')]
    if unknown:
        raise refuse(f"Unknown parameter: '{unknown[0]}'.", unknown[0], 'unknown_parameter')
    if {'image', 'image[]'} <= {file.field for file in files}:
        raise refuse("Mixed parameters: 'image' and 'image[]'. Use only one of them.", 'image', 'invalid_value')
    images = tuple(file for file in files if file.field != 'mask')
    return Form(fields, images, next((file for file in files if file.field == 'mask'), None))


def _duplicate(name: str) -> Refusal:
    return refuse(
        f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas only one is allowed. "
        f"If you are trying to provide a list of values, use the array syntax instead e.g. '{name}[]=<value>'.",
        name,
        'duplicate_parameter',
    )


def read_json(body: bytes) -> Form:
    """Reads a body of JSON.

    Raises:
        Refusal: it is no JSON object, or an image in it is not given as it should be.
    """
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise refuse('We could not parse the JSON body of your request.') from error
    if not isinstance(fields, dict):
        raise refuse('We could not parse the JSON body of your request: it must be an object.')
    fields = {name: value for name, value in fields.items() if value is not None}
    items = fields.pop('images', [])
    if not isinstance(items, list):
        raise refuse("Invalid type for 'images': expected an array.", 'images', 'invalid_type')
    images = tuple(_read_reference(item, f'images[{number}]') for number, item in enumerate(items))
    mask = fields.pop('mask', None)
    return Form(fields, images, None if mask is None else _read_reference(mask, 'mask'), is_json=True)


def _read_reference(item: Any, field: str) -> FilePart:
    if not isinstance(item, dict):
        raise refuse(f"Invalid type for '{field}': expected an object.", field, 'invalid_type')
    unknown = sorted(item.keys() - {'image_url', 'file_id'})
    if unknown:
        raise refuse(f"Unknown parameter: '{field}.{unknown[0]}'.", f'{field}.{unknown[0]}', 'unknown_parameter')
    if len(item) != 1:
        raise refuse(f"Provide exactly one of 'image_url' and 'file_id' in '{field}'.", field, 'invalid_value')
    if 'file_id' in item:
        raise Refusal(404, f'No such File object: {item["file_id"]}', param=field)
    url = item['image_url']
    if not isinstance(url, str) or len(url) > _MAX_URL:
        raise refuse(f"Invalid '{field}.image_url': expected a text of at most {_MAX_URL} characters.", field)
    head, separator, encoded = url.partition(';base64,')
    if not (separator and head.startswith('data:')):
        raise refuse(f"Error while downloading '{field}.image_url'.", field, 'invalid_image_url')
    mime_type = head.removeprefix('data:')
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise refuse(f"Invalid base64 image_url in '{field}'.", field, 'invalid_base64') from error
    return FilePart(field, f'image.{mime_type.rpartition("/")[2]}', mime_type, content)
