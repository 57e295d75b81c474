"""Gemini's `generateContent`, put into requests and read out of answers; nothing is sent here.

A conversation is stateless: every request carries all earlier turns, the model's own parts with their thought
signatures unchanged among them. Thought images are previews and never a result.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from beam_image_edit.transforms.clients.calls import Answer, Call, Download, Exchange, HttpRequest, HttpResponse
from beam_image_edit.transforms.clients.classify import request_id_of
from beam_image_edit.transforms.clients.embedded_images import EmbeddedImage, write_json
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.clients.payloads import (
    as_count,
    as_name,
    as_object,
    as_objects,
    decode_base64,
    first_of,
    join_base_url,
    merge_deep,
    read_image,
    read_json,
    reporting,
)
from beam_image_edit.transforms.conversions import Picture
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.pictures import identify
from beam_image_edit.transforms.usage import Usage

default_base_url = 'https://generativelanguage.googleapis.com'
has_conversations = True

_REFUSALS = frozenset(
    {
        'IMAGE_SAFETY',
        'IMAGE_PROHIBITED_CONTENT',
        'IMAGE_RECITATION',
        'SAFETY',
        'PROHIBITED_CONTENT',
        'BLOCKLIST',
        'SPII',
        'RECITATION',
        'LANGUAGE',
        'ESCALATION',
        'MODEL_ARMOR',
        'JAILBREAK',
    }
)
_PERMANENT = frozenset(
    {
        'MAX_TOKENS',
        'MISSING_THOUGHT_SIGNATURE',
        'MALFORMED_FUNCTION_CALL',
        'UNEXPECTED_TOOL_CALL',
        'TOO_MANY_TOOL_CALLS',
        'CONTINUATION',
    }
)


# Resources that are named in full; anything else is the name of a model, whatever slashes it has.
_FULL_NAMES = ('models/', 'tunedModels/', 'publishers/', 'projects/')
_DATA_URL = re.compile(r'data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=_-]+')


def auth_headers(key: str) -> dict[str, str]:
    """The key in a header: in a URL it would end up in logs."""
    return {'x-goog-api-key': key}


def to_request(call: Call, base_url: str) -> HttpRequest:
    """The request of one turn, with the turns before it."""
    model = call.model if call.model.startswith(_FULL_NAMES) else f'models/{call.model}'
    body: dict[str, Any] = {
        'contents': [
            *(content for exchange in call.history for content in _replay(exchange)),
            _user_content(call.prompt or '', call.images),
        ],
        'generationConfig': _generation_config(call),
    }
    if call.system:
        body['systemInstruction'] = {'parts': [{'text': call.system}]}
    return HttpRequest(
        url=f'{join_base_url(base_url, "v1beta")}/{quote(model, safe="/@")}:generateContent',
        body=write_json(merge_deep(body, call.parameters.extra_body)),
        content_type='application/json',
    )


def _generation_config(call: Call) -> dict[str, Any]:
    # Without it a model may answer in words only.
    config: dict[str, Any] = {'responseModalities': ['IMAGE']}
    image_config = {'aspectRatio': call.parameters.aspect_ratio, 'imageSize': call.parameters.resolution}
    given = {name: value for name, value in image_config.items() if value}
    return {**config, 'imageConfig': given} if given else config


def _user_content(prompt: str, images: tuple[Picture, ...]) -> dict[str, Any]:
    return {'role': 'user', 'parts': [*(_inline(image.content, image.info.mime) for image in images), {'text': prompt}]}


def _inline(content: bytes, mime: str) -> dict[str, Any]:
    return {'inlineData': {'mimeType': mime, 'data': EmbeddedImage(content)}}


def _replay(exchange: Exchange) -> Iterator[dict[str, Any]]:
    """An earlier turn as the model saw and said it."""
    yield _user_content(exchange.prompt, exchange.images)
    parts = []
    for part in exchange.answer_parts:
        if 'image' in part:
            content = exchange.answer_images[part['image']]
            replayed = _inline(content, part.get('mimeType') or identify(content).mime)
        else:
            replayed = {'text': part['text']}
        if part.get('thoughtSignature'):
            # On the part, beside its content, as it came.
            replayed['thoughtSignature'] = part['thoughtSignature']
        parts.append(replayed)
    yield {'role': 'model', 'parts': parts}


def parse_response(response: HttpResponse, download: Download) -> Answer:
    """The answer's images, or why there is none.

    Raises:
        ApiError: of any kind; `refused` for a block by the safety system, `no_image` for an answer in words.
    """
    answer = read_json(response)
    request_id = as_name(answer.get('responseId')) or request_id_of(response.headers)
    usage = _usage(as_object(first_of(answer, 'usageMetadata', 'usage_metadata')))
    candidates = as_objects(answer.get('candidates'))
    with reporting(usage, request_id):
        for candidate in candidates:
            parts, images = _read_parts(candidate, download)
            if images:
                return Answer(
                    images=tuple(images),
                    parts=tuple(parts),
                    usage=usage,
                    model_version=as_name(first_of(answer, 'modelVersion', 'model_version')),
                    request_id=request_id,
                    finish_reason=as_name(first_of(candidate, 'finishReason', 'finish_reason')),
                )
        raise _without_image(answer, candidates[0] if candidates else {})


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=as_count(first_of(counts, 'promptTokenCount', 'prompt_token_count')),
        output=as_count(first_of(counts, 'candidatesTokenCount', 'candidates_token_count')),
        thinking=as_count(first_of(counts, 'thoughtsTokenCount', 'thoughts_token_count')),
        total=as_count(first_of(counts, 'totalTokenCount', 'total_token_count')),
        input_image=_count_images(first_of(counts, 'promptTokensDetails', 'prompt_tokens_details')),
        output_image=_count_images(first_of(counts, 'candidatesTokensDetails', 'candidates_tokens_details')),
    )


def _count_images(details: Any) -> int | None:
    """The image tokens in a list of tokens by modality; None where there is no such list, or it can't be read."""
    entries = as_objects(details)
    counts = [
        # A zero may be left out, and so may the modality of a text.
        as_count(entry.get('tokenCount', entry.get('token_count', 0)))
        for entry in entries
        if str(entry.get('modality')).upper() == 'IMAGE'
    ]
    return sum(count for count in counts if count is not None) if entries and None not in counts else None


def _final_parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A candidate's parts but for its thoughts; none where it was blocked before it had any."""
    return [part for part in as_objects(as_object(candidate.get('content')).get('parts')) if not part.get('thought')]


def _read_parts(candidate: Mapping[str, Any], download: Download) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The parts worth keeping, images by their position, and the images."""
    parts: list[dict[str, Any]] = []
    images: list[bytes] = []
    for part in _final_parts(candidate):
        found = _read_images(part, download)
        kept: list[dict[str, Any]] = [
            {'image': len(images) + position, 'mimeType': mime} for position, (_, mime) in enumerate(found)
        ]
        images += [content for content, _ in found]
        if not found and isinstance(part.get('text'), str):
            kept = [{'text': part['text']}]
        signature = first_of(part, 'thoughtSignature', 'thought_signature')
        if isinstance(signature, str) and signature:
            kept = [{**one, 'thoughtSignature': signature} for one in kept]
        parts += kept
    return parts, images


def _read_images(part: Mapping[str, Any], download: Download) -> list[tuple[bytes, str | None]]:
    """A part's images and their MIME types: within it, or at an address, or as gateways write them into the text."""
    inline = as_object(first_of(part, 'inlineData', 'inline_data'))
    image = read_image(inline.get('data'))
    if image is not None:
        return [(image, as_name(first_of(inline, 'mimeType', 'mime_type')))]
    file = as_object(first_of(part, 'fileData', 'file_data'))
    url = first_of(file, 'fileUri', 'file_uri')
    if isinstance(url, str) and url:
        return [(download(url), as_name(first_of(file, 'mimeType', 'mime_type')))]
    text = part.get('text')
    return [(decode_base64(found), None) for found in _DATA_URL.findall(text)] if isinstance(text, str) else []


def _without_image(answer: Mapping[str, Any], candidate: Mapping[str, Any]) -> ApiError:
    feedback = as_object(first_of(answer, 'promptFeedback', 'prompt_feedback'))
    block = as_name(first_of(feedback, 'blockReason', 'block_reason'))
    reason = as_name(first_of(candidate, 'finishReason', 'finish_reason')) or 'none'
    said = ' '.join(str(part['text']) for part in _final_parts(candidate) if part.get('text'))
    explanation = first_of(candidate, 'finishMessage', 'finish_message') or said
    if block:
        explanation = first_of(feedback, 'blockReasonMessage', 'block_reason_message')
    detail = f': {shorten(str(explanation))}' if explanation else ''
    if block:
        return ApiError('refused', f'the prompt was blocked: {block}{detail}', 200)
    if reason in _REFUSALS:
        return ApiError('refused', f'the answer was blocked: {reason}{detail}', 200)
    if reason == 'PUP_LIMITED_DISABLED':
        return ApiError('fatal', f"the account is limited or disabled ({reason}); see the provider's console", 200)
    if reason in _PERMANENT:
        return ApiError('permanent', f'no image: finish reason {reason}{detail}', 200)
    return ApiError('no_image', f'answered without an image: finish reason {reason}{detail}', 200)
