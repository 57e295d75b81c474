"""Local files: a reader sees all of a file or none of it, and a crash leaves nothing in its place.

The ledger and the images stand on this.
"""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from beam_image_edit.transforms.local_files import LocalFiles

WRITE_TOO_MUCH = """
import resource, signal, sys
from beam_image_edit.transforms.local_files import LocalFiles

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
folder = sys.argv[1]
try:
    LocalFiles(f'{folder}/unfinished').write(f'{folder}/image.png', bytes(1_000_000))
except OSError as error:
    print(error.errno)
"""


@pytest.fixture
def files(tmp_path):
    return LocalFiles(str(tmp_path / 'unfinished'))


def unfinished(tmp_path):
    return list((tmp_path / 'unfinished').iterdir())


def write_half(replacement):
    with replacement as file:
        file.write(b'half')
        raise KeyError


def forbid_links(monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, 'link', refuse)


def test_write_makes_folders_and_leaves_nothing_unfinished(files, tmp_path):
    files.write(str(tmp_path / 'a' / 'b' / 'image.png'), b'content')
    assert (tmp_path / 'a' / 'b' / 'image.png').read_bytes() == b'content'
    assert unfinished(tmp_path) == []


def test_write_takes_an_earlier_files_place(files, tmp_path):
    target = tmp_path / 'file'
    for content in (b'first, and longer', b'second', b''):
        files.write(str(target), content)
        assert target.read_bytes() == content


def test_write_gives_the_mode_of_any_new_file(files, tmp_path):
    (tmp_path / 'plain').write_bytes(b'')
    files.write(str(tmp_path / 'file'), b'')
    files.create(str(tmp_path / 'created'), b'')
    modes = {(tmp_path / name).stat().st_mode for name in ('plain', 'file', 'created')}
    assert len(modes) == 1


def test_readers_see_whole_files_only(files, tmp_path):
    target = tmp_path / 'file'
    contents = [bytes([number]) * 300_000 for number in range(4)]
    files.write(str(target), contents[0])
    seen = set()
    is_over = threading.Event()

    def read():
        while not is_over.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents * 10:
        files.write(str(target), content)
    is_over.set()
    reader.join()
    assert seen <= set(contents)


def test_replace_leaves_the_earlier_file_when_the_block_fails(files, tmp_path):
    target = tmp_path / 'file'
    files.write(str(target), b'earlier')
    with pytest.raises(KeyError):
        write_half(files.replace(str(target)))
    assert target.read_bytes() == b'earlier'
    assert unfinished(tmp_path) == []


def test_replace_shows_nothing_before_its_end(files, tmp_path):
    target = tmp_path / 'file'
    with files.replace(str(target)) as file:
        file.write(b'pie')
        file.flush()
        assert not target.exists()
        file.write(b'ces')
    assert target.read_bytes() == b'pieces'


def test_full_disk_leaves_the_earlier_file_and_nothing_unfinished(files, tmp_path):
    files.write(str(tmp_path / 'image.png'), b'earlier')
    command = [sys.executable, '-c', WRITE_TOO_MUCH, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(errno.EFBIG)]
    assert (tmp_path / 'image.png').read_bytes() == b'earlier'
    assert unfinished(tmp_path) == []


def test_create_keeps_the_first_file(files, tmp_path):
    target = tmp_path / 'folder' / 'claim'
    assert files.create(str(target), b'first')
    assert not files.create(str(target), b'second')
    assert target.read_bytes() == b'first'
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize('number', [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_create_works_without_links(files, tmp_path, monkeypatch, number):
    forbid_links(monkeypatch, number)
    target = tmp_path / 'folder' / 'claim'
    assert files.create(str(target), b'first')
    assert not files.create(str(target), b'second')
    assert target.read_bytes() == b'first'
    assert unfinished(tmp_path) == []


def test_create_raises_what_is_no_lack_of_links(files, tmp_path, monkeypatch):
    forbid_links(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match='Input/output'):
        files.create(str(tmp_path / 'claim'), b'')
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize('has_links', [True, False], ids=['links', 'no links'])
def test_create_has_one_winner_among_threads(files, tmp_path, monkeypatch, has_links):
    if not has_links:
        forbid_links(monkeypatch, errno.EPERM)
    winners = []
    barrier = threading.Barrier(16)

    def race(number):
        for claim in range(20):
            barrier.wait()
            if files.create(str(tmp_path / 'claims' / str(claim)), b'%d' % number):
                winners.append((claim, number))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {claim: b'%d' % number for claim, number in winners} == {
        claim: (tmp_path / 'claims' / str(claim)).read_bytes() for claim in range(20)
    }
    assert len(winners) == 20


def test_has_links(files, tmp_path, monkeypatch):
    assert files.has_links()
    forbid_links(monkeypatch, errno.EPERM)
    assert not files.has_links()
    assert unfinished(tmp_path) == []


def test_remove_unfinished_takes_what_is_old(files, tmp_path):
    files.remove_unfinished(60)
    files.write(str(tmp_path / 'file'), b'')
    for name, age_s in (('old', 61), ('new', 1)):
        (tmp_path / 'unfinished' / name).write_bytes(b'half')
        os.utime(tmp_path / 'unfinished' / name, times=(time.time() - age_s,) * 2)
    files.remove_unfinished(60)
    assert [path.name for path in unfinished(tmp_path)] == ['new']
