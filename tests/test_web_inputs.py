"""Inputs from the web: whatever a server answers, and however slowly, a picture comes whole or the row says why not.

Nothing that could be a secret is sent to the servers that rows name.
"""

import base64
import contextlib
import gzip
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.web_inputs import _PunctualAdapter, _PunctualConnection

CONTENT = bytes(range(256)) * 20


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        place = self.path.split('?')[0].strip('/')
        if place == 'unsteady':
            place = self.server.answers.pop(0) if self.server.answers else 'picture'
        if place.isdecimal():
            self.answer(int(place), b'', {})
        elif place == 'reset':
            self.reset()
        else:
            self.send_place(place)

    def send_place(self, place):
        if place.startswith('redirect-'):
            left = int(place.removeprefix('redirect-'))
            self.answer(302, b'', {'Location': f'/redirect-{left - 1}' if left > 1 else '/picture'})
        elif place == 'picture':
            self.answer(200, CONTENT, {'Set-Cookie': 'a=b'})
        elif place == 'gzip':
            self.answer(200, gzip.compress(bytes(10_000_000)), {'Content-Encoding': 'gzip'})
        elif place == 'cut':
            self.answer(200, CONTENT[:100], {'Content-Length': '5120'})
        elif place == 'endless':
            self.answer(200, None, {})
        elif place == 'silent':
            self.server.released.wait(5)
        elif place == 'drip':
            self.drip()
        elif place == 'endless-redirect':
            self.answer(302, None, {'Location': '/picture'})
        elif place.startswith('length-'):
            self.answer(200, CONTENT, {'Content-Length': place.removeprefix('length-')})
        elif place.startswith('to-'):
            self.answer(302, b'', {'Location': base64.b32decode(place.removeprefix('to-')).decode()})
        else:
            self.answer(404, b'nothing here', {})

    def answer(self, status, content, headers):
        self.send_response(status)
        if content is not None:
            headers = {'Content-Length': str(len(content)), **headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if content is not None:
            self.wfile.write(content)
            return
        with contextlib.suppress(OSError):
            while not self.server.released.is_set():
                self.wfile.write(bytes(4096))

    def reset(self):
        # A connection that does not linger when it is closed is reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()

    def drip(self):
        """Headers that come a byte at a time, and never all."""
        with contextlib.suppress(OSError):
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long: ')
            while not self.server.released.wait(0.02):
                self.wfile.write(b'x')

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64


@pytest.fixture
def server():
    server = Server(('127.0.0.1', 0), Handler)
    server.requests = []
    server.answers = []
    server.released = threading.Event()
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def reader():
    return InputReader(connect_timeout_s=5, read_timeout_s=5, sleep=lambda _: None)


def test_read_refuses_what_is_too_large(server):
    with pytest.raises(InvalidInput, match='is too large: 5,120 bytes, the limit is 5,000'):
        InputReader(max_bytes=5000).read(f'{server.url}/picture')


@pytest.mark.parametrize('place', ['endless', 'gzip'])
def test_read_stops_an_answer_that_grows_too_large(server, place):
    with pytest.raises(InvalidInput, match='is too large'):
        InputReader(max_bytes=1_000_000).read(f'{server.url}/{place}')


def test_read_fetches_from_the_web(server, reader):
    assert reader.read(f'{server.url}/picture?a=b#c') == CONTENT


@pytest.mark.parametrize('count', [1, 3])
def test_read_follows_up_to_three_redirects(server, reader, count):
    assert reader.read(f'{server.url}/redirect-{count}') == CONTENT


@pytest.mark.parametrize(
    ('place', 'reason'),
    [
        ('redirect-4', 'more than 3 redirects'),
        ('absent', 'the server answered HTTP 404 Not Found'),
        ('length-100000000000', 'is too large: 100,000,000,000 bytes'),
        ('length-many', r'could not be fetched \(ValueError\)'),
        ('to-MZUWYZJ2F4XS6ZLUMMXWQ33TORZQ====', r'could not be fetched \(InvalidSchema\)'),
    ],
)
def test_read_says_why_it_could_not_be_fetched(server, reader, place, reason):
    with pytest.raises(InvalidInput, match=reason):
        reader.read(f'{server.url}/{place}')


PASSING = pytest.mark.parametrize(
    ('answer', 'reason'),
    [
        ('500', 'the server answered HTTP 500 Internal Server Error'),
        ('503', 'the server answered HTTP 503 Service Unavailable'),
        ('408', 'the server answered HTTP 408 Request Timeout'),
        ('425', 'the server answered HTTP 425 Too Early'),
        ('429', 'the server answered HTTP 429 Too Many Requests'),
        ('reset', 'could not be fetched'),
        ('cut', 'the connection was closed before all of it had come'),
    ],
)


@PASSING
def test_read_tries_again_what_may_pass(server, answer, reason):
    waits_s = []
    server.answers = [answer, answer]
    assert InputReader(sleep=waits_s.append).read(f'{server.url}/unsteady') == CONTENT
    assert (waits_s, len(server.requests)) == ([0.2, 1.0], 3)


@PASSING
def test_read_gives_up_after_three_tries_and_says_so(server, reader, answer, reason):
    server.answers = [answer] * 3
    with pytest.raises(InvalidInput, match=rf'{reason}.* \(tried 3 times\)$'):
        reader.read(f'{server.url}/unsteady')
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    'answer', ['400', '403', '404', '410', 'length-100000000000', 'to-MZUWYZJ2F4XS6ZLUMMXWQ33TORZQ====']
)
def test_read_does_not_try_again_what_stays(server, reader, answer):
    server.answers = [answer]
    with pytest.raises(InvalidInput) as caught:
        reader.read(f'{server.url}/unsteady')
    assert len(server.requests) == 1
    assert 'tried' not in str(caught.value)


def test_read_tries_to_connect_again():
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))  # and nobody listens
        waits_s = []
        with pytest.raises(InvalidInput, match=r'Connection refused \(tried 3 times\)$'):
            InputReader(sleep=waits_s.append).read(f'http://127.0.0.1:{closed.getsockname()[1]}/a.png')
    assert waits_s == [0.2, 1.0]


def test_read_waits_only_so_long_for_an_answer_and_only_once(server):
    with pytest.raises(InvalidInput, match=r'no answer within 0.05 s$'):
        InputReader(read_timeout_s=0.05).read(f'{server.url}/silent')
    assert len(server.requests) == 1


def test_each_try_has_the_time_of_an_answer_to_itself(server):
    server.answers = ['503', 'cut']
    now_s = 0.0

    def sleep(_):
        nonlocal now_s
        now_s += 1000

    assert InputReader(clock=lambda: now_s, sleep=sleep).read(f'{server.url}/unsteady') == CONTENT


def test_read_waits_only_so_long_for_the_headers_as_a_whole(server):
    with pytest.raises(InvalidInput, match=r'no answer within 0.3 s'):
        InputReader(read_timeout_s=0.3).read(f'{server.url}/drip')


@pytest.mark.parametrize('protocol', ['http', 'https'])
def test_the_headers_are_bounded_on_every_kind_of_connection(protocol):
    adapter = _PunctualAdapter()
    managers = [adapter.poolmanager, adapter.proxy_manager_for('http://127.0.0.1:1')]
    for manager in managers:
        pool = manager.connection_from_url(f'{protocol}://host')
        assert pool.ConnectionCls.getresponse is _PunctualConnection.getresponse


def test_read_does_not_read_what_a_redirect_says_besides(server, reader):
    assert reader.read(f'{server.url}/endless-redirect') == CONTENT


def test_read_limits_the_time_of_the_whole_answer(server):
    seconds = iter(range(0, 1000, 10))
    with pytest.raises(InvalidInput, match='could not be fetched within 300 s'):
        InputReader(clock=lambda: next(seconds)).read(f'{server.url}/endless')


def test_read_sends_no_credentials(server, reader, tmp_path, monkeypatch):
    (tmp_path / 'netrc').write_text('machine 127.0.0.1 login me password secret')
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))
    reader.read(f'{server.url}/picture')
    reader.read(server.url.replace('//', '//me:secret@') + '/redirect-1')
    assert len(server.requests) == 3
    assert not any({'Authorization', 'Cookie'} & headers.keys() for _, headers in server.requests)


def test_errors_hold_no_credentials(server, reader):
    with pytest.raises(InvalidInput) as caught:
        reader.read(server.url.replace('//', '//me:secret@') + '/absent?signature=secret')
    assert 'secret' not in str(caught.value)
    assert '/absent?…: the server' in str(caught.value)


def test_threads_share_a_reader(server, reader):
    found = []
    threads = [threading.Thread(target=lambda: found.append(reader.read(f'{server.url}/picture'))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 16
