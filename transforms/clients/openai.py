"""OpenAI's `/images/edits` and `/images/variations`, put into requests and read out of answers; it sends nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary

from beam_image_edit.transforms.clients.calls import Answer, Call, Download, HttpRequest, HttpResponse
from beam_image_edit.transforms.clients.classify import request_id_of
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.clients.payloads import (
    as_count,
    as_name,
    as_object,
    as_objects,
    decode_base64,
    join_base_url,
    read_image,
    read_json,
    reporting,
)
from beam_image_edit.transforms.conversions import Picture
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.usage import Usage

default_base_url = 'https://api.openai.com/v1'
has_conversations = False


def auth_headers(key: str) -> dict[str, str]:
    """The key as a bearer token."""
    return {'Authorization': f'Bearer {key}'}


def to_request(call: Call, base_url: str) -> HttpRequest:
    """One request: an edit, or a variation, which has no prompt."""
    endpoint = 'variations' if call.parameters.use_variations else 'edits'
    # A lone half of a surrogate pair, which JSON can hold and UTF-8 can't, becomes a question mark.
    fields = [RequestField.from_tuples(name, value.encode('utf-8', 'replace')) for name, value in _form_fields(call)]
    boundary = choose_boundary()
    return HttpRequest(
        url=f'{join_base_url(base_url, "v1")}/images/{endpoint}',
        body=tuple(_write_form([*fields, *_files(call)], boundary)),
        content_type=f'multipart/form-data; boundary={boundary}',
        is_on_every_server=not call.parameters.use_variations,
    )


def full_prompt(system: str | None, prompt: str | None) -> str:
    """A prompt that begins with the system instruction, for which this API has no place of its own."""
    return '\n\n'.join(filter(None, (system, prompt)))


def _write_form(fields: Iterable[RequestField], boundary: str) -> Iterator[bytes]:
    """A form in pieces; the library's own function would copy each file three times."""
    for field in fields:
        yield f'--{boundary}\r\n{field.render_headers()}'.encode()
        yield field.data if isinstance(field.data, bytes) else field.data.encode()
        yield b'\r\n'
    yield f'--{boundary}--\r\n'.encode()


def _form_fields(call: Call) -> Iterator[tuple[str, str]]:
    asked = call.parameters
    fields: dict[str, Any] = {
        'model': call.model,
        'prompt': None if asked.use_variations else full_prompt(call.system, call.prompt),
        'n': asked.n if asked.n != 1 else None,
        'size': asked.size,
        # GPT models refuse the field; the dall-e family would answer with URLs that live for an hour.
        'response_format': 'b64_json' if facts_of('openai', call.model).is_dall_e else None,
    }
    if not asked.use_variations:
        fields |= {
            'quality': asked.quality,
            'background': asked.background,
            'output_format': asked.output_format,
            'output_compression': asked.output_compression,
            'input_fidelity': asked.input_fidelity,
            'moderation': asked.moderation,
        }
    for name, value in (fields | dict(asked.extra_body)).items():
        yield from _flatten(name, value)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A JSON value as form fields, the way the official SDK writes them: `a[b]`, `a[]`, `true`."""
    if value is None:
        return
    if isinstance(value, bool):
        yield name, 'true' if value else 'false'
    elif isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _flatten(f'{name}[{inner}]', item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _flatten(f'{name}[]', item)
    else:
        yield name, str(value)


def _files(call: Call) -> Iterator[RequestField]:
    name = 'image' if len(call.images) == 1 else 'image[]'
    for position, image in enumerate(call.images):
        yield _file(name, f'image_{position}', image)
    if call.mask:
        yield _file('mask', 'mask', call.mask)


def _file(name: str, stem: str, image: Picture) -> RequestField:
    # A part without a file name or with another type than its bytes is refused; an ASCII name is safe everywhere.
    field = RequestField(name, image.content, filename=f'{stem}.{image.info.extension}')
    field.make_multipart(content_type=image.info.mime)
    return field


def parse_response(response: HttpResponse, download: Download) -> Answer:
    """The answer's images, or why there is none.

    Raises:
        ApiError: of any kind; `no_image` for an answer with no images, which is how some gateways pass on a refusal.
    """
    answer = read_json(response)
    request_id = request_id_of(response.headers)
    usage = _usage(as_object(answer.get('usage')))
    with reporting(usage, request_id):
        images = tuple(filter(None, (_image_of(entry, download) for entry in as_objects(answer.get('data')))))
        if not images:
            said = shorten(str(answer.get('message') or 'no image in its "data"'))
            raise ApiError('no_image', f'answered without an image: {said}', 200)
    return Answer(images=images, usage=usage, model_version=as_name(answer.get('model')), request_id=request_id)


def _image_of(entry: Mapping[str, Any], download: Download) -> bytes | None:
    image, url = read_image(entry.get('b64_json')), entry.get('url')
    if image is not None:
        return image
    if isinstance(url, str) and url:
        return decode_base64(url) if url.startswith('data:') else download(url)
    return None


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=as_count(counts.get('input_tokens')),
        output=as_count(counts.get('output_tokens')),
        total=as_count(counts.get('total_tokens')),
        input_image=as_count(as_object(counts.get('input_tokens_details')).get('image_tokens')),
        output_image=as_count(as_object(counts.get('output_tokens_details')).get('image_tokens')),
    )
