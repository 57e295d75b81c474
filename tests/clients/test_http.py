"""Sending and receiving over real sockets: what arrives, what comes back, and where the key goes."""

import gzip
import logging
from itertools import pairwise

import pytest

from beam_image_edit.transforms.clients import http as http_module
from beam_image_edit.transforms.clients.calls import HttpRequest

KEY = 'secret-key-0815'
PICTURE = bytes(range(256)) * 40


# What is sent.


def test_request_arrives_whole_with_its_headers(server, client, post):
    body = bytes(range(256)) * 5000
    post(client, f'{server.url}/v1/x?y=z', body)
    [exchange] = server.exchanges
    assert (exchange.command, exchange.path) == ('POST', '/v1/x?y=z')
    assert exchange.body == body
    assert exchange.headers['Authorization'] == f'Bearer {KEY}'
    assert exchange.headers['Content-Type'] == 'application/json'
    assert exchange.headers['Content-Length'] == str(len(body))
    assert 'Transfer-Encoding' not in exchange.headers


def test_netrc_is_not_consulted(server, client, tmp_path, monkeypatch, post):
    netrc = tmp_path / 'netrc'
    netrc.write_text('default login someone password else\n')
    netrc.chmod(0o600)
    monkeypatch.setenv('NETRC', str(netrc))
    post(client, server.url)
    post(client, server.url, headers={'x-goog-api-key': KEY})
    client.download(f'{server.url}/a.png', server.host)
    assert [exchange.headers['Authorization'] for exchange in server.exchanges] == [f'Bearer {KEY}', None, None]


def test_cookies_are_not_kept(server, client, post):
    server.answer = lambda exchange: exchange.send(set_cookie='a=b')
    post(client, server.url)
    post(client, server.url)
    assert server.exchanges[1].headers['Cookie'] is None


def test_connection_is_used_again(server, client, post):
    for status in (200, 500, 200):
        server.answer = lambda exchange, status=status: exchange.send(status)
        post(client, server.url)
    assert server.connections == 1


def test_proxy_of_the_environment_is_used(server, client, monkeypatch, post):
    monkeypatch.setenv('http_proxy', server.url)
    assert post(client, 'http://api.invalid/v1/x').status == 200
    assert server.exchanges[0].path == 'http://api.invalid/v1/x'


def test_logs_hold_no_key(server, make_server, client, caplog, post, error_of):
    caplog.set_level(logging.DEBUG)
    post(client, server.url)
    server.answer = lambda exchange: exchange.reset()
    error_of(post, client, server.url)
    assert caplog.text
    assert KEY not in caplog.text


# What comes back.


@pytest.mark.parametrize('status', [200, 201, 400, 429, 500, 503])
def test_answer_comes_as_it_is_whatever_its_status(server, client, status, post):
    server.answer = lambda exchange: exchange.send(status, b'{"b": 2}', X_Request_Id='r', Retry_After='7')
    answer = post(client, server.url)
    assert (answer.status, answer.body) == (status, b'{"b": 2}')
    assert answer.headers['x-request-id'] == 'r'
    assert answer.headers['retry-after'] == '7'


def test_answer_in_chunks(server, client, post):
    server.answer = lambda exchange: exchange.send_chunks(b'first ', b'second')
    assert post(client, server.url).body == b'first second'


def test_answer_is_decoded(server, client, post):
    server.answer = lambda exchange: exchange.send(body=gzip.compress(PICTURE * 100), content_encoding='gzip')
    assert post(client, server.url).body == PICTURE * 100


def test_answer_that_ends_with_its_connection(server, client, post):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=None, connection='close')
        exchange.close_connection = True

    server.answer = answer
    assert post(client, server.url).body == PICTURE


@pytest.mark.parametrize('status', [301, 302, 307, 308])
def test_redirect_is_an_answer_and_not_followed(server, make_server, client, status, post):
    elsewhere = make_server()
    server.answer = lambda exchange: exchange.send(status, location=f'{elsewhere.url}/v1/x')
    answer = post(client, f'{server.url}/v1/x')
    assert (answer.status, answer.headers['location']) == (status, f'{elsewhere.url}/v1/x')
    assert len(server.exchanges) == 1
    assert elsewhere.exchanges == []


def test_redirect_to_nonsense_is_an_answer(server, client, post):
    server.answer = lambda exchange: exchange.send(302, location='http://[')
    assert post(client, server.url).status == 302


def test_error_that_is_cut_off_keeps_its_status(server, client, post):
    def answer(exchange):
        exchange.send(429, b'{"error": ', content_length='500')
        exchange.close_connection = True

    server.answer = answer
    answer = post(client, server.url)
    assert (answer.status, answer.body) == (429, b'{"error": ')


def test_error_of_megabytes_is_read_to_a_limit(server, client, monkeypatch, post):
    monkeypatch.setattr(http_module, 'MAX_ERROR_BYTES', 1000)
    server.answer = lambda exchange: exchange.send(500, b'x' * 100_000)
    assert post(client, server.url).body == b'x' * 1000


def test_answer_over_the_limit_may_be_billed(server, client, monkeypatch, post, error_of):
    monkeypatch.setattr(http_module, 'MAX_ANSWER_BYTES', 1000)
    server.answer = lambda exchange: exchange.send(body=b'x' * 1001)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('bad_image', True)
    assert 'more than 1,000 bytes' in error.message


def test_bomb_is_not_unpacked_beyond_the_limit(server, client, monkeypatch, post, error_of):
    monkeypatch.setattr(http_module, 'MAX_ANSWER_BYTES', 5_000_000)
    server.answer = lambda exchange: exchange.send(body=gzip.compress(bytes(50_000_000)), content_encoding='gzip')
    assert error_of(post, client, server.url).kind == 'bad_image'


@pytest.mark.parametrize('is_told', [True, False])
def test_room_is_made_for_all_of_an_answer_before_it_is_read(server, client, is_told):
    size, rooms = 20_000_000, []
    told = {} if is_told else {'content_length': None, 'connection': 'close'}
    server.answer = lambda exchange: exchange.send(body=bytes(size), **told)
    client.post(HttpRequest(f'{server.url}/v1', (b'{}',), 'application/json'), {}, rooms.append)
    assert rooms == sorted(rooms)
    # Not in one step at the end: each time for no more than what comes next.
    assert max(later - earlier for earlier, later in pairwise(rooms)) <= 2 * 256 * 1024
    assert size <= rooms[-1] < size + 2 * 256 * 1024
