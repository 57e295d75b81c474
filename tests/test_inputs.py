"""Inputs: what a row names is read from wherever it is, whole and within bounds, or the row says why not."""

import base64
import contextlib
import importlib.util
import os
from urllib.parse import quote

import fsspec
import pytest
from fsspec import AbstractFileSystem
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.inputs import InputReader, shorten

CONTENT = bytes(range(256)) * 20


@pytest.fixture
def reader():
    return InputReader(connect_timeout_s=5, read_timeout_s=5, sleep=lambda _: None)


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
        ('http://127.0.0.1:1/a.png', r'a.png: could not be fetched: Connection refused \(tried 3 times\)$'),
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
        InvalidInput, match=r'^abfs://box/a.png: abfs:// needs .* pip install adlfs .*beam-image-edit\[azure\]'
    ):
        reader.read('abfs://box/a.png')


@pytest.mark.parametrize('place', ['local', 'memory://inputs/a.png', 'data'])
def test_read_refuses_what_is_too_large(place, memory, tmp_path):
    (tmp_path / 'a.png').write_bytes(CONTENT)
    url = {
        'local': str(tmp_path / 'a.png'),
        'data': 'data:;base64,' + base64.b64encode(CONTENT).decode(),
    }.get(place, place)
    with pytest.raises(InvalidInput, match=r'is too large: 5,\d+ bytes, the limit is 5,000'):
        InputReader(max_bytes=5000).read(url)


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
