import base64
import contextlib
import gzip
import importlib.util
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import fsspec
import pytest
from fsspec import AbstractFileSystem
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.inputs import InputReader, shorten
from beam_image_edit.transforms.web_inputs import _PunctualAdapter, _PunctualConnection

CONTENT = bytes(range(256)) * 20


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        place = self.path.split('?')[0].strip('/')
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
    return InputReader(connect_timeout_s=5, read_timeout_s=5)


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem('memory')
    filesystem.pipe_file('/inputs/a.png', CONTENT)
    yield filesystem
    filesystem.rm('/inputs', recursive=True)


@pytest.mark.parametrize('name', ['a.png', 'ä b.png', 'percent%20.png', 'a::b.png', '#1?.png'])
def test_read_takes_local_paths_and_file_urls(reader, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(CONTENT)
    assert reader.read(str(path)) == CONTENT
    assert reader.read(path.as_uri()) == CONTENT


def test_read_takes_file_urls_of_this_host(reader, tmp_path):
    (tmp_path / 'a.png').write_bytes(CONTENT)
    assert reader.read(f'file://localhost{tmp_path}/a.png') == CONTENT


def test_read_takes_fsspec_urls(reader, memory):
    assert reader.read('memory://inputs/a.png') == CONTENT


@pytest.mark.parametrize(
    ('url', 'reason'),
    [
        ('', 'the path of the picture is empty'),
        ('absent.png', r'^absent.png: no such file$'),
        ('.', 'is a folder, not a file'),
        ('/dev/null', 'is not a regular file'),
        ('a\0b.png', r'a\\x00b.png: can not be read .*null'),
        ('x' * 5000, 'File name too long'),
        ('half\ud800.png', r'half\\ud800.png: can not be read'),
        ('setup.py/a.png', 'Not a directory'),
        ('memory://inputs/absent.png', 'no such file or bucket'),
        ('memory://inputs', 'is a folder, not a file'),
        ('nonsense://a.png', 'Protocol not known: nonsense'),
        ('http://', 'could not be fetched'),
        ('http://127.0.0.1:1/a.png', 'a.png: could not be fetched: Connection refused$'),
        ('http://no-such-host.invalid/a.png', 'a.png: could not be fetched: .*[Nn]ame'),
    ],
    ids=lambda value: value[:20].encode('ascii', 'replace').decode().replace('\0', '0'),
)
def test_read_says_why_not(reader, memory, url, reason):
    with pytest.raises(InvalidInput, match=reason):
        reader.read(url)


class Unreachable(AbstractFileSystem):
    """A store that says of a connection that failed that there is no such file, as fsspec's HTTP does."""

    protocol = 'unreachable'

    def info(self, path, **settings):
        raise FileNotFoundError(path) from ConnectionRefusedError(111, 'Connection refused')


def test_a_store_that_can_not_be_reached_is_not_a_missing_file(reader):
    fsspec.register_implementation('unreachable', Unreachable, clobber=True)
    with pytest.raises(InvalidInput, match=r'^unreachable://a.png: Connection refused$'):
        reader.read('unreachable://a.png')


@pytest.mark.parametrize('path', ['/dev/zero', '/proc/kmsg'])
def test_a_store_over_local_files_reads_no_devices(reader, path):
    with contextlib.suppress(InvalidInput):
        assert reader.read(f'simplecache::file://{path}') == b''


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read every file')
def test_read_says_that_permission_is_missing(reader, tmp_path):
    (tmp_path / 'a.png').write_bytes(CONTENT)
    (tmp_path / 'a.png').chmod(0)
    with pytest.raises(InvalidInput, match='no permission to read it'):
        reader.read(str(tmp_path / 'a.png'))


@pytest.mark.skipif(importlib.util.find_spec('adlfs') is not None, reason='the package is installed')
def test_read_names_the_extra_that_a_store_needs(reader):
    with pytest.raises(
        InvalidInput, match=r"^abfs://box/a.png: abfs:// needs .* pip install 'beam-image-edit\[azure\]'"
    ):
        reader.read('abfs://box/a.png')


@pytest.mark.parametrize('place', ['local', 'memory://inputs/a.png', 'data', 'http'])
def test_read_refuses_what_is_too_large(place, memory, server, tmp_path):
    (tmp_path / 'a.png').write_bytes(CONTENT)
    url = {
        'local': str(tmp_path / 'a.png'),
        'data': 'data:;base64,' + base64.b64encode(CONTENT).decode(),
        'http': f'{server.url}/picture',
    }.get(place, place)
    with pytest.raises(InvalidInput, match=r'is too large: 5,\d+ bytes, the limit is 5,000'):
        InputReader(max_bytes=5000).read(url)


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
        ('cut', 'the connection was closed before all of it had come'),
        ('length-100000000000', 'is too large: 100,000,000,000 bytes'),
        ('length-many', r'could not be fetched \(ValueError\)'),
        ('to-MZUWYZJ2F4XS6ZLUMMXWQ33TORZQ====', r'could not be fetched \(InvalidSchema\)'),
    ],
)
def test_read_says_why_it_could_not_be_fetched(server, reader, place, reason):
    with pytest.raises(InvalidInput, match=reason):
        reader.read(f'{server.url}/{place}')


def test_read_waits_only_so_long_for_an_answer(server):
    with pytest.raises(InvalidInput, match=r'no answer within 0.05 s'):
        InputReader(read_timeout_s=0.05).read(f'{server.url}/silent')


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


ODD = bytes([251, 255, 254, 0, 1])


@pytest.mark.parametrize(
    'url',
    [
        'data:image/png;base64,+//+AAE=',
        'data:image/png;base64,-__-AAE=',
        'data:image/png;base64,+//+AAE',
        'data:image/png;base64,+//+\n  AAE=\r\n',
        'data:image/png;base64,%2B//%2BAAE%3D',
        'data:image/png;charset=x;BASE64,+//+AAE=',
        'DATA:;base64,+//+AAE=',
        'data:,%FB%FF%FE%00%01',
    ],
)
def test_read_takes_data_uris(reader, url):
    assert reader.read(url) == ODD


@given(st.binary(max_size=300))
def test_data_uris_round_trip(content):
    reader = InputReader()
    assert reader.read('data:image/png;base64,' + base64.urlsafe_b64encode(content).decode().rstrip('=')) == content
    assert reader.read('data:,' + quote(content)) == content


@pytest.mark.parametrize(
    ('url', 'reason'),
    [
        ('data:image/png;base64', 'has no comma'),
        ('data:image/png;base64,AAAAA', 'its content can not be decoded'),
        ('data:image/png;base64,AA*A', 'its content can not be decoded'),
        ('data:image/png;base64,A\ud800', 'its content can not be decoded'),
    ],
    ids=['comma', 'length', 'alphabet', 'surrogate'],
)
def test_read_says_what_is_wrong_with_a_data_uri(reader, url, reason):
    with pytest.raises(InvalidInput, match=reason):
        reader.read(url)


def test_errors_do_not_repeat_a_data_uri(reader):
    with pytest.raises(InvalidInput) as caught:
        reader.read('data:image/png;base64,' + '*' * 100_000)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=300))
def test_shortened_texts_are_printable_and_short(url):
    assert shorten(url).isprintable()
    assert len(shorten(f'{url}{"x" * 1000}')) <= 181


def test_stamp_of_a_local_file_changes_with_it(reader, tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(CONTENT)
    before = reader.stamp(str(path))
    assert before == reader.stamp(path.as_uri())
    os.utime(path, ns=(1, 1))
    touched = reader.stamp(str(path))
    path.write_bytes(b'')
    os.utime(path, ns=(1, 1))
    assert len({before, touched, reader.stamp(str(path))}) == 3


def test_stamp_of_a_stored_file_changes_with_it(reader, memory):
    before = reader.stamp('memory://inputs/a.png')
    memory.pipe_file('/inputs/a.png', CONTENT)
    assert before is not None
    assert reader.stamp('memory://inputs/a.png') != before


@pytest.mark.parametrize('url', ['data:,a', 'http://host/a.png', 'absent.png', 'a\0b', 'nonsense://a', '', 'memory://'])
def test_stamp_is_none_where_nothing_is_known(reader, url):
    assert reader.stamp(url) is None


def test_threads_share_a_reader(server, reader):
    found = []
    threads = [threading.Thread(target=lambda: found.append(reader.read(f'{server.url}/picture'))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 16
