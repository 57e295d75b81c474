"""What goes wrong at Gemini: errors in its own words, and answers that are not what was asked for."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from beam_image_edit.pipeline.emulator.alterations import (
    Alteration,
    Arguments,
    Payload,
    Publish,
    cut,
    make_none,
    make_several,
)
from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.pictures import encode_base64
from beam_image_edit.pipeline.emulator.refusals import Refusal

_TYPE = 'type.googleapis.com/google.rpc.'
_OVERLOADED = 'The model is overloaded. Please try again later.'
_INTERNAL = 'An internal error has occurred. Please retry or report it.'
_BILLING = 'Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.'
_WRONG_KEY = 'API key not valid. Please pass a valid API key.'


def wrong_key() -> Refusal:
    """A key that is not known: 400, not 401."""
    info = {
        '@type': f'{_TYPE}ErrorInfo',
        'reason': 'API_KEY_INVALID',
        'domain': 'googleapis.com',
        'metadata': {'service': 'generativelanguage.googleapis.com'},
    }
    return Refusal(400, _WRONG_KEY, details=(info, {'@type': f'{_TYPE}LocalizedMessage', 'message': _WRONG_KEY}))


def model_gone(name: str, version: str = 'v1beta') -> Refusal:
    """A model that is not served, or no longer."""
    return Refusal(
        404,
        f'models/{name} is not found for API version {version}, or is not supported for generateContent. '
        'Call ListModels to see the list of available models and their supported methods.',
    )


def slow_down(retry_after_s: float, metric: str = 'PerMinute', message: str = '') -> Refusal:
    """A quota that is used up for now."""
    text = message or (
        'You exceeded your current quota, please check your plan and billing details. '
        f'Please retry in {retry_after_s:g}s.'
    )
    violation = {
        'quotaMetric': 'generativelanguage.googleapis.com/generate_content_requests',
        'quotaId': f'GenerateRequests{metric}PerProjectPerModel',
        'quotaDimensions': {'location': 'global'},
        'quotaValue': '10',
    }
    details = (
        {'@type': f'{_TYPE}QuotaFailure', 'violations': [violation]},
        {'@type': f'{_TYPE}RetryInfo', 'retryDelay': f'{retry_after_s:g}s'},
    )
    return Refusal(429, text, details=details)


def _status(arguments: Arguments, _: Edit, __: str) -> Refusal:
    wait = arguments.get('retry_after_s')
    return Refusal(
        int(arguments['status']),
        arguments.get('message', 'The request could not be completed.'),
        details=() if wait is None else ({'@type': f'{_TYPE}RetryInfo', 'retryDelay': f'{wait:g}s'},),
        headers={} if wait is None else {'retry-after': f'{wait:g}'},
        body=arguments.get('body', 'real'),
    )


# Each takes the fault's arguments, the edit and the key that was sent.
ERRORS: Mapping[str, Callable[[Arguments, Edit, str], Refusal]] = {
    'status': _status,
    'rate_limit': lambda arguments, _, __: slow_down(
        arguments.get('retry_after_s', 1), message=arguments.get('message', '')
    ),
    'daily_quota': lambda arguments, _, __: slow_down(36_000, 'PerDay', arguments.get('message', '')),
    'overloaded': lambda arguments, _, __: Refusal(503, arguments.get('message', _OVERLOADED)),
    'internal': lambda arguments, _, __: Refusal(500, arguments.get('message', _INTERNAL)),
    'wrong_key': lambda _, __, ___: wrong_key(),
    'billing': lambda arguments, _, __: Refusal(arguments.get('status', 402), arguments.get('message', _BILLING)),
    'model_gone': lambda _, edit, __: model_gone(edit.model),
    'echo_key': lambda arguments, _, key: Refusal(
        arguments.get('status', 400), f'Request could not be processed: x-goog-api-key: {key}; url: /v1beta?key={key}'
    ),
}


def _refuse(payload: Payload, arguments: Arguments, _: Publish) -> None:
    if arguments.get('stage', 'input') == 'input':
        del payload['candidates']
        payload['promptFeedback'] = {'blockReason': arguments.get('reason', 'PROHIBITED_CONTENT')}
        return
    message = arguments.get('message', 'Unable to show the generated image: it may violate the usage policies.')
    reason = arguments.get('reason', 'IMAGE_SAFETY')
    payload['candidates'] = [{'finishReason': reason, 'finishMessage': message, 'index': 0}]


def _only_talk(payload: Payload, arguments: Arguments, _: Publish) -> None:
    candidate = payload['candidates'][0]
    candidate['finishReason'] = arguments.get('reason', 'STOP')
    text = arguments.get('text', 'I can describe the picture, but I made none.')
    candidate['content'] = {'role': 'model', 'parts': [{'text': text}]} if text else {'role': 'model'}


def _only_think(payload: Payload, _: Arguments, __: Publish) -> None:
    content = payload['candidates'][0]['content']
    content['parts'] = [part for part in content['parts'] if part.get('thought')]


def _forget_candidates(payload: Payload, _: Arguments, __: Publish) -> None:
    payload['candidates'] = []


def _forget_signatures(payload: Payload, _: Arguments, __: Publish) -> None:
    for part in payload['candidates'][0]['content']['parts']:
        part.pop('thoughtSignature', None)


def _put_instead(write_part: Callable[[bytes, str, Publish], dict[str, Any]]) -> Alteration:
    """An alteration that puts something else in the place of every picture."""

    def change(payload: Payload, _: Arguments, publish: Publish) -> None:
        for part in payload['candidates'][0]['content']['parts']:
            if 'inlineData' in part and not part.get('thought'):
                inline = part.pop('inlineData')
                part.update(write_part(base64.b64decode(inline['data']), inline['mimeType'], publish))

    return Alteration(change)


def _write_cut(picture: bytes, mime_type: str, _: Publish) -> dict[str, Any]:
    return {'inlineData': {'mimeType': mime_type, 'data': encode_base64(cut(picture))}}


def _write_data_url(picture: bytes, mime_type: str, _: Publish) -> dict[str, Any]:
    return {'text': f'![image](data:{mime_type};base64,{encode_base64(picture)})'}


def _write_file(picture: bytes, mime_type: str, publish: Publish) -> dict[str, Any]:
    return {'fileData': {'mimeType': mime_type, 'fileUri': publish(picture)}}


ALTERATIONS: Mapping[str, Alteration] = {
    'refused': Alteration(_refuse, make_none),
    'no_image': Alteration(_only_talk, make_none),
    'thought_only': Alteration(_only_think, lambda edit, _: replace(edit, count=0, has_thoughts=True)),
    'empty_data': Alteration(_forget_candidates, make_none),
    'missing_signature': Alteration(_forget_signatures),
    'several_images': Alteration(adjust=make_several),
    'corrupt_image': _put_instead(_write_cut),
    'data_url': _put_instead(_write_data_url),
    'url': _put_instead(_write_file),
}
