"""A `generateContent` answer: thoughts, words and pictures, signed, and what they cost."""

import uuid

from beam_image_edit.pipeline.emulator.alterations import Payload
from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.models import find_gemini_model
from beam_image_edit.pipeline.emulator.pictures import draw_thought, encode_base64
from beam_image_edit.pipeline.emulator.signatures import sign_text
from beam_image_edit.pipeline.emulator.tokens import Tokens, count_text

_WORDS = 'Here is the edited image.'
_THOUGHT = 'The picture is looked at, and the edit is planned.'
_THINKING_TOKENS = 200


def count_tokens(edit: Edit) -> Tokens:
    """What an edit costs."""
    model = find_gemini_model(edit.model)
    if model is None:
        raise ValueError(f'unknown model {edit.model!r}')
    config = edit.parameters.get('generationConfig', {})
    size = config.get('imageConfig', {}).get('imageSize', '')
    level = config.get('thinkingConfig', {}).get('thinkingLevel', '').lower()
    thinks = bool(model.thinking_levels) and level != 'minimal'
    return Tokens(
        text_input=sum(map(count_text, edit.turns)),
        image_input=(len(edit.sent_images) + len(edit.answered_images)) * model.input_image_tokens,
        text_output=count_text(_WORDS) if edit.has_text else 0,
        image_output=model.image_tokens(size) * edit.count,
        thinking=_THINKING_TOKENS if thinks else 0,
    )


def write_answer(edit: Edit, pictures: list[bytes], tokens: Tokens) -> Payload:
    """The body of an answer that holds pictures: thoughts first, then words, then the pictures, each signed."""
    parts: list[Payload] = []
    if edit.has_thoughts:
        parts = [
            {'thought': True, 'text': _THOUGHT},
            {'thought': True, 'inlineData': {'mimeType': 'image/jpeg', 'data': encode_base64(draw_thought(edit))}},
        ]
    if edit.has_text:
        parts.append({'text': _WORDS, 'thoughtSignature': sign_text(edit.model, _WORDS.encode())})
    mime_type = f'image/{edit.output_format.lower()}'
    parts += [
        {
            'inlineData': {'mimeType': mime_type, 'data': encode_base64(picture)},
            'thoughtSignature': sign_text(edit.model, picture),
        }
        for picture in pictures
    ]
    return _envelop(edit, tokens, {'content': {'role': 'model', 'parts': parts}, 'finishReason': 'STOP', 'index': 0})


def _envelop(edit: Edit, tokens: Tokens, candidate: Payload) -> Payload:
    usage = {
        'promptTokenCount': tokens.input,
        'candidatesTokenCount': tokens.output,
        'thoughtsTokenCount': tokens.thinking,
        'totalTokenCount': tokens.total,
        'promptTokensDetails': _split(tokens.text_input, tokens.image_input),
        'candidatesTokensDetails': _split(tokens.text_output, tokens.image_output),
    }
    return {
        'candidates': [candidate],
        'usageMetadata': {name: value for name, value in usage.items() if value},  # proto3 leaves zeros out
        'modelVersion': edit.model,
        'responseId': uuid.uuid4().hex[:22],
    }


def _split(text: int, image: int) -> list[Payload]:
    counts = (('TEXT', text), ('IMAGE', image))
    return [{'modality': modality, 'tokenCount': count} for modality, count in counts if count]
