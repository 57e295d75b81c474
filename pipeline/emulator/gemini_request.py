"""A `generateContent` request: checked as strictly as the real API checks it, and read into an edit."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beam_image_edit.pipeline.emulator.edits import Edit, OpenImage, ReceivedImage, UnreadableImage, open_image
from beam_image_edit.pipeline.emulator.gemini_schema import invalid_argument, invalid_value, read_message
from beam_image_edit.pipeline.emulator.models import GeminiModel
from beam_image_edit.pipeline.emulator.refusals import Refusal
from beam_image_edit.pipeline.emulator.signatures import sign
from beam_image_edit.pipeline.emulator.tokens import count_text

MAX_REQUEST_BYTES = 100 * 1024 * 1024
_MIME_TYPES = ('image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif')
_UNREADABLE = 'Unable to process input image. Please retry or report in the troubleshooting guide.'

# Pixels at 1K; the other sizes are multiples.
_PIXELS = {
    '1:1': (1024, 1024),
    '16:9': (1376, 768),
    '9:16': (768, 1376),
    '3:2': (1264, 848),
    '2:3': (848, 1264),
    '4:3': (1200, 896),
    '3:4': (896, 1200),
    '5:4': (1152, 928),
    '4:5': (928, 1152),
    '21:9': (1584, 672),
    '4:1': (2048, 512),
    '1:4': (512, 2048),
    '8:1': (3072, 384),
    '1:8': (384, 3072),
}
_SCALES = {'512': 0.5, '1K': 1, '2K': 2, '4K': 4}


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of the conversation: who speaks, the words that are no thoughts, the images that are no thoughts."""

    role: str
    text: str
    images: tuple[ReceivedImage, ...]


def read_request(model_name: str, model: GeminiModel, body: bytes, look: OpenImage = open_image) -> Edit:
    """Reads a request's body.

    Args:
        model_name: from the URL.
        model: what it takes.
        body: JSON.
        look: opens an image; one that looks into nothing turns off the checks of images and signatures.

    Raises:
        Refusal: the real API would refuse it.
    """
    message = read_message(_load(body))
    turns = [
        _read_turn(content, number, model_name, look) for number, content in enumerate(message.get('contents', []))
    ]
    _check_turns(turns, model)
    config = message.get('generationConfig', {})
    _check_config(config, model, model_name)
    system = ''.join(part.get('text', '') for part in message.get('systemInstruction', {}).get('parts', []))
    _check_length([*(turn.text for turn in turns), system], sum(len(turn.images) for turn in turns), model)

    asked = [turn for turn in turns if turn.role == 'user']
    images = turns[-1].images or next((turn.images[-1:] for turn in reversed(turns) if turn.images), ())
    thinking = config.get('thinkingConfig', {})
    return Edit(
        model=model_name,
        prompt=turns[-1].text,
        images=images,
        sent_images=tuple(image for turn in asked for image in turn.images),
        answered_images=tuple(image.sha256 for turn in turns if turn.role == 'model' for image in turn.images),
        size=_choose_size(config.get('imageConfig', {}), images, model),
        output_format=model.output_format,
        has_text='TEXT' in config.get('responseModalities', ('TEXT', 'IMAGE')),
        has_thoughts=bool(model.thinking_levels) and thinking.get('includeThoughts', model.shows_thoughts),
        turns=tuple(turn.text for turn in asked),
        parameters={name: value for name, value in message.items() if name != 'contents'},
    )


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise invalid_argument(f'Invalid JSON payload received. {error}') from error


def _read_turn(content: Mapping[str, Any], number: int, model_name: str, look: OpenImage) -> _Turn:
    role = content.get('role', '')
    if role not in ('user', 'model', ''):
        raise invalid_argument('Please use a valid role: user, model.')
    parts = content.get('parts', [])
    if not parts:
        raise invalid_argument('* GenerateContentRequest.contents.parts: contents.parts must not be empty.')
    texts, images = [], []
    for position, part in enumerate(parts):
        path = f'contents[{number}].parts[{position}]'
        image = _read_image(part, path, look)
        if part.get('thought'):
            continue
        if image and role == 'model' and 'thoughtSignature' not in part and look is open_image:
            raise invalid_argument(
                'Image part is missing a thought_signature in content position '
                f'{number + 1}, part position {position + 1}. Please refer to the thought signatures guide for details.'
            )
        if 'thoughtSignature' in part and look is open_image:
            _check_signature(part, path, model_name, image.content if image else part.get('text', '').encode())
        texts.append(part.get('text', ''))
        images.extend([image] if image else [])
    return _Turn(role or 'user', '\n'.join(filter(None, texts)), tuple(images))


def _read_image(part: Mapping[str, Any], path: str, look: OpenImage) -> ReceivedImage | None:
    if len({'text', 'inlineData', 'fileData'} & part.keys()) != 1:
        raise invalid_argument(f"{path}.data: required oneof field 'data' must have one initialized field", path)
    if 'fileData' in part:
        uri = part['fileData'].get('fileUri', '')
        raise Refusal(403, f'You do not have permission to access the File {uri} or it may not exist.')
    if 'text' in part:
        return None
    mime_type = part['inlineData'].get('mimeType', '')
    if mime_type not in _MIME_TYPES:
        raise invalid_argument(f'Unsupported MIME type: {mime_type}')
    encoded = part['inlineData'].get('data', '')
    if look is not open_image:  # decoding takes a megabyte's time, and nobody would look at the result
        return look(encoded.encode())
    image = _open(_decode(encoded, f'{path}.inline_data.data'), look)
    is_heif = {mime_type, image.mime_type} == {'image/heif', 'image/heic'}
    if image.mime_type != mime_type and not is_heif:
        raise invalid_argument(_UNREADABLE)
    return image


def _open(content: bytes, look: OpenImage) -> ReceivedImage:
    try:
        return look(content)
    except UnreadableImage as error:
        raise invalid_argument(_UNREADABLE) from error


def _decode(encoded: str, path: str) -> bytes:
    """Base64 in either alphabet, with its padding or without it."""
    standard = encoded.translate(str.maketrans('-_', '+/')).rstrip('=')
    try:
        return base64.b64decode(standard + '=' * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise invalid_value(path, 'TYPE_BYTES', f'Base64 decoding failed for "{encoded[:40]}"') from error


def _check_signature(part: Mapping[str, Any], path: str, model_name: str, content: bytes) -> None:
    if _decode(part['thoughtSignature'], f'{path}.thought_signature') != sign(model_name, content):
        raise invalid_argument('Corrupted thought signature.')


def _check_turns(turns: list[_Turn], model: GeminiModel) -> None:
    if not turns:
        raise invalid_argument('* GenerateContentRequest.contents: contents is not specified')
    for number, turn in enumerate(turns):
        if turn.role != ('user', 'model')[number % 2]:
            raise invalid_argument('Please ensure that multiturn requests alternate between user and model.')
    if turns[-1].role != 'user':
        raise invalid_argument('Please ensure that multiturn requests end with a user role or a function response.')
    if not turns[-1].text.strip():
        raise invalid_argument('* GenerateContentRequest.contents: the last turn has no text to act on')
    count = sum(len(turn.images) for turn in turns if turn.role == 'user')
    if count > model.max_images:
        raise invalid_argument(f'Too many images: {count}. The model takes at most {model.max_images} images.')


def _check_config(config: Mapping[str, Any], model: GeminiModel, model_name: str) -> None:
    if config.get('candidateCount', 1) != 1:
        raise invalid_argument('Multiple candidates is not enabled for this model')
    modalities = config.get('responseModalities', ['TEXT', 'IMAGE'])
    if 'IMAGE' not in modalities or 'AUDIO' in modalities:
        raise invalid_argument(
            f'The requested combination of response modalities ({", ".join(modalities)}) is not supported by the '
            f'model. models/{model_name} accepts: IMAGE; TEXT, IMAGE'
        )
    image_config = config.get('imageConfig', {})
    ratio, size = image_config.get('aspectRatio'), image_config.get('imageSize')
    if ratio is not None and ratio not in model.ratios:
        raise invalid_argument(f'aspect_ratio must be one of {", ".join(model.ratios)}, got {ratio!r}')
    if size is not None and size not in (model.sizes or {}):
        known = ', '.join(model.sizes) if model.sizes else 'none for this model'
        raise invalid_argument(f'image_size must be one of {known}, got {size!r}')
    level = config.get('thinkingConfig', {}).get('thinkingLevel')
    if 'thinkingConfig' in config and not model.thinking_levels:
        raise invalid_argument('Thinking is not enabled for this model')
    if level is not None and level.lower() not in model.thinking_levels:
        raise invalid_argument(f'Thinking level {level} is not supported for this model')
    if not 0 <= config.get('temperature', 1) <= 2:
        raise invalid_value('generation_config.temperature', 'must be in the range [0, 2]', config['temperature'])


def _check_length(texts: list[str], image_count: int, model: GeminiModel) -> None:
    count = sum(map(count_text, texts)) + image_count * model.input_image_tokens
    if count > model.max_input_tokens:
        raise invalid_argument(
            f'The input token count ({count}) exceeds the maximum number of tokens allowed ({model.max_input_tokens}).'
        )


def _choose_size(
    config: Mapping[str, Any], images: tuple[ReceivedImage, ...], model: GeminiModel
) -> tuple[int, int] | None:
    """What the request asks for; a size without a ratio keeps the last image's shape."""
    if not config:
        return None
    shape = images[-1].width / images[-1].height if images and images[-1].height else 1.0
    nearest = min(model.ratios, key=lambda name: abs(_PIXELS[name][0] / _PIXELS[name][1] - shape))
    width, height = _PIXELS[config.get('aspectRatio', nearest)]
    scale = _SCALES[config.get('imageSize', '1K')]
    return int(width * scale), int(height * scale)
