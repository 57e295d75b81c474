"""Requests that bring no answer, over real sockets: which of them may have been billed, and what is bounded."""

import socket
import time

import pytest

from beam_image_edit.transforms.clients.http import HttpClient

KEY = 'secret-key-0815'
PICTURE = bytes(range(256)) * 40


def test_refused_connection_is_clean(client, post, error_of):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        error = error_of(post, client, f'http://127.0.0.1:{unused.getsockname()[1]}')
    assert (error.kind, error.may_be_billed) == ('retry', False)
    assert error.message.endswith('Connection refused')


def test_unknown_host_is_clean(client, post, error_of):
    error = error_of(post, client, 'http://nowhere.invalid')
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_failed_handshake_is_clean(server, client, post, error_of):
    error = error_of(post, client, server.url.replace('http:', 'https:'))
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_refused_proxy_is_clean(client, monkeypatch, post, error_of):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        monkeypatch.setenv('http_proxy', f'http://127.0.0.1:{unused.getsockname()[1]}')
        error = error_of(post, client, 'http://api.invalid/v1/x')
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_connection_that_never_stands_is_clean(make_client, post, error_of):
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


def test_reset_before_the_request_was_whole_is_clean(client, post, error_of):
    # The listener never reads: its buffers fill, and the rest of the request can't be handed over.
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        brief = HttpClient(1, 0.2, 5.0)
        error = error_of(post, brief, f'http://127.0.0.1:{listener.getsockname()[1]}', bytes(50_000_000))
        brief.close()
    assert (error.kind, error.may_be_billed) == ('retry', False)


def test_reset_after_the_request_may_be_billed(server, client, post, error_of):
    server.answer = lambda exchange: exchange.reset()
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


def test_end_without_an_answer_may_be_billed(server, client, post, error_of):
    server.answer = lambda exchange: setattr(exchange, 'close_connection', True)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert 'closed connection without response' in error.message


def test_silence_may_be_billed(server, make_client, post, error_of):
    server.answer = lambda exchange: exchange.server.ended.wait()
    error = error_of(post, make_client(0.1), server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert error.message == 'no whole answer within 0.1 s'


def test_answer_shorter_than_it_says_may_be_billed(server, client, post, error_of):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=str(len(PICTURE) + 1))
        exchange.close_connection = True

    server.answer = answer
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


@pytest.mark.parametrize('chunks', [(), (PICTURE,)], ids=['before-the-first', 'after-one'])
def test_answer_cut_off_between_chunks_may_be_billed(server, client, chunks, post, error_of):
    server.answer = lambda exchange: exchange.send_chunks(*chunks, is_whole=False)
    error = error_of(post, client, server.url)
    assert (error.kind, error.may_be_billed) == ('retry', True)


def test_answer_cut_off_within_a_chunk_may_be_billed(server, client, post, error_of):
    def answer(exchange):
        exchange.send(body=b'', content_length=None, transfer_encoding='chunked')
        exchange.wfile.write(b'ff\r\nonly this')
        exchange.close_connection = True

    server.answer = answer
    assert error_of(post, client, server.url).may_be_billed


def test_answer_reset_in_the_middle_may_be_billed(server, client, post, error_of):
    def answer(exchange):
        exchange.send(body=PICTURE, content_length=str(10 * len(PICTURE)))
        exchange.reset()

    server.answer = answer
    assert error_of(post, client, server.url).may_be_billed


def test_answer_that_can_not_be_decoded_may_be_billed(server, client, post, error_of):
    server.answer = lambda exchange: exchange.send(body=b'not gzip', content_encoding='gzip')
    assert error_of(post, client, server.url).may_be_billed


def test_nonsense_instead_of_http_may_be_billed(server, client, post, error_of):
    server.answer = lambda exchange: exchange.wfile.write(b'nonsense\r\n\r\n')
    assert error_of(post, client, server.url).may_be_billed


def test_answer_that_drips_is_bounded_as_a_whole(server, make_client, post, error_of):
    server.answer = lambda exchange: exchange.drip()
    began = time.monotonic()
    error = error_of(post, make_client(0.3), server.url)
    assert time.monotonic() - began < 20  # of the hours that the answer takes
    assert (error.kind, error.may_be_billed) == ('retry', True)
    assert error.message == 'no whole answer within 0.3 s'


def test_waiting_for_a_drip_takes_no_processor_time(server, make_client, post, error_of):
    server.answer = lambda exchange: exchange.drip()
    began = time.thread_time()
    error_of(post, make_client(0.3), server.url)
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize('url', ['http://', 'http://[', 'http://a..b/', 'nonsense://a', ''])
def test_address_that_is_none_is_permanent(client, url, post, error_of):
    error = error_of(post, client, url)
    assert error.kind in ('permanent', 'retry')
    assert not error.may_be_billed


@pytest.mark.parametrize('value', [f'{KEY}\n', f'{KEY}\u20ac'], ids=['line-end', 'not-latin-1'])
def test_header_that_can_not_be_sent_is_permanent_and_not_shown(server, client, value, post, error_of):
    error = error_of(post, client, server.url, headers={'Authorization': value})
    assert (error.kind, error.may_be_billed) == ('permanent', False)
    assert error.__cause__ is None
    assert server.exchanges == []
