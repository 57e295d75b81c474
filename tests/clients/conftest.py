"""What the tests of the API clients share: pictures ready to be sent, and a server that answers as it is told."""

import contextlib
import copy
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image

from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.conversions import prepare
from beam_image_edit.transforms.errors import ApiError

ACCEPTED = ('image/png', 'image/jpeg', 'image/webp')
KEY = 'secret-key-0815'


def draw(image_format='PNG', size=(8, 6), colour='orange'):
    """An encoded picture."""
    encoded = BytesIO()
    Image.new('RGB', size, colour).save(encoded, image_format)
    return encoded.getvalue()


@pytest.fixture(scope='session')
def picture():
    """Makes a picture that is ready to be sent."""
    return lambda image_format='PNG', **options: prepare(draw(image_format, **options), ACCEPTED)


@pytest.fixture(scope='session')
def content():
    """A PNG's bytes."""
    return draw()


def refuse_download(url):
    raise AssertionError(f'nothing was to be fetched, but {url} was')


@pytest.fixture
def no_download():
    """A download for answers that need none."""
    return refuse_download


class Exchange(BaseHTTPRequestHandler):
    """One request, kept for the test, and the answer that the test has put up for it."""

    protocol_version = 'HTTP/1.1'

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def do_GET(self):
        self.body = self.rfile.read(int(self.headers.get('content-length', 0)))
        # A copy: the requests of one connection share a handler.
        self.server.exchanges.append(copy.copy(self))
        self.server.answer(self)

    def do_POST(self):
        self.do_GET()

    def send(self, status=200, body=b'{}', **headers):
        """A whole answer; header names are written with underscores."""
        self.send_response(status)
        for name, value in {'content_length': str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body)

    def send_chunks(self, *chunks, is_whole=True):
        """An answer in chunks; one that is not whole ends without the last of them."""
        self.send(body=b'', content_length=None, transfer_encoding='chunked')
        for chunk in chunks:
            self.wfile.write(b'%x\r\n%b\r\n' % (len(chunk), chunk))
        self.wfile.write(b'0\r\n\r\n' if is_whole else b'')
        self.close_connection = not is_whole

    def drip(self):
        """An answer that goes on for ever, a byte at a time."""
        self.send(body=b'', content_length='1000000')
        while not self.server.ended.wait(0.01):
            self.wfile.write(b' ')

    def reset(self):
        """Ends the connection the way a crashed server does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    """Answers every request with what `answer` does; `ended` is set when the test is over."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Exchange)
        self.exchanges = []
        self.ended = threading.Event()
        self.connections = 0
        self.answer = lambda exchange: exchange.send()

    @property
    def host(self):
        return f'127.0.0.1:{self.server_port}'

    @property
    def url(self):
        return f'http://{self.host}'

    def get_request(self):
        self.connections += 1
        return super().get_request()


@pytest.fixture
def make_server():
    """Starts servers, which run until the test is over."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(run_server())


@contextlib.contextmanager
def run_server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def no_proxies(monkeypatch):
    """Takes away what the environment says about proxies."""
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def make_client(no_proxies):
    """Makes HTTP clients that wait for nothing between the tries of a download."""
    with contextlib.ExitStack() as stack:

        def make(read_timeout_s=5.0, **more):
            client = HttpClient(4, 2.0, read_timeout_s, sleep=lambda _: None, **more)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client):
    return make_client()


def post_with_key(client, url, body=b'{"a": 1}', headers=None):
    request = HttpRequest(url, (body,), 'application/json')
    return client.post(request, {'Authorization': f'Bearer {KEY}'} if headers is None else headers)


@pytest.fixture
def post():
    """Sends a small request with the key."""
    return post_with_key


def catch_error(action, *arguments, **more):
    with pytest.raises(ApiError) as caught:
        action(*arguments, **more)
    assert KEY not in f'{caught.value!r} {caught.value.__cause__!r}'
    return caught.value


@pytest.fixture
def error_of():
    """The error that an action ends in, which never holds the key."""
    return catch_error
