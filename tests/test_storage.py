"""Storage: whole files or none, one creator of each, nothing outside of the folder, on every kind of file system."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid

import pytest

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.storage import Storage

RACE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from beam_image_edit.transforms.storage import Storage

storage = Storage(sys.argv[1])
print('ready', flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(16) as pool:
    results = pool.map(lambda number: (number % 50, storage.create(f'claims/{number % 50}', b'')), range(800))
    print(json.dumps([claim for claim, is_won in results if is_won]))
"""


@pytest.fixture(params=['path', 'file', 'memory'])
def root(request, tmp_path):
    if request.param == 'memory':
        return f'memory://{uuid.uuid4().hex}'
    return f'file://{tmp_path}' if request.param == 'file' else str(tmp_path)


@pytest.fixture
def storage(root):
    return Storage(root)


def write_half(replacement):
    with replacement as file:
        file.write(b'half')
        raise KeyError('mine')


def replace_nothing(storage, path):
    with storage.replace(path):
        pass


def test_write_read_size_and_delete(storage):
    assert (storage.read('a/b.bin'), storage.size('a/b.bin')) == (None, None)
    storage.write('a/b.bin', b'first')
    storage.write('a/b.bin', b'second \0')
    assert (storage.read('a/b.bin'), storage.size('a/b.bin')) == (b'second \0', 8)
    storage.delete('a/b.bin')
    storage.delete('a/b.bin')
    assert (storage.read('a/b.bin'), storage.size('a/b.bin')) == (None, None)


def test_empty_files_are_files(storage):
    storage.write('empty', b'')
    assert (storage.read('empty'), storage.size('empty')) == (b'', 0)
    assert not storage.create('empty', b'x')


def test_nothing_is_below_a_file(storage):
    storage.write('file', b'')
    assert (storage.read('file/below'), storage.size('file/below')) == (None, None)
    storage.delete('file/below')
    with pytest.raises(StorageError):
        storage.write('file/below', b'')


def test_list_names_the_files_of_one_folder(storage):
    assert storage.list('folder') == []
    for path in ('folder/b', 'folder/a', 'folder/deeper/c', 'folder2/d', 'e'):
        storage.write(path, b'')
    assert storage.list('folder') == ['a', 'b']
    assert storage.list('') == ['e']


def test_create_keeps_the_first_file(storage):
    assert storage.create('claims/1', b'first')
    assert not storage.create('claims/1', b'second')
    assert storage.read('claims/1') == b'first'


def test_create_has_one_winner_among_threads(storage):
    barrier = threading.Barrier(16)
    winners = []

    def race(number):
        for claim in range(20):
            barrier.wait()
            if storage.create(f'claims/{claim}', b'%d' % number):
                winners.append(claim)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(winners) == list(range(20))


def test_create_has_one_winner_among_processes(tmp_path):
    command = [sys.executable, '-c', RACE, str(tmp_path)]
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        for process in (first, second):
            process.stdout.readline()
        for process in (first, second):
            process.stdin.write('go\n')
            process.stdin.flush()
        winners = [json.loads(process.communicate()[0]) for process in (first, second)]
    assert sorted(winners[0] + winners[1]) == list(range(50))


def test_concurrent_readers_each_get_the_whole_file(storage):
    contents = [bytes([number]) * 100_000 for number in range(4)]
    storage.write('file', contents[0])
    seen = []

    def read():
        seen.extend(storage.read('file') for _ in range(50))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for content in contents * 10:
        storage.write('file', content)
    for reader in readers:
        reader.join()
    assert set(seen) <= set(contents)


def test_replace_puts_the_pieces_together(storage):
    with storage.replace('folder/file') as file:
        file.write(b'pie')
        assert storage.read('folder/file') is None
        file.write(b'ces')
    assert storage.read('folder/file') == b'pieces'


def test_replace_leaves_the_earlier_file_and_the_blocks_own_error(storage):
    storage.write('file', b'earlier')
    with pytest.raises(KeyError, match='mine'):
        write_half(storage.replace('file'))
    assert storage.read('file') == b'earlier'


@pytest.mark.parametrize(
    ('root', 'expected'),
    [
        ('out', 'out/sample_0/a.png'),
        ('./out/', './out/sample_0/a.png'),
        ('/', '/sample_0/a.png'),
        ('memory://', 'memory://sample_0/a.png'),
        ('memory://bucket/x', 'memory://bucket/x/sample_0/a.png'),
    ],
)
def test_url_is_the_root_as_given_and_the_rest(root, expected):
    assert Storage(root).url('sample_0/a.png') == expected


@pytest.mark.parametrize('path', ['../outside', 'a/../../outside', '/etc/passwd', 'a//b', './a', 'a/', '..', 'a/\0'])
@pytest.mark.parametrize(
    'do',
    [
        lambda storage, path: storage.write(path, b''),
        lambda storage, path: storage.create(path, b''),
        replace_nothing,
        Storage.read,
        Storage.size,
        Storage.list,
        Storage.delete,
    ],
    ids=['write', 'create', 'replace', 'read', 'size', 'list', 'delete'],
)
def test_no_path_leads_out_of_the_folder(tmp_path, path, do):
    storage = Storage(str(tmp_path / 'out'))
    with pytest.raises(StorageError, match='is no path below'):
        do(storage, path)
    assert not any(tmp_path.rglob('outside'))


def test_a_folder_has_no_size(storage):
    storage.write('folder/file', b'')
    assert storage.size('folder') is None
    assert storage.size('folder/file') == 0


def test_two_storages_of_one_place_share_it(root):
    first, second = Storage(root), Storage(root)
    barrier = threading.Barrier(8)
    winners = []

    def race(number):
        storage = (first, second)[number % 2]
        for claim in range(20):
            barrier.wait()
            if storage.create(f'claims/{claim}', b'%d' % number):
                winners.append(claim)
            assert storage.read(f'claims/{claim}') is not None

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(winners) == list(range(20))
    assert first.list('claims') == second.list('claims')


def test_is_exclusive(storage):
    assert storage.is_exclusive()
    assert storage.list('ledger/unfinished') == []


def test_remove_unfinished_takes_what_crashed_writers_left(root, tmp_path):
    storage = Storage(root)
    storage.remove_unfinished()
    storage.write('file', b'kept')
    if not root.startswith('memory'):
        for name, age_s in (('1-old', 3700), ('2-new', 0)):
            leftover = tmp_path / 'ledger' / 'unfinished' / name
            leftover.write_bytes(b'half')
            os.utime(leftover, times=(time.time() - age_s,) * 2)
        storage.remove_unfinished()
        assert storage.list('ledger/unfinished') == ['2-new']
    assert storage.read('file') == b'kept'
