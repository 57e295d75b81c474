"""Tests of finding input files and reading them, on disk, in memory and from web servers."""

import gzip
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
import zstandard

from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.input_files import InputFile, list_files, read_bytes, stream_pieces

CONTENT = b'{"a": 1}\n' * 20_000


class PlainHandler(SimpleHTTPRequestHandler):
    """A web server that answers every request with the whole file."""

    def log_message(self, *_):
        pass


class RangeHandler(PlainHandler):
    """A web server that answers requests for a range with the range."""

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        start, end = self.headers.get('Range', 'bytes=0-999999999').removeprefix('bytes=').split('-')
        part = content[int(start) : int(end) + 1]
        self.send_response(206 if 'Range' in self.headers else 200)
        self.send_header('Content-Length', str(len(part)))
        self.send_header('Content-Range', f'bytes {start}-{int(start) + len(part) - 1}/{len(content)}')
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture
def serve(tmp_path):
    """Serves tmp_path with a handler; gives the URL."""
    servers = []

    def start(handler):
        server = ThreadingHTTPServer(('127.0.0.1', 0), partial(handler, directory=tmp_path))
        threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01}).start()
        servers.append(server)
        return f'http://127.0.0.1:{server.server_port}'

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_list_files_takes_a_path(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(CONTENT)

    assert list_files(f'{tmp_path}/a.jsonl') == [InputFile(f'{tmp_path}/a.jsonl', len(CONTENT))]


def test_list_files_takes_a_glob_and_sorts(tmp_path):
    for name in ('b.jsonl', 'a.jsonl', 'c.txt'):
        (tmp_path / name).write_bytes(b'{}')
    (tmp_path / 'd.jsonl').mkdir()

    assert [file.url for file in list_files(f'{tmp_path}/*.jsonl')] == [f'{tmp_path}/a.jsonl', f'{tmp_path}/b.jsonl']


def test_list_files_prefers_a_file_whose_name_looks_like_a_glob(tmp_path):
    for name in ('a[1].jsonl', 'a1.jsonl'):
        (tmp_path / name).write_bytes(b'{}')

    assert [file.url for file in list_files(f'{tmp_path}/a[1].jsonl')] == [f'{tmp_path}/a[1].jsonl']


def test_list_files_takes_urls_of_other_stores():
    fsspec.filesystem('memory').pipe_file('/listed/a.jsonl', b'{}')

    assert list_files('memory://listed/*.jsonl') == [InputFile('memory:///listed/a.jsonl', 2)]


@pytest.mark.parametrize(
    ('pattern', 'reason'),
    [
        ('none.jsonl', 'there is no such file; give'),
        ('*.jsonl', 'the glob matches no file; give'),
        ('*.{jsonl,gz}', 'the glob matches no file; braces are not expanded'),
        ('folder', 'it is a folder; give'),
        ('', 'it is a folder; give'),
    ],
)
def test_list_files_says_that_nothing_is_there(tmp_path, pattern, reason):
    (tmp_path / 'folder').mkdir()

    with pytest.raises(ConfigurationError, match=reason):
        list_files(f'{tmp_path}/{pattern}')


@pytest.mark.parametrize('name', ['a.jsonl.gz', 'a.jsonl.zst', 'A.JSONL.GZ'])
def test_list_files_has_no_size_for_compressed_files(tmp_path, name):
    (tmp_path / name).write_bytes(b'')

    assert list_files(f'{tmp_path}/{name}')[0].size is None


@pytest.mark.parametrize(('handler', 'size'), [(PlainHandler, None), (RangeHandler, len(CONTENT))])
def test_list_files_finds_out_whether_a_web_server_knows_ranges(tmp_path, serve, handler, size):
    (tmp_path / 'a.jsonl').write_bytes(CONTENT)
    url = serve(handler) + '/a.jsonl?x=1'

    assert list_files(url) == [InputFile(url, size)]


@pytest.mark.parametrize(
    ('url', 'folder'),
    [
        ('/photos/a.jsonl', '/photos'),
        ('/a.jsonl', '/'),
        ('s3://bucket/a.jsonl', 's3://bucket'),
        ('https://host/x/a.jsonl?signed=a/b', 'https://host/x'),
    ],
)
def test_folder_of_a_file(url, folder):
    assert InputFile(url, 1).folder == folder


@pytest.mark.parametrize('location', ['disk', 'memory', 'web'])
def test_read_bytes_reads_a_range(tmp_path, serve, location):
    (tmp_path / 'a.jsonl').write_bytes(CONTENT)
    fsspec.filesystem('memory').pipe_file('/a.jsonl', CONTENT)
    url = {'disk': f'{tmp_path}/a.jsonl', 'memory': 'memory:///a.jsonl', 'web': f'{serve(RangeHandler)}/a.jsonl'}[
        location
    ]

    assert read_bytes(InputFile(url, len(CONTENT)), 100, 5000) == CONTENT[100:5000]


def test_read_bytes_says_that_a_file_is_gone(tmp_path):
    with pytest.raises(StorageError, match=r'gone\.jsonl: it is gone'):
        read_bytes(InputFile(f'{tmp_path}/gone.jsonl', 10), 0, 10)


def test_read_bytes_says_that_a_file_became_shorter(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(b'12345')

    with pytest.raises(StorageError, match='it changed while it was read'):
        read_bytes(InputFile(f'{tmp_path}/a.jsonl', 10), 0, 10)


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        ('', CONTENT),
        ('.gz', gzip.compress(CONTENT)),
        ('.gz', gzip.compress(CONTENT[:900]) + gzip.compress(CONTENT[900:]) + b'\0' * 512),
        ('.zst', zstandard.compress(CONTENT)),
        ('.zst', zstandard.compress(CONTENT[:900]) + zstandard.compress(CONTENT[900:])),
    ],
    ids=['plain', 'gzip', 'two-gzip-members-and-padding', 'zstandard', 'two-zstandard-frames'],
)
@pytest.mark.parametrize('is_served', [False, True], ids=['disk', 'web'])
def test_stream_pieces_reads_all(tmp_path, serve, suffix, content, is_served):
    (tmp_path / f'a.jsonl{suffix}').write_bytes(content)
    folder = serve(PlainHandler) if is_served else tmp_path

    assert b''.join(stream_pieces(InputFile(f'{folder}/a.jsonl{suffix}', None))) == CONTENT


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        ('.gz', gzip.compress(CONTENT)[:-9]),
        ('.gz', b'not compressed'),
        ('.zst', zstandard.compress(CONTENT)[:-9]),
        ('.zst', b'not compressed'),
    ],
)
def test_stream_pieces_says_that_a_file_is_damaged(tmp_path, suffix, content):
    (tmp_path / f'a{suffix}').write_bytes(content)

    with pytest.raises(StorageError, match='can not be read'):
        list(stream_pieces(InputFile(f'{tmp_path}/a{suffix}', None)))


def test_stream_pieces_of_an_empty_file_are_none(tmp_path):
    (tmp_path / 'a.gz').write_bytes(b'')

    assert list(stream_pieces(InputFile(f'{tmp_path}/a.gz', None))) == []
