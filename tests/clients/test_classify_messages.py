"""What is said of an error answer: the server's own words, however it wraps them, but not at any length."""

import json
import time

import pytest

from beam_image_edit.transforms.clients.classify import classify
from tests.clients.error_bodies import html, openai


@pytest.mark.parametrize(
    ('status', 'body', 'message'),
    [
        pytest.param(400, openai('Bad size.'), 'HTTP 400: Bad size.', id='openai'),
        pytest.param(502, html('502 Bad Gateway'), 'HTTP 502: 502 Bad Gateway 502 Bad Gateway', id='page'),
        pytest.param(500, '{"error": "gone"}', 'HTTP 500: gone', id='text'),
        pytest.param(500, '"gone"', 'HTTP 500: gone', id='json-text'),
        pytest.param(422, '{"detail": {"error": {"message": "inner"}}}', 'HTTP 422: inner', id='nested'),
        pytest.param(500, '', 'HTTP 500 without an explanation', id='empty'),
        pytest.param(500, '{}', 'HTTP 500 without an explanation', id='empty-object'),
        pytest.param(200, '{"error": {"code": 503, "message": "busy"}}', 'HTTP 200, error 503: busy', id='wrapped'),
        pytest.param(500, '{"error": {"message": {"a": 1}}}', 'HTTP 500: {"a": 1}', id='message-object'),
        pytest.param(500, '{"error": {"param": "n"}}', 'HTTP 500: {"param": "n"}', id='no-message'),
        pytest.param(400, '{"error": {"message": "\\ud800\\u001b[31m"}}', 'HTTP 400: \ufffd\ufffd[31m', id='escapes'),
    ],
)
def test_classify_says_what_the_server_said(status, body, message):
    assert classify(status, {}, body.encode()).message == message


def test_classify_adds_what_to_do():
    message = classify(401, {}, openai('Wrong.').encode()).message
    assert message == 'HTTP 401: Wrong. (the API key is not accepted; check DF_API_KEY and DF_BASE_URL)'


def test_classify_repeats_neither_pictures_nor_inputs():
    picture = 'iVBORw0KGgo' * 500
    echoed = classify(400, {}, openai(f'Invalid image: data:image/png;base64,{picture} is too small.').encode())
    assert echoed.message == 'HTTP 400: Invalid image: data:image/png;base64,[5500 characters] is too small.'
    problem = {'type': 'missing', 'loc': ['body', 'image'], 'msg': 'Field required', 'input': 'my secret prompt'}
    assert 'secret' not in classify(422, {}, json.dumps({'detail': [problem]}).encode()).message


def test_classify_shortens_long_messages():
    message = classify(400, {}, openai('word ' * 10_000).encode()).message
    assert len(message) < 600
    assert message.endswith('…')


@pytest.mark.parametrize(
    'body',
    [
        pytest.param(b'<script>' * 500_000, id='tags'),
        pytest.param(b'<' * 4_000_000, id='brackets'),
        pytest.param(openai('retry in ' * 400_000).encode(), id='waits'),
        pytest.param(openai('retry in ' + '1' * 4_000_000).encode(), id='digits'),
        pytest.param(openai('model ' * 600_000).encode(), id='models'),
        pytest.param(b'{"error":' * 400_000, id='nesting'),
        pytest.param(b'[' * 900 + b']' * 900, id='lists'),
        pytest.param(b'{"error":' * 900 + b'1' + b'}' * 900, id='deep'),
        pytest.param(openai('A' * 4_000_000).encode(), id='base64'),
    ],
)
def test_classify_is_not_held_up_by_megabytes(body):
    began = time.process_time()
    assert len(classify(500, {'retry-after': '9' * 60_000}, body).message) < 600
    assert time.process_time() - began < 1
