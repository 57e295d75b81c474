"""An OpenAI image request: checked as strictly as the real API checks it, and read into an edit."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from beam_image_edit.pipeline.emulator.edits import Edit, OpenImage, ReceivedImage, UnreadableImage, open_image
from beam_image_edit.pipeline.emulator.models import OpenAiModel, find_openai_model
from beam_image_edit.pipeline.emulator.openai_faults import model_gone
from beam_image_edit.pipeline.emulator.openai_form import FilePart, Form, refuse

_MEGABYTE = 1024 * 1024
_MIME_TYPES = ('image/png', 'image/jpeg', 'image/webp')
_EXTENSIONS = ('.png', '.jpg', '.jpeg', '.webp')
_COMMON = {'model', 'n', 'size', 'user'}
_GPT = _COMMON | {
    'prompt',
    'quality',
    'background',
    'output_format',
    'output_compression',
    'input_fidelity',
    'moderation',
    'complexity',
    'safety_identifier',
    'stream',
}
_LEGACY = _COMMON | {'prompt', 'response_format', 'quality'}
_VARIATION = _COMMON | {'response_format'}
# Fields that have a real meaning, of which the emulator has none.
_NOT_EMULATED = ('partial_images', 'markup', 'frame_count', 'frame_duration_ms', 'svg')


def read_edit(form: Form, look: OpenImage = open_image) -> Edit:
    """Reads the body of `/images/edits`.

    Args:
        form: the body.
        look: opens an image; one that looks into nothing turns off the checks of images.

    Raises:
        Refusal: the real API would refuse it.
    """
    name, model = _find_model(form, default='')
    if model.is_legacy and form.is_json:
        raise refuse(f"The model '{name}' takes multipart requests only.", 'model', 'invalid_value')
    _check_names(form, _LEGACY if model.is_legacy else _GPT)
    prompt = form.fields.get('prompt')
    if not isinstance(prompt, str) or not prompt.strip():
        raise refuse("Missing required parameter: 'prompt'.", 'prompt', 'missing_required_parameter')
    if len(prompt) > model.max_prompt:
        raise refuse(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {model.max_prompt}, but got a "
            f'string with length {len(prompt)} instead.',
            'prompt',
            'string_above_max_length',
        )
    return _build(form, name, model, look, prompt)


def read_variation(form: Form, look: OpenImage = open_image) -> Edit:
    """Reads the body of `/images/variations`, which only the dall-e-2 family has; as `read_edit`."""
    name, model = _find_model(form, default='dall-e-2')
    if not model.is_legacy or form.is_json:
        raise refuse("Invalid value: the model must be 'dall-e-2'.", 'model', 'invalid_value')
    _check_names(form, _VARIATION)
    if form.mask:
        raise refuse("Unknown parameter: 'mask'.", 'mask', 'unknown_parameter')
    return _build(form, name, model, look, prompt='')


def _find_model(form: Form, default: str) -> tuple[str, OpenAiModel]:
    name = form.fields.get('model') or default
    if not isinstance(name, str) or not name:
        raise refuse("Missing required parameter: 'model'.", 'model', 'missing_required_parameter')
    model = find_openai_model(name)
    if model is None:
        raise model_gone(name)
    return name, model


def _check_names(form: Form, allowed: set[str]) -> None:
    for name in form.fields:
        if name in _NOT_EMULATED and allowed is _GPT:
            raise refuse(f"The emulator does not have '{name}'.", name, 'invalid_value')
        if name not in allowed:
            raise refuse(f"Unknown parameter: '{name}'.", name, 'unknown_parameter')


def _build(form: Form, name: str, model: OpenAiModel, look: OpenImage, prompt: str) -> Edit:
    fields = form.fields
    count = _read_integer(form, 'n', 1, 10) or 1
    size = _read_size(fields.get('size'), model)
    _check_choices(fields, model)
    output_format = fields.get('output_format', 'png')
    compression = _read_integer(form, 'output_compression', 0, 100)
    if compression is not None and output_format == 'png':
        raise refuse(
            "output_compression is only supported for 'jpeg' and 'webp'.", 'output_compression', 'invalid_value'
        )
    if fields.get('background') == 'transparent' and output_format == 'jpeg':
        raise refuse("Transparent background is not supported for 'jpeg'.", 'background', 'invalid_value')
    images = _read_images(form, model, look)
    return Edit(
        model=name,
        prompt=prompt,
        images=images,
        sent_images=images,
        mask=_read_mask(form.mask, images[0], look) if form.mask else None,
        count=count,
        size=size,
        output_format=output_format.upper(),
        compression=90 if compression is None else compression,
        is_transparent=fields.get('background') == 'transparent',
        as_url=model.is_legacy and fields.get('response_format', 'url') == 'url',
        turns=(prompt,),
        parameters={key: value for key, value in fields.items() if key not in ('prompt', 'model')},
    )


def _read_integer(form: Form, name: str, low: int, high: int) -> int | None:
    value = form.fields.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not (is_number if form.is_json else re.fullmatch(r'-?\d+', value)):
        raise refuse(f"Invalid type for '{name}': expected an integer.", name, 'invalid_type')
    if not low <= int(value) <= high:
        which, limit = ('below_min', low) if int(value) < low else ('above_max', high)
        raise refuse(
            f"Invalid '{name}': integer {which.replace('_', ' ')} value. Expected a value between {low} and {high}, "
            f'limit {limit}, but got {value} instead.',
            name,
            f'integer_{which}_value',
        )
    return int(value)


def _read_size(size: Any, model: OpenAiModel) -> tuple[int, int] | None:
    if size is None or (size == 'auto' and 'auto' in model.sizes):
        return (1024, 1024) if model.is_legacy else None
    match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', size) if isinstance(size, str) else None
    if size not in model.sizes and not (model.has_any_size and match):
        raise _invalid_value('size', size, model.sizes)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if width % 16 or height % 16:
        raise refuse(f"Invalid size '{size}'. Width and height must both be divisible by 16.", 'size', 'invalid_value')
    if not 1 / 3 <= width / height <= 3:
        raise refuse(f"Invalid size '{size}'. The ratio must be between 1:3 and 3:1.", 'size', 'invalid_value')
    if max(width, height) > 3840 or min(width, height) > 2160:
        raise refuse(f"Invalid size '{size}'. The maximum is 3840x2160.", 'size', 'invalid_value')
    return width, height


def _check_choices(fields: Mapping[str, Any], model: OpenAiModel) -> None:
    choices = {
        'quality': model.qualities,
        'background': ('transparent', 'opaque', 'auto'),
        'output_format': ('png', 'webp', 'jpeg'),
        'moderation': ('auto', 'low'),
        'response_format': ('url', 'b64_json'),
        'stream': (False, 'false'),
    }
    if 'input_fidelity' in fields and not model.fidelities:
        raise refuse(
            "The 'input_fidelity' parameter is not supported by this model.", 'input_fidelity', 'invalid_value'
        )
    if 'complexity' in fields and not model.has_complexity:
        raise refuse("The 'complexity' parameter is not supported by this model.", 'complexity', 'invalid_value')
    choices |= {'input_fidelity': model.fidelities, 'complexity': ('low', 'medium', 'high')}
    for name, values in choices.items():
        if name in fields and fields[name] not in values:
            raise _invalid_value(name, fields[name], values)


def _invalid_value(name: str, value: Any, known: tuple[Any, ...]) -> Exception:
    listed = ', '.join(f"'{item}'" for item in known)
    return refuse(f"Invalid value: '{value}'. Supported values are: {listed}.", name, 'invalid_value')


def _read_images(form: Form, model: OpenAiModel, look: OpenImage) -> tuple[ReceivedImage, ...]:
    if not form.images:
        name = 'images' if form.is_json else 'image'
        raise refuse(f"Missing required parameter: '{name}'.", name, 'missing_required_parameter')
    if len(form.images) > model.max_images:
        count = len(form.images)
        raise refuse(
            f"Invalid 'image': array too long. Expected at most {model.max_images}, but got {count} instead.",
            'image',
            'array_above_max_length',
        )
    images = tuple(_read_image(part, 50 * _MEGABYTE, look) for part in form.images)
    if model.is_legacy and look is open_image:
        _check_legacy(images[0], needs_alpha='prompt' in form.fields)
    return images


def _read_image(part: FilePart, max_bytes: int, look: OpenImage) -> ReceivedImage:
    if not part.mime_type:
        raise refuse(f"Invalid file '{part.field}': missing mimetype.", part.field, 'missing_file_mimetype')
    if part.mime_type not in _MIME_TYPES:
        raise refuse(
            f"Invalid file '{part.field}': unsupported mimetype ('{part.mime_type}'). Supported file formats are "
            "'image/jpeg', 'image/png', and 'image/webp'.",
            part.field,
            'unsupported_file_mimetype',
        )
    if PurePath(part.file_name).suffix.lower() not in _EXTENSIONS:
        raise refuse(
            f"Invalid file '{part.field}': the file name '{part.file_name}' has no known extension.",
            part.field,
            'invalid_image_file',
        )
    if len(part.content) >= max_bytes:
        raise refuse(f"Invalid file '{part.field}': larger than {max_bytes} bytes.", part.field, 'image_too_large')
    try:
        image = look(part.content)
    except UnreadableImage as error:
        raise _invalid_image(part.field) from error
    if image.mime_type != part.mime_type and look is open_image:
        raise _invalid_image(part.field)
    return image


def _invalid_image(field: str) -> Exception:
    message = f"Invalid image file or mode for '{field}', please check your image file."
    return refuse(message, field, 'invalid_image_file')


def _check_legacy(image: ReceivedImage, needs_alpha: bool) -> None:
    if image.mime_type != 'image/png' or len(image.content) >= 4 * _MEGABYTE:
        raise refuse('Uploaded image must be a PNG and less than 4 MB.', 'image')
    if image.width != image.height:
        raise refuse('Uploaded image must be square.', 'image')
    if needs_alpha and not image.has_alpha:
        raise refuse("Invalid input image - format must be in ['RGBA', 'LA', 'L'], got RGB.", 'image')


def _read_mask(part: FilePart, first: ReceivedImage, look: OpenImage) -> ReceivedImage:
    mask = _read_image(part, 4 * _MEGABYTE, look)
    if look is not open_image:
        return mask
    code = 'invalid_mask_image_format'
    if mask.mime_type != 'image/png':
        raise refuse('Invalid mask image format - the mask must be a PNG.', 'mask', code)
    if not mask.has_alpha:
        raise refuse('Invalid mask image format - mask image missing alpha channel.', 'mask', code)
    if mask.size != first.size:
        raise refuse('Invalid mask image format - mask size does not match image size.', 'mask', code)
    return mask
