"""Tests of reading local files: what they may be, how much of them is read, and where they must lie."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.local_inputs import read_local, resolve_image_root, stamp_local

LIMIT = 100_000_000
INSIDE, SECRET = b'a picture', b'a secret'


@pytest.fixture
def places(tmp_path):
    """A root with `a.png` and `deep/b.png`, a folder beside it with `secret.png`, and links of all kinds."""
    root, other = tmp_path / 'inside', tmp_path / 'inside-other'
    (root / 'deep').mkdir(parents=True)
    other.mkdir()
    (root / 'a.png').write_bytes(INSIDE)
    (root / 'deep' / 'b.png').write_bytes(INSIDE)
    (other / 'secret.png').write_bytes(SECRET)
    (root / 'good_link.png').symlink_to('deep/b.png')
    (root / 'good_folder').symlink_to(root / 'deep')
    (root / 'bad_link.png').symlink_to(other / 'secret.png')
    (root / 'bad_folder').symlink_to(other)
    (root / 'absent_link.png').symlink_to(other / 'absent.png')
    (root / 'round.png').symlink_to('round.png')
    (tmp_path / 'way_in').symlink_to(root)
    return tmp_path


def reader_of(places):
    return InputReader(image_root=str(places / 'inside'), connect_timeout_s=1, read_timeout_s=1)


@pytest.mark.parametrize(
    'path',
    [
        'inside/a.png',
        'inside/deep/b.png',
        'inside/deep/../a.png',
        'inside/good_link.png',
        'inside/good_folder/b.png',
        'way_in/a.png',
        'inside-other/../inside/a.png',
    ],
)
def test_what_lies_below_the_image_root_is_read(places, path):
    reader = reader_of(places)
    assert reader.read(str(places / path)) == INSIDE
    assert reader.read(f'file://{places / path}') == INSIDE
    assert reader.stamp(str(places / path)) == stamp_local(str(places / path))


@pytest.mark.parametrize(
    'path',
    [
        'inside-other/secret.png',
        'inside/../inside-other/secret.png',
        'inside/bad_link.png',
        'inside/bad_folder/secret.png',
        'inside/bad_folder/absent.png',
        'inside/absent_link.png',
        'inside/..',
        '',
    ],
)
@pytest.mark.parametrize('beginning', ['', 'file://', 'FILE://', 'local://', 'file://localhost'], ids=str)
def test_what_lies_outside_the_image_root_is_refused(places, beginning, path):
    reader, url = reader_of(places), f'{beginning}{places / path}'
    with pytest.raises(InvalidInput, match=r': lies outside --image_root /.*/inside: move it there$'):
        reader.read(url)
    assert reader.stamp(url) is None


def test_percent_signs_of_a_url_lead_nowhere_else(places):
    with pytest.raises(InvalidInput, match='lies outside'):
        reader_of(places).read(f'file://{places}/inside/%2e%2e/inside-other/secret.png')


def test_relative_paths_are_resolved_before_they_are_judged(places, monkeypatch):
    reader = reader_of(places)
    monkeypatch.chdir(places / 'inside' / 'deep')
    assert reader.read('../a.png') == INSIDE
    with pytest.raises(InvalidInput, match='lies outside'):
        reader.read('../../inside-other/secret.png')


@pytest.mark.parametrize(
    ('path', 'reason'),
    [
        ('inside', 'is a folder'),
        ('inside/deep', 'is a folder'),
        ('inside/absent.png', 'no such file'),
        ('inside/a.png/b.png', 'Not a directory'),
        ('inside/round.png', 'is not a regular file'),
        ('inside/a\0.png', 'null'),
    ],
    ids=['inside', 'folder', 'absent', 'below-a-file', 'round', 'null'],
)
def test_errors_below_the_image_root_say_what_is_wrong(places, path, reason):
    with pytest.raises(InvalidInput, match=reason):
        reader_of(places).read(str(places / path))


@pytest.mark.parametrize(
    ('url', 'protocol'),
    [
        ('memory://inputs/a.png', 'memory'),
        ('simplecache::file:///etc/hosts', 'simplecache'),
        ('filecache::local:///etc/hosts', 'filecache'),
        ('zip://a.png::file:///tmp/a.zip', 'zip'),
        ('s3://bucket/a::file:///etc/hosts', 's3'),
        ('reference://::file:///etc/hosts', 'reference'),
        ('ftp://host/a.png', 'ftp'),
        ('nonsense://a.png', 'nonsense'),
    ],
)
def test_places_that_may_lead_to_local_files_are_refused_with_an_image_root(places, url, protocol):
    reader = reader_of(places)
    with pytest.raises(InvalidInput, match=f': with --image_root only files below it .* are read, got {protocol}$'):
        reader.read(url)
    assert reader.stamp(url) is None


@pytest.mark.parametrize('url', ['data:,a%20picture', 'http://127.0.0.1:1/a.png', 'abfs://box/a.png', 'S3://b/a.png'])
def test_places_without_local_files_are_not_the_image_roots_business(places, url):
    reader = reader_of(places)
    with contextlib.suppress(InvalidInput):
        assert reader.read(url) == INSIDE
        return
    with pytest.raises(InvalidInput) as caught:
        reader.read(url)
    assert ('--image_root' in str(caught.value)) == url.startswith('S3')


def test_a_file_that_is_swapped_for_a_link_in_the_right_moment_stays_unread(places):
    root, other, is_over = places / 'inside', places / 'inside-other', threading.Event()
    # It takes a while to resolve so long a path, and to open it.
    long = '/'.join('a long way down')
    for folder, content in ((root / 'deep', INSIDE), (other, SECRET)):
        (folder / long).mkdir(parents=True)
        (folder / long / 'b.png').write_bytes(content)

    def swap(name, target):
        """Makes it a link to the outside and what it was, in turns, each in one step."""
        kept, link = root / f'kept-{name}', root / f'link-{name}'
        while not is_over.is_set():
            link.symlink_to(target)
            (root / name).rename(kept)
            link.rename(root / name)
            (root / name).unlink()
            kept.rename(root / name)

    targets = {'a.png': other / 'secret.png', 'deep': other}
    threads = [threading.Thread(target=swap, args=each) for each in targets.items()]
    for thread in threads:
        thread.start()
    found = set()
    for _ in range(2000):
        for path in ('inside/a.png', f'inside/deep/{long}/b.png'):
            with contextlib.suppress(InvalidInput):
                found.add(read_local(str(places / path), LIMIT, str(root)))
    is_over.set()
    for thread in threads:
        thread.join()
    assert found == {INSIDE}


@pytest.mark.parametrize('folder', ['absent', 'inside/a.png', '', 's3://bucket'])
def test_an_image_root_must_be_a_folder(places, monkeypatch, folder):
    with pytest.raises(ConfigurationError, match='image_root must be an existing local folder, got '):
        resolve_image_root(str(places / folder) if folder and ':' not in folder else folder)


def test_an_image_root_may_be_all_there_is(places):
    assert read_local(str(places / 'inside/a.png'), LIMIT, resolve_image_root('/')) == INSIDE


@pytest.mark.parametrize('image_root', [None, 'here'])
@pytest.mark.parametrize('kind', ['pipe', 'socket'])
def test_what_is_no_file_is_not_waited_for(tmp_path, monkeypatch, image_root, kind):
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        os.mkfifo('odd') if kind == 'pipe' else listener.bind('odd')
        with pytest.raises(InvalidInput, match='is not a regular file'):
            read_local('odd', LIMIT, os.path.realpath('.') if image_root else None)


@pytest.mark.skipif(not Path('/proc/kmsg').exists(), reason='needs a kernel that shows files of its own')
@pytest.mark.parametrize('path', ['/proc/kmsg', '/proc/self/mem', '/proc/version', '/proc/sys/kernel/hostname'])
def test_files_that_only_the_kernel_has_are_empty(path):
    assert read_local(path, LIMIT) == b''


@pytest.mark.skipif(not Path('/sys/kernel/mm').exists(), reason='needs a kernel that shows files of its own')
def test_files_that_lie_about_their_size_are_read_to_their_end():
    path = next(Path('/sys/kernel/mm').rglob('enabled'), None) or next(Path('/sys/kernel/mm').rglob('*_mb'), None)
    if path is not None:
        assert 0 < len(read_local(str(path), LIMIT)) < path.stat().st_size


def test_a_file_that_grows_is_not_read_past_its_size(tmp_path):
    path, is_over = tmp_path / 'growing.png', threading.Event()
    with path.open('wb') as file:
        file.truncate(20_000_000)

        def grow():
            file.seek(0, os.SEEK_END)
            while not is_over.is_set():
                file.write(bytes(1000))
                file.flush()

        thread = threading.Thread(target=grow)
        thread.start()
        try:
            with pytest.raises(InvalidInput, match='is being written: it has grown past 2'):
                read_many_times(str(path))
        finally:
            is_over.set()
            thread.join()


def read_many_times(path):
    for _ in range(100):
        read_local(path, LIMIT)
