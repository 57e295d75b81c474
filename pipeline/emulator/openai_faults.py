"""What goes wrong at OpenAI: errors in its own words, and answers that are not what was asked for."""

import base64
from collections.abc import Callable, Mapping

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

_QUOTA = 'You exceeded your current quota, please check your plan and billing details.'
_SAFETY = (
    'Your request was rejected by the safety system. If you believe this is an error, contact us. '
    'safety_violations=[{reason}].'
)


def wrong_key(key: str) -> Refusal:
    """A key that is not known."""
    shown = f'{key[:4]}{"*" * 8}{key[-4:]}' if len(key) > 12 else '*' * len(key)
    return Refusal(
        401,
        f'Incorrect API key provided: {shown}. You can find your API key in your account settings.',
        code='invalid_api_key',
    )


def model_gone(name: str) -> Refusal:
    """A model that is not served, or no longer."""
    return Refusal(404, f'The model `{name}` does not exist or you do not have access to it.', code='model_not_found')


def slow_down(retry_after_s: float, message: str = '') -> Refusal:
    """A limit that is reached for now."""
    text = message or f'Rate limit reached for images per minute. Please try again in {retry_after_s:g}s.'
    return Refusal(
        429,
        text,
        code='rate_limit_exceeded',
        kind='requests',
        headers={**_wait_headers(retry_after_s), 'x-ratelimit-remaining-requests': '0'},
    )


def _wait_headers(seconds: float) -> dict[str, str]:
    # Whole seconds in the one, and at least one of them: that is why there is the other.
    return {'retry-after': str(max(1, round(seconds))), 'retry-after-ms': str(round(seconds * 1000))}


def _status(arguments: Arguments, _: Edit, __: str) -> Refusal:
    status = int(arguments['status'])
    wait = arguments.get('retry_after_s')
    return Refusal(
        status,
        arguments.get('message', 'The request could not be completed.'),
        kind='server_error' if status >= 500 else 'invalid_request_error',
        code='server_error' if status >= 500 else None,
        headers={} if wait is None else _wait_headers(wait),
        body=arguments.get('body', 'real'),
    )


def _server_error(status: int, message: str) -> Callable[[Arguments, Edit, str], Refusal]:
    return lambda arguments, _, __: Refusal(
        status, arguments.get('message', message), kind='server_error', code='server_error'
    )


def _out_of_credit(arguments: Arguments, _: Edit, __: str) -> Refusal:
    code = arguments.get('code', 'insufficient_quota')
    status = arguments.get('status', 429)
    return Refusal(status, arguments.get('message', _QUOTA), code=code, kind='insufficient_quota')


def _refuse(arguments: Arguments, _: Edit, __: str) -> Refusal:
    message = arguments.get('message', _SAFETY.format(reason=arguments.get('reason', 'sexual')))
    return Refusal(400, message, code='moderation_blocked', kind='image_generation_user_error')


def _unverified(arguments: Arguments, edit: Edit, _: str) -> Refusal:
    message = f'Your organization must be verified to use the model `{edit.model}`.'
    return Refusal(403, arguments.get('message', message))


def _daily_quota(arguments: Arguments, edit: Edit, _: str) -> Refusal:
    message = f'Rate limit reached for {edit.model} on requests per day (RPD). Please try again in 10h0m0s.'
    return slow_down(36_000, arguments.get('message', message))


# Each takes the fault's arguments, the edit and the key that was sent.
ERRORS: Mapping[str, Callable[[Arguments, Edit, str], Refusal]] = {
    'status': _status,
    'rate_limit': lambda arguments, _, __: slow_down(arguments.get('retry_after_s', 1), arguments.get('message', '')),
    'daily_quota': _daily_quota,
    'overloaded': _server_error(503, 'The engine is currently overloaded, please try again later.'),
    'internal': _server_error(500, 'The server had an error while processing your request.'),
    'wrong_key': lambda _, __, key: wrong_key(key),
    'billing': _out_of_credit,
    'model_gone': lambda _, edit, __: model_gone(edit.model),
    'org_not_verified': _unverified,
    'echo_key': lambda arguments, _, key: Refusal(
        arguments.get('status', 400), f'Request could not be processed: Authorization: Bearer {key}'
    ),
    'refused': _refuse,
}


def _forget_images(payload: Payload, _: Arguments, __: Publish) -> None:
    payload['data'] = []


def _put_instead(write_item: Callable[[bytes, Publish], dict[str, str]]) -> Alteration:
    """An alteration that puts something else in the place of every picture given as base64."""

    def change(payload: Payload, _: Arguments, publish: Publish) -> None:
        payload['data'] = [
            write_item(base64.b64decode(item['b64_json']), publish) if 'b64_json' in item else item
            for item in payload['data']
        ]

    return Alteration(change)


ALTERATIONS: Mapping[str, Alteration] = {
    'no_image': Alteration(_forget_images, make_none),
    'empty_data': Alteration(_forget_images, make_none),
    'several_images': Alteration(adjust=make_several),
    'corrupt_image': _put_instead(lambda picture, _: {'b64_json': encode_base64(cut(picture))}),
    'data_url': _put_instead(lambda picture, _: {'url': f'data:image/png;base64,{encode_base64(picture)}'}),
    'url': _put_instead(lambda picture, publish: {'url': publish(picture)}),
}
