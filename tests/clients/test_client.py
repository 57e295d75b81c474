"""The client: what a server says is passed on without the key, and so is what the HTTP library logs of it."""

import base64
import gc
import json
import logging
import tracemalloc

import pytest

from beam_image_edit.transforms.clients import gemini
from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.client import ApiClient, Endpoint
from beam_image_edit.transforms.errors import ApiError

MB = 1_000_000


@pytest.fixture
def make_api(client, server):
    """Makes an API client with a key."""
    return lambda key: ApiClient(Endpoint(gemini, 'gemini', server.url, key), client)


def answer_with(content, **more):
    inline = {'mimeType': 'image/png', 'data': base64.b64encode(content).decode()}
    part = {'inlineData': inline, **more}
    return json.dumps({'candidates': [{'content': {'parts': [part]}}]}).encode()


def send(api, server, body):
    server.answer = lambda exchange: exchange.send(body=body)
    return api.send(HttpRequest(f'{server.url}/v1/x', (b'{}',), 'application/json'))


@pytest.mark.parametrize(
    ('key', 'signature', 'kept'),
    [
        ('sk-0123456789', 'AAsk-0123456789AA', 'AA[API key]AA'),
        ('sk-0123456789', 'c2lnbmF0dXJl+/==', 'c2lnbmF0dXJl+/=='),
        ('any', 'c2lnANYbmF0dXJl', 'c2lnANYbmF0dXJl'),
    ],
    ids=['key', 'no-key', 'no-secret-found-by-chance'],
)
def test_signature_is_kept_as_it_came_unless_it_holds_a_secret(make_api, server, content, key, signature, kept):
    answer = send(make_api(key), server, answer_with(content, thoughtSignature=signature))
    assert answer.parts[0]['thoughtSignature'] == kept


def test_log_of_the_http_library_is_kept_but_for_the_key(make_api, server, caplog):
    caplog.set_level(logging.DEBUG, logger='urllib3')
    apis = [make_api('sk-0123456789'), make_api('sk-0123456789')]
    server.answer = lambda exchange: exchange.send(404)
    apis[0].send(HttpRequest(f'{server.url}/v1/sk-0123456789/x', (b'{}',), 'application/json'))
    assert '"POST /v1/[API key]/x HTTP/1.1" 404' in caplog.text
    assert 'sk-0123456789' not in caplog.text
    assert len([one for one in logging.getLogger('urllib3.connectionpool').filters if one.key == 'sk-0123456789']) == 1


def cut_off(exchange):
    exchange.send(body=b'x' * 8 * MB, content_length=str(9 * MB))
    exchange.close_connection = True


ANSWERS_THAT_FAIL = {
    'cut off': cut_off,
    'no JSON': lambda exchange: exchange.send(body=b'{' + b'x' * 8 * MB),
    'no image in it': lambda exchange: exchange.send(body=json.dumps({'text': 'x' * 8 * MB}).encode()),
    'an error': lambda exchange: exchange.send(500, body=b'x' * 8 * MB),
}


@pytest.mark.parametrize('answer', ANSWERS_THAT_FAIL)
def test_failed_answer_leaves_memory_at_once(make_api, server, answer):
    api, request = make_api('sk-0123456789'), HttpRequest(f'{server.url}/v1/x', (b'{}',), 'application/json')
    server.answer = ANSWERS_THAT_FAIL[answer]
    gc.collect()
    gc.disable()  # which the job does nearly, since collecting is dear
    tracemalloc.start()
    try:
        failures = [api.send(request) for _ in range(2)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert all(isinstance(failure, ApiError) for failure in failures)
    assert held < MB
