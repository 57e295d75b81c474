"""The shape of a `generateContent` request, and the reading of proto3 JSON as Google's servers do it.

Names may be in camelCase or snake_case, even mixed in one request; a name that is not in the shape is refused, and so
is a value of the wrong type. `null` means absent.
"""

import re
from collections.abc import Mapping
from typing import Any

from beam_image_edit.pipeline.emulator.refusals import Refusal

# A shape is a type's name, a tuple of an enum's values, a one-element list (repeated) or a dictionary (a message).
Shape = Any

_PART: Shape = {
    'text': 'string',
    'inlineData': {'mimeType': 'string', 'data': 'string'},
    'fileData': {'mimeType': 'string', 'fileUri': 'string'},
    'thought': 'boolean',
    'thoughtSignature': 'string',
    'mediaResolution': 'any',
    'partMetadata': 'any',
}
_CONTENT: Shape = {'role': 'string', 'parts': [_PART]}
_GENERATION_CONFIG: Shape = {
    'responseModalities': [('TEXT', 'IMAGE', 'AUDIO')],
    'imageConfig': {'aspectRatio': 'string', 'imageSize': 'string'},
    'temperature': 'number',
    'topP': 'number',
    'topK': 'number',
    'seed': 'integer',
    'candidateCount': 'integer',
    'maxOutputTokens': 'integer',
    'stopSequences': ['string'],
    'presencePenalty': 'number',
    'frequencyPenalty': 'number',
    'responseMimeType': 'string',
    'mediaResolution': 'string',
    'thinkingConfig': {'thinkingLevel': 'string', 'thinkingBudget': 'integer', 'includeThoughts': 'boolean'},
}
REQUEST: Shape = {
    'contents': [_CONTENT],
    'systemInstruction': _CONTENT,
    'generationConfig': _GENERATION_CONFIG,
    'safetySettings': [{'category': 'string', 'threshold': 'string', 'method': 'string'}],
    'tools': ['any'],
    'toolConfig': 'any',
    'cachedContent': 'string',
    'continuationToken': 'string',
    'serviceTier': 'string',
    'store': 'boolean',
    'labels': 'any',
    'model': 'string',
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    'string': (str,),
    'number': (int, float),
    'integer': (int,),
    'boolean': (bool,),
}


def read_message(value: Any, shape: Shape = REQUEST, path: str = '') -> Any:
    """A request with all names in camelCase and `null` values left out.

    >>> read_message({'generation_config': {'imageConfig': {'image_size': '1K'}}})
    {'generationConfig': {'imageConfig': {'imageSize': '1K'}}}

    Raises:
        Refusal: an unknown name, or a value of the wrong type.
    """
    if isinstance(shape, dict):
        return _read_fields(value, shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise invalid_value(path, 'repeated', value)
        return [read_message(item, shape[0], f'{path}[{number}]') for number, item in enumerate(value)]
    if isinstance(shape, tuple):
        if value not in shape:
            raise invalid_value(path, 'type.googleapis.com/google.ai.generativelanguage.Enum', value)
        return value
    if shape != 'any' and (not isinstance(value, _TYPES[shape]) or (isinstance(value, bool) and shape != 'boolean')):
        raise invalid_value(path, f'TYPE_{shape.upper()}', value)
    return value


def _read_fields(value: Any, shape: Mapping[str, Shape], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_value(path, 'message', value)
    fields = {}
    for name, item in value.items():
        known = re.sub('_([a-z])', lambda match: match[1].upper(), name)
        if known not in shape:
            place = f" at '{path}'" if path else ''
            message = f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
            raise invalid_argument(message, path)
        if item is not None:
            snake = re.sub('([A-Z])', lambda match: f'_{match[1].lower()}', known)
            fields[known] = read_message(item, shape[known], f'{path}.{snake}' if path else snake)
    return fields


def invalid_argument(message: str, field_path: str = '') -> Refusal:
    """A 400 as Google's servers say it."""
    violation = {'description': message, **({'field': field_path} if field_path else {})}
    details = ({'@type': 'type.googleapis.com/google.rpc.BadRequest', 'fieldViolations': [violation]},)
    return Refusal(400, message, details=details)


def invalid_value(path: str, kind: str, value: Any) -> Refusal:
    """A 400 for a value of the wrong type."""
    return invalid_argument(f"Invalid value at '{path}' ({kind}), {str(value)[:60]!r}", path)
