"""Sending and receiving over real sockets: what may have been billed, what is bounded, and where the key goes."""

import gzip
import logging
import socket
import struct
import time

import pytest

from beam_image_edit.transforms.clients import http as http_module
from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.errors import ApiError

KEY = 'secret-key-0815'
HEADERS = {'Authorization': f'Bearer {KEY}'}
PICTURE = bytes(range(256)) * 40


@pytest.fixture
def make_client():
    clients = []

    def make(read_timeout_s=5.0, **more):
        clients.append(HttpClient(4, 2.0, read_timeout_s, sleep=lambda _: None, **more))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def post(client, url, body=b'{"a": 1}', headers=HEADERS):
    return client.post(HttpRequest(url, body, 'application/json'), headers)


def error_of(action, *arguments, **more):
    with pytest.raises(ApiError) as caught:
        action(*arguments, **more)
    assert KEY not in f'{caught.value!r} {caught.value.__cause__!r}'
    return caught.value


def reset(exchange):
    """Ends a connection the way a crashed server does."""
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    exchange.connection.close()
    exchange.close_connection = True


def send_chunks(exchange, *chunks, is_whole=True):
    exchange.send(body=b'', content_length=None, transfer_encoding='chunked')
    for chunk in chunks:
        exchange.wfile.write(b'%x\r\n%b\r\n' % (len(chunk), chunk))
    exchange.wfile.write(b'0\r\n\r\n' if is_whole else b'')
    exchange.close_connection = not is_whole


def drip(exchange):
    """An answer that goes on for ever, a byte at a time."""
    exchange.send(body=b'', content_length='1000000')
    while not exchange.server.ended.wait(0.01):
        exchange.wfile.write(b' ')


# What is sent.


def test_request_arrives_whole_with_its_headers(server, client):
    body = bytes(range(256)) * 5000
    post(client, f'{server.url}/v1/x?y=z', body)
    [exchange] = server.exchanges
    assert (exchange.command, exchange.path) == ('POST', '/v1/x?y=z')
    assert exchange.body == body
    assert exchange.headers['Authorization'] == f'Bearer {KEY}'
    assert exchange.headers['Content-Type'] == 'application/json'
    assert exchange.headers['Content-Length'] == str(len(body))
    assert 'Transfer-Encoding' not in exchange.headers


def test_netrc_is_not_consulted(server, client, tmp_path, monkeypatch):
    netrc = tmp_path / 'netrc'
    netrc.write_text('default login someone password else\n')
    netrc.chmod(0o600)
    monkeypatch.setenv('NETRC', str(netrc))
    post(client, server.url)
    post(client, server.url, headers={'x-goog-api-key': KEY})
    client.download(f'{server.url}/a.png', server.host)
    assert [exchange.headers['Authorization'] for exchange in server.exchanges] == [f'Bearer {KEY}', None, None]


def test_cookies_are_not_kept(server, client):
    server.answer = lambda exchange: exchange.send(set_cookie='a=b')
    post(client, server.url)
    post(client, server.url)
    assert server.exchanges[1].headers['Cookie'] is None


def test_connection_is_used_again(server, client):
    for status in (200, 500, 200):
        server.answer = lambda exchange, status=status: exchange.send(status)
        post(client, server.url)
    assert server.connections == 1


def test_proxy_of_the_environment_is_used(server, client, monkeypatch):
    monkeypatch.setenv('http_proxy', server.url)
    assert post(client, 'http://api.invalid/v1/x').status == 200
    assert server.exchanges[0].path == 'http://api.invalid/v1/x'


# What comes back.


@pytest.mark.parametrize('status', [200, 201, 400, 429, 500, 503])
def test_answer_comes_as_it_is_whatever_its_status(server, client, status):
    server.answer = lambda exchange: exchange.send(status, b'{"b": 2}', X_Request_Id='r', Retry_After='7')
    answer = post(client, server.url)
    assert (answer.status, answer.body) == (status, b'{"b": 2}')
    assert answer.headers['x-request-id'] == 'r'
    assert answer.headers['retry-after'] == '7'


def test_answer_in_chunks(server, client):
    server.answer = lambda exchange: send_chunks(exchange, b'first ', b'second')
    assert post(client, server.url).body == b'first second'


def test_answer_is_decoded(server, client):
    server.answer = lambda exchange: exchange.send(body=gzip.compress(PICTURE * 100), content_encoding='gzip')
    assert post(client, server.url).body == PICTURE * 100


def test_answer_that_ends_with_its_connection(server, client):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=None, connection='close')
        exchange.close_connection = True

    server.answer = answer
    assert post(client, server.url).body == PICTURE


@pytest.mark.parametrize('status', [301, 302, 307, 308])
def test_redirect_is_an_answer_and_not_followed(server, make_server, client, status):
    elsewhere = make_server()
    server.answer = lambda exchange: exchange.send(status, location=f'{elsewhere.url}/v1/x')
    answer = post(client, f'{server.url}/v1/x')
    assert (answer.status, answer.headers['location']) == (status, f'{elsewhere.url}/v1/x')
    assert len(server.exchanges) == 1
    assert elsewhere.exchanges == []


def test_redirect_to_nonsense_is_an_answer(server, client):
    server.answer = lambda exchange: exchange.send(302, location='http://[')
    assert post(client, server.url).status == 302


def test_error_that_is_cut_off_keeps_its_status(server, client):
    def answer(exchange):
        exchange.send(429, b'{"error": ', content_length='500')
        exchange.close_connection = True

    server.answer = answer
    answer = post(client, server.url)
    assert (answer.status, answer.body) == (429, b'{"error": ')


def test_error_of_megabytes_is_read_to_a_limit(server, client, monkeypatch):
    monkeypatch.setattr(http_module, 'MAX_ERROR_BYTES', 1000)
    server.answer = lambda exchange: exchange.send(500, b'x' * 100_000)
    assert post(client, server.url).body == b'x' * 1000


def test_answer_over_the_limit_may_be_billed(server, client, monkeypatch):
    monkeypatch.setattr(http_module, 'MAX_ANSWER_BYTES', 1000)
    server.answer = lambda exchange: exchange.send(body=b'x' * 1001)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('bad_image', True)
    assert 'more than 1,000 bytes' in error.message


def test_bomb_is_not_unpacked_beyond_the_limit(server, client, monkeypatch):
    monkeypatch.setattr(http_module, 'MAX_ANSWER_BYTES', 5_000_000)
    server.answer = lambda exchange: exchange.send(body=gzip.compress(bytes(50_000_000)), content_encoding='gzip')
    assert error_of(post, client, server.url).kind == 'bad_image'


# What goes wrong.


def test_refused_connection_is_clean(client):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        error = error_of(post, client, f'http://127.0.0.1:{unused.getsockname()[1]}')
    assert (error.kind, error.may_be_billed) == ('retry', False)
    assert error.message.endswith('Connection refused')


def test_unknown_host_is_clean(client):
    error = error_of(post, client, 'http://nowhere.invalid')
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_failed_handshake_is_clean(server, client):
    error = error_of(post, client, server.url.replace('http:', 'https:'))
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_refused_proxy_is_clean(client, monkeypatch):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        monkeypatch.setenv('http_proxy', f'http://127.0.0.1:{unused.getsockname()[1]}')
        error = error_of(post, client, 'http://api.invalid/v1/x')
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_connection_that_never_stands_is_clean(make_client):
    with socket.create_server(('127.0.0.1', 0), backlog=0) as deaf:
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        client = HttpClient(1, 0.1, 5.0)
        error = error_of(post, client, f'http://127.0.0.1:{deaf.getsockname()[1]}')
        client.close()
        for filler in fillers:
            filler.close()
    assert (error.kind, error.may_be_billed) == ('retry', False)
    assert error.message == 'no connection within 0.1 s'


def test_reset_before_the_request_was_whole_is_clean(client):
    # The listener never reads: its buffers fill, and the rest of the request can't be handed over.
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        brief = HttpClient(1, 0.2, 5.0)
        error = error_of(post, brief, f'http://127.0.0.1:{listener.getsockname()[1]}', bytes(50_000_000))
        brief.close()
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_reset_after_the_request_may_be_billed(server, client):
    server.answer = reset
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


def test_end_without_an_answer_may_be_billed(server, client):
    server.answer = lambda exchange: setattr(exchange, 'close_connection', True)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert 'closed connection without response' in error.message


def test_silence_may_be_billed(server, make_client):
    server.answer = lambda exchange: exchange.server.ended.wait()
    error = error_of(post, make_client(0.1), server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert error.message == 'no whole answer within 0.1 s'


def test_answer_shorter_than_it_says_may_be_billed(server, client):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=str(len(PICTURE) + 1))
        exchange.close_connection = True

    server.answer = answer
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


@pytest.mark.parametrize('chunks', [(), (PICTURE,)], ids=['before-the-first', 'after-one'])
def test_answer_cut_off_between_chunks_may_be_billed(server, client, chunks):
    server.answer = lambda exchange: send_chunks(exchange, *chunks, is_whole=False)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


def test_answer_cut_off_within_a_chunk_may_be_billed(server, client):
    def answer(exchange):
        exchange.send(body=b'', content_length=None, transfer_encoding='chunked')
        exchange.wfile.write(b'ff\r\nonly this')
        exchange.close_connection = True

    server.answer = answer
    assert error_of(post, client, server.url).may_be_billed


def test_answer_reset_in_the_middle_may_be_billed(server, client):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=str(10 * len(PICTURE)))
        reset(exchange)

    server.answer = answer
    assert error_of(post, client, server.url).may_be_billed


def test_answer_that_can_not_be_decoded_may_be_billed(server, client):
    server.answer = lambda exchange: exchange.send(body=b'not gzip', content_encoding='gzip')
    assert error_of(post, client, server.url).may_be_billed


def test_nonsense_instead_of_http_may_be_billed(server, client):
    server.answer = lambda exchange: exchange.wfile.write(b'nonsense\r\n\r\n')
    assert error_of(post, client, server.url).may_be_billed


def test_answer_that_drips_is_bounded_as_a_whole(server, make_client):
    server.answer = drip
    began = time.monotonic()
    error = error_of(post, make_client(0.3), server.url)
    assert time.monotonic() - began < 2
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert error.message == 'no whole answer within 0.3 s'


def test_waiting_for_a_drip_takes_no_processor_time(server, make_client):
    server.answer = drip
    began = time.thread_time()
    error_of(post, make_client(0.3), server.url)
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize('url', ['http://', 'http://[', 'http://a..b/', 'nonsense://a', ''])
def test_address_that_is_none_is_permanent(client, url):
    error = error_of(post, client, url)
    assert error.kind in ('permanent', 'retry')
    assert not error.may_be_billed


@pytest.mark.parametrize('value', [f'{KEY}\n', f'{KEY}\u20ac'], ids=['line-end', 'not-latin-1'])
def test_header_that_can_not_be_sent_is_permanent_and_not_shown(server, client, value):
    error = error_of(post, client, server.url, headers={'Authorization': value})
    assert (error.kind, error.may_be_billed) == ('permanent', False)
    assert error.__cause__ is None
    assert server.exchanges == []


def test_logs_hold_no_key(server, make_server, client, caplog):
    caplog.set_level(logging.DEBUG)
    post(client, server.url)
    server.answer = reset
    error_of(post, client, server.url)
    assert caplog.text
    assert KEY not in caplog.text


# Downloads.


@pytest.fixture
def images(server):
    """A server that has an image."""
    server.answer = lambda exchange: exchange.send(body=PICTURE, content_type='image/png')
    return server


def test_download_brings_the_image_without_the_key(images, client):
    post(client, images.url)
    assert client.download(f'{images.url}/a.png?signature=s', images.host) == PICTURE
    assert images.exchanges[1].command == 'GET'
    assert images.exchanges[1].path == '/a.png?signature=s'
    assert KEY not in str(images.exchanges[1].headers)


@pytest.mark.parametrize(
    'url',
    [
        'http://127.0.0.1:1/a.png',
        'http://{host}.evil.invalid/a.png',
        'http://{host}@evil.invalid/a.png',
        'ftp://{host}/a.png',
        'file:///etc/passwd',
        '/a.png',
        'http://[',
        '',
    ],
)
def test_download_is_refused_elsewhere(images, client, url):
    error = error_of(client.download, url.format(host=images.host), images.host)
    assert (error.kind, error.may_be_billed) == ('permanent', True)
    assert images.exchanges == []


def test_download_is_tried_by_https_from_anywhere(images, client):
    error = error_of(client.download, f'https://{images.host}/a.png', 'api.invalid')
    assert 'SSL' in error.message


def test_download_follows_redirects_within_the_own_host(images, client):
    def answer(exchange):
        if exchange.path == '/a.png':
            return exchange.send(body=PICTURE)
        return exchange.send(302, location='/a.png' if exchange.path == '/2' else '/2')

    images.answer = answer
    assert client.download(f'{images.url}/1', images.host) == PICTURE


def test_download_follows_no_redirect_elsewhere(images, make_server, client):
    elsewhere = make_server()
    images.answer = lambda exchange: exchange.send(302, location=f'{elsewhere.url}/a.png')
    assert error_of(client.download, f'{images.url}/a.png', images.host).kind == 'permanent'
    assert elsewhere.exchanges == []


def test_download_follows_no_redirects_for_ever(images, client):
    images.answer = lambda exchange: exchange.send(302, location='/again')
    assert 'more than 3 redirects' in error_of(client.download, f'{images.url}/', images.host).message
    assert len(images.exchanges) == 4


def test_download_is_tried_again_because_it_is_paid_for(images, client):
    answers = iter([reset, lambda exchange: exchange.send(503), lambda exchange: exchange.send(body=PICTURE)])
    images.answer = lambda exchange: next(answers)(exchange)
    assert client.download(f'{images.url}/a.png', images.host) == PICTURE


@pytest.mark.parametrize(
    ('answer', 'reason'),
    [
        pytest.param(reset, 'the answer was lost', id='reset'),
        pytest.param(lambda exchange: exchange.send(503), 'HTTP 503', id='503'),
        pytest.param(lambda exchange: exchange.send(429), 'HTTP 429', id='429'),
    ],
)
def test_download_is_given_up_after_three_tries(images, client, answer, reason):
    images.answer = answer
    error = error_of(client.download, f'{images.url}/a.png?signature=s', images.host)
    assert (error.kind, error.may_be_billed) == ('permanent', True)
    assert f"/a.png can't be fetched: {reason}" in error.message
    assert 'signature' not in error.message
    assert len(images.exchanges) == 3


@pytest.mark.parametrize('status', [304, 400, 403, 404, 410])
def test_download_that_is_not_there_is_given_up_at_once(images, client, status):
    images.answer = lambda exchange: exchange.send(status)
    assert error_of(client.download, f'{images.url}/a.png', images.host).message.endswith(f'HTTP {status}')
    assert len(images.exchanges) == 1


def test_download_over_the_limit_is_given_up_at_once(images, client, monkeypatch):
    monkeypatch.setattr(http_module, 'MAX_DOWNLOAD_BYTES', 1000)
    assert 'more than 1,000 bytes' in error_of(client.download, f'{images.url}/a.png', images.host).message
    assert len(images.exchanges) == 1


def test_download_that_drips_is_bounded(images, make_client):
    images.answer = drip
    error = error_of(make_client(0.1).download, f'{images.url}/a.png', images.host)
    assert 'no whole answer within 0.1 s' in error.message
