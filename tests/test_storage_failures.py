"""What storage does when the store fails: what may pass is tried again, and everything else is one kind of error."""

import pickle
import uuid
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from beam_image_edit.transforms.errors import EditError, StorageError
from beam_image_edit.transforms.storage import Storage


class Failing(fsspec.AbstractFileSystem):
    protocol = 'failing'

    def pipe_file(self, path, value, mode='overwrite', **_):
        raise RuntimeError('the store is on fire')

    def cat_file(self, path, start=None, end=None, **_):
        raise TimeoutError

    def info(self, path, **_):
        raise PermissionError(13, 'forbidden')

    def ls(self, path, detail=True, **_):
        raise KeyError('gone')

    def rm_file(self, path):
        raise ValueError('unsure')


@pytest.fixture
def failing(monkeypatch):
    monkeypatch.setitem(_registry, 'failing', Failing)
    return Storage('failing://bucket/out', sleep=lambda _: None)


@pytest.mark.parametrize(
    ('do', 'message'),
    [
        (
            lambda store: store.write('a', b''),
            'failing://bucket/out/a could not be written: RuntimeError: the store',
        ),
        (
            lambda store: store.create('a', b''),
            'failing://bucket/out/a could not be created: PermissionError: ',
        ),
        (lambda store: store.read('a'), 'failing://bucket/out/a could not be read: TimeoutError: '),
        (lambda store: store.size('a'), 'failing://bucket/out/a could not be looked at: PermissionError: '),
        (lambda store: store.list('a'), "failing://bucket/out/a could not be listed: KeyError: 'gone'"),
        (lambda store: store.delete('a'), 'failing://bucket/out/a could not be removed: ValueError: unsure'),
    ],
    ids=['write', 'create', 'read', 'size', 'list', 'delete'],
)
def test_every_failure_is_a_storage_error(failing, do, message):
    with pytest.raises(StorageError, match=message) as caught:
        do(failing)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, EditError)
    assert caught.value.__cause__ is not None
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


class Unsteady(MemoryFileSystem):
    """Fails a number of times before it does what it is told, or after it has done it."""

    protocol = 's3'
    errors: ClassVar = []
    is_done_first = False

    def pipe_file(self, path, value, mode='overwrite', **_):
        self._strike(lambda: super(Unsteady, self).pipe_file(path, value, mode=mode))

    def cat_file(self, path, start=None, end=None, **_):
        return self._strike(lambda: super(Unsteady, self).cat_file(path, start, end))

    def _strike(self, do):
        done = do() if self.is_done_first else None
        if self.errors:
            raise self.errors.pop()
        return done if self.is_done_first else do()


@pytest.fixture
def unsteady(monkeypatch):
    monkeypatch.setitem(_registry, 's3', Unsteady)
    monkeypatch.setattr(Unsteady, 'errors', [])
    waits = []
    storage = Storage(f's3://{uuid.uuid4().hex}', sleep=waits.append)
    storage.waits = waits
    return storage


@pytest.mark.parametrize('error', [TimeoutError(), OSError('SlowDown'), RuntimeError('reset')], ids=repr)
def test_what_may_pass_is_tried_again(unsteady, error):
    for do in (lambda: unsteady.write('a', b'1'), lambda: unsteady.create('b', b'2'), lambda: unsteady.read('a')):
        Unsteady.errors[:] = [error] * 2
        do()
    assert unsteady.waits == [0.1, 0.4] * 3
    assert (unsteady.read('a'), unsteady.read('b')) == (b'1', b'2')


@pytest.mark.parametrize('error', [PermissionError('no'), IsADirectoryError('b'), NotADirectoryError('a')], ids=repr)
def test_what_will_not_pass_is_told_at_once(unsteady, error):
    Unsteady.errors[:] = [error]
    with pytest.raises(StorageError, match=r'/a could not be written: (Perm|IsA|NotA)'):
        unsteady.write('a', b'')
    assert unsteady.waits == []


def test_a_creation_whose_answer_was_lost_can_be_told_by_its_content(unsteady, monkeypatch):
    monkeypatch.setattr(Unsteady, 'is_done_first', True)
    Unsteady.errors[:] = [TimeoutError()]
    assert not unsteady.create('claim', b'mine')
    assert unsteady.read('claim') == b'mine'


def test_a_creation_that_can_not_look_first_writes_nothing(failing, monkeypatch):
    monkeypatch.setattr(Failing, 'pipe_file', lambda *_: pytest.fail('it may be there'))
    with pytest.raises(StorageError, match='could not be created'):
        failing.create('claim', b'')


def test_local_failures_are_storage_errors(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    storage = Storage(str(tmp_path / 'file' / 'out'))
    with pytest.raises(StorageError, match='out/a could not be written'):
        storage.write('a', b'')
    with pytest.raises(StorageError, match='out/a could not be written'), storage.replace('a') as file:
        file.write(b'')
