"""An OpenAI image answer: the pictures, what they cost, and what was chosen where the request left it open."""

import time
from typing import Any

from beam_image_edit.pipeline.emulator.alterations import Payload, Publish
from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.models import find_openai_model
from beam_image_edit.pipeline.emulator.pictures import encode_base64, natural_size
from beam_image_edit.pipeline.emulator.tokens import Tokens, count_openai_input, count_openai_output, count_text


def count_tokens(edit: Edit) -> Tokens:
    """What an edit costs; the dall-e-2 family was billed by the image, but is counted like the others."""
    return Tokens(
        text_input=count_text(edit.prompt),
        image_input=sum(count_openai_input(*image.size) for image in edit.images),
        image_output=edit.count * count_openai_output(_choose_quality(edit), *(edit.size or natural_size(edit))),
    )


def write_answer(edit: Edit, pictures: list[bytes], tokens: Tokens, publish: Publish) -> Payload:
    """The body of an answer that holds pictures."""
    model = find_openai_model(edit.model)
    created = int(time.time())
    if model is not None and model.is_legacy:
        name, write = ('url', publish) if edit.as_url else ('b64_json', encode_base64)
        return {'created': created, 'data': [{name: write(picture)} for picture in pictures]}
    width, height = edit.size or natural_size(edit)
    return {
        'created': created,
        'background': 'transparent' if edit.is_transparent else 'opaque',
        'data': [{'b64_json': encode_base64(picture)} for picture in pictures],
        'output_format': edit.output_format.lower(),
        'quality': _choose_quality(edit),
        'size': f'{width}x{height}',
        'usage': _write_usage(tokens),
    }


def _choose_quality(edit: Edit) -> str:
    quality = edit.parameters.get('quality', 'auto')
    return 'medium' if quality in ('auto', 'standard') else str(quality)


def _write_usage(tokens: Tokens) -> dict[str, Any]:
    return {
        'input_tokens': tokens.input,
        'input_tokens_details': {'text_tokens': tokens.text_input, 'image_tokens': tokens.image_input},
        'output_tokens': tokens.output,
        'output_tokens_details': {'text_tokens': tokens.text_output, 'image_tokens': tokens.image_output},
        'total_tokens': tokens.total,
    }
