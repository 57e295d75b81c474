"""Gemini's `generateContent`, put into requests and read out of answers; nothing is sent here.

A conversation is stateless: every request carries all earlier turns, the model's own parts with their thought
signatures unchanged among them. Thought images are previews and never a result.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from beam_image_edit.transforms.clients.calls import Answer, Call, Download, Exchange, HttpRequest, HttpResponse, Usage
from beam_image_edit.transforms.clients.classify import request_id_of, shorten
from beam_image_edit.transforms.clients.payloads import (
    as_count,
    decode_base64,
    encode_base64,
    first_of,
    join_base_url,
    merge_deep,
    read_json,
)
from beam_image_edit.transforms.conversions import Picture
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.pictures import identify

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


def auth_headers(key: str) -> dict[str, str]:
    """The key in a header: in a URL it would end up in logs."""
    return {'x-goog-api-key': key}


def to_request(call: Call, base_url: str) -> HttpRequest:
    """The request of one turn, with the turns before it."""
    model = call.model if '/' in call.model else f'models/{call.model}'
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
        body=json.dumps(merge_deep(body, call.parameters.extra_body), separators=(',', ':')).encode(),
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
    return {'inlineData': {'mimeType': mime, 'data': encode_base64(content)}}


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
    del download  # a generateContent answer holds its images
    answer = read_json(response)
    usage = _usage(answer)
    request_id = answer.get('responseId') or request_id_of(response.headers)
    candidates = [candidate for candidate in answer.get('candidates') or [] if isinstance(candidate, dict)]
    for candidate in candidates:
        parts, images = _read_parts(candidate)
        if images:
            return Answer(
                images=tuple(images),
                parts=tuple(parts),
                usage=usage,
                model_version=first_of(answer, 'modelVersion', 'model_version'),
                request_id=request_id,
                finish_reason=first_of(candidate, 'finishReason', 'finish_reason'),
            )
    raise _without_image(answer, candidates[0] if candidates else {}, request_id)


def _usage(answer: Mapping[str, Any]) -> Usage:
    counts = first_of(answer, 'usageMetadata', 'usage_metadata') or {}
    thinking = as_count(first_of(counts, 'thoughtsTokenCount', 'thoughts_token_count'))
    return Usage(
        input=as_count(first_of(counts, 'promptTokenCount', 'prompt_token_count')),
        output=as_count(first_of(counts, 'candidatesTokenCount', 'candidates_token_count')),
        thinking=thinking,
        total=as_count(first_of(counts, 'totalTokenCount', 'total_token_count')),
    )


def _parts_of(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = candidate.get('content')
    parts = content.get('parts') if isinstance(content, dict) else None
    return [part for part in parts or [] if isinstance(part, dict)]


def _read_parts(candidate: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The parts worth keeping, images by their position, and the images."""
    parts: list[dict[str, Any]] = []
    images: list[bytes] = []
    for part in _parts_of(candidate):
        if part.get('thought'):
            continue
        inline = first_of(part, 'inlineData', 'inline_data')
        kept: dict[str, Any]
        if isinstance(inline, dict) and isinstance(inline.get('data'), str):
            kept = {'image': len(images), 'mimeType': first_of(inline, 'mimeType', 'mime_type')}
            images.append(decode_base64(inline['data']))
        elif isinstance(part.get('text'), str):
            kept = {'text': part['text']}
        else:
            continue
        signature = first_of(part, 'thoughtSignature', 'thought_signature')
        parts.append({**kept, 'thoughtSignature': signature} if signature else kept)
    return parts, images


def _without_image(answer: Mapping[str, Any], candidate: Mapping[str, Any], request_id: str | None) -> ApiError:
    feedback = first_of(answer, 'promptFeedback', 'prompt_feedback') or {}
    block = first_of(feedback, 'blockReason', 'block_reason')
    reason = str(first_of(candidate, 'finishReason', 'finish_reason') or 'none')
    said = ' '.join(str(part['text']) for part in _parts_of(candidate) if part.get('text') and not part.get('thought'))
    words = shorten(str(first_of(candidate, 'finishMessage', 'finish_message') or said or ''))
    detail = f': {words}' if words else ''
    if block:
        explanation = first_of(feedback, 'blockReasonMessage', 'block_reason_message')
        text = f'the prompt was blocked: {block}' + (f': {shorten(str(explanation))}' if explanation else '')
        return ApiError('refused', text, 200, request_id=request_id)
    if reason in _REFUSALS:
        return ApiError('refused', f'the answer was blocked: {reason}{detail}', 200, request_id=request_id)
    if reason == 'PUP_LIMITED_DISABLED':
        text = f"the account is limited or disabled ({reason}); see the provider's console"
        return ApiError('fatal', text, 200, request_id=request_id)
    if reason in _PERMANENT:
        return ApiError('permanent', f'no image: finish reason {reason}{detail}', 200, request_id=request_id)
    return ApiError(
        'no_image', f'answered without an image: finish reason {reason}{detail}', 200, request_id=request_id
    )
