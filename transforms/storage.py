"""Storage: whole files on any fsspec file system, never visible half-written.

fsspec's own ways are not safe enough: an exception inside `with fs.open(…, 'wb')` commits half a file, a local file is
visible while it is written, `mode='create'` is check-then-write on local disks, and `fsspec.open` of a misspelt bucket
creates it. So finished bytes are written in one piece: locally as `local_files` does it, elsewhere with one
`pipe_file`. Every store has errors of its own, and most fail now and then: what may pass is tried again at once, and
what leaves here is a StorageError.
"""

import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeVar

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.file_systems import StorageOptions, name_store, open_filesystem
from beam_image_edit.transforms.local_files import LocalFiles

T = TypeVar('T')
_UNFINISHED = 'ledger/unfinished'
_UNFINISHED_FOR_S = 3600.0
_ABSENT = (FileNotFoundError, NotADirectoryError)
# For what passes in a moment: a reset, a store that asks to slow down. Who can wait longer asks again.
_RETRY_DELAYS_S = (0.1, 0.4)
_LASTING = (PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)
_CONTENT_TYPES = {
    '.avif': 'image/avif',
    '.css': 'text/css; charset=utf-8',
    '.gif': 'image/gif',
    '.html': 'text/html; charset=utf-8',
    '.jpg': 'image/jpeg',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json',
    '.jsonl': 'application/jsonl',
    '.md': 'text/markdown; charset=utf-8',
    '.parquet': 'application/vnd.apache.parquet',
    '.png': 'image/png',
    '.tar': 'application/x-tar',
    '.txt': 'text/plain; charset=utf-8',
    '.webp': 'image/webp',
}
# Memory's files are shared objects with one position each, and `mode='create'` there and in stores that do not know it
# is check-then-write.
_process_lock = threading.RLock()


class Storage:
    """Files below one folder, named by relative paths with `/`; safe to share between threads.

    Every method raises StorageError where the store fails, and for a path that leads out of the folder.

    Args:
        root: the folder, a path or URL.
        options: of file systems; see `file_systems`.
        sleep: waits before another try.

    Raises:
        ConfigurationError: as `open_filesystem`.
    """

    def __init__(
        self, root: str, options: StorageOptions | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.root = root
        self.options = options
        self._fs, base = open_filesystem(root, options)
        self._base = base.rstrip('/')
        self._store = name_store(root)
        self._local = LocalFiles(self._full(_UNFINISHED)) if isinstance(self._fs, LocalFileSystem) else None
        self._lock = _process_lock if isinstance(self._fs, MemoryFileSystem) else nullcontext()
        self._sleep = sleep

    def url(self, path: str) -> str:
        """A file's place for people: the root as given + the rest."""
        return f'{self.root}{path}' if self.root.endswith('/') else f'{self.root}/{path}'

    def write(self, path: str, content: bytes, is_durable: bool = True) -> None:
        """Writes a whole file, in place of an earlier one if there is one.

        Args:
            path: where.
            content: all of it.
            is_durable: whether it must outlive a power cut; if not, that may leave a damaged one on a local disk.
        """

        def write(target: str) -> None:
            if self._local:
                self._local.write(target, content, is_durable)
            else:
                self._fs.pipe_file(target, content, **self._headers(path))

        self._do(path, 'written', write)

    @contextmanager
    def replace(self, path: str) -> Iterator[BinaryIO]:
        """A file to be written piece by piece; it takes the place of an earlier one when the block ends without error.

        For what is too large to be built in memory. Until then it is a temporary file on this machine's disk.
        """
        if self._local:
            target = self._full(path)
            try:
                with self._local.replace(target) as local_file:
                    yield local_file
            except StorageError:
                raise
            except OSError as error:  # the block's own errors, but for a full disk, are not the store's
                raise self._failure(path, 'written', error) from error
            return
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            self.write(path, file.read())

    def create(self, path: str, content: bytes, is_durable: bool = True) -> bool:
        """Writes a whole file only if there is none; False where there was one. See `is_exclusive`.

        False also where the store did write it but its answer was lost, so that the second try found it: who must know
        whether the file is his own puts something into it that nobody else does.

        Args:
            path: where.
            content: all of it.
            is_durable: as for `write`.
        """

        def create(target: str) -> bool:
            if self._local:
                return self._local.create(target, content, is_durable)
            try:
                if self._store:
                    self._fs.pipe_file(target, content, mode='create', **self._headers(path))
                    return True
                with _process_lock:
                    if self._find(target) is not None:
                        return False
                    self._fs.pipe_file(target, content)
            except FileExistsError:
                return False
            return True

        return self._do(path, 'created', create)

    def is_exclusive(self) -> bool:
        """Whether `create` has one winner among all processes and hosts, tried with a file; else among threads only."""
        if self._local:
            local = self._local
            return self._do(_UNFINISHED, 'written', lambda _: local.has_links())
        if isinstance(self._fs, MemoryFileSystem):
            return True
        probe = f'{_UNFINISHED}/{os.getpid()}-{uuid.uuid4().hex}'
        is_second_refused = self.create(probe, b'') and not self.create(probe, b'')
        self.delete(probe)
        return is_second_refused and self._store is not None

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None if there is no such file."""

        def read(target: str) -> bytes | None:
            try:
                return self._local.read(target) if self._local else bytes(self._fs.cat_file(target))
            except _ABSENT:
                return None

        return self._do(path, 'read', read)

    def size(self, path: str) -> int | None:
        """A file's size in bytes, None if there is no such file."""

        def look(target: str) -> int | None:
            if self._local:
                return self._local.size(target)
            found = self._find(target)
            return None if found is None or found.get('type') == 'directory' else int(found['size'])

        return self._do(path, 'looked at', look)

    def list(self, folder: str) -> list[str]:
        """The names of the files directly in a folder, sorted; [] if there is no such folder."""

        def look(target: str) -> list[str]:
            try:
                if self._local:  # a folder can hold a million others, and fsspec looks at each
                    with os.scandir(target) as local_entries:
                        return sorted(entry.name for entry in local_entries if entry.is_file())
                entries = self._list_prefix(target) if self._store and folder else self._fs.ls(target, detail=True)
            except _ABSENT:
                return []
            return sorted(entry['name'].rsplit('/', 1)[-1] for entry in entries if entry['type'] == 'file')

        return self._do(folder, 'listed', look)

    def delete(self, path: str) -> None:
        """Removes a file; it is no error if there is none."""

        def remove(target: str) -> None:
            try:
                self._fs.rm_file(target)
            except _ABSENT:
                return

        self._do(path, 'removed', remove)

    def remove_unfinished(self) -> None:
        """Removes the temporary files that crashed writers left an hour ago or earlier; for when a job starts."""
        if self._local:
            local = self._local
            self._do(_UNFINISHED, 'removed', lambda _: local.remove_unfinished(_UNFINISHED_FOR_S))

    def _find(self, target: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._fs.info(target)
        except _ABSENT:
            return None
        return found

    def _list_prefix(self, target: str) -> Iterable[Mapping[str, Any]]:
        # Not by `ls`, which at S3 lists the whole parent to find out what it is that holds nothing: a new row's folder
        # would cost a listing of all rows before it.
        parent, _, name = target.rpartition('/')
        found = self._fs.find(parent, prefix=f'{name}/', detail=True)
        return [entry for path, entry in found.items() if path.rpartition('/')[0] == target]

    def _do(self, path: str, what: str, do: Callable[[str], T]) -> T:
        """Does something with a file's full path, again after what may pass; errors come out as one kind."""
        target = self._full(path)
        delays_s = iter(_RETRY_DELAYS_S)
        while True:
            try:
                with self._lock:
                    return do(target)
            except Exception as error:
                delay_s = None if isinstance(error, _LASTING) else next(delays_s, None)
                if delay_s is None:
                    raise self._failure(path, what, error) from error
            self._sleep(delay_s)

    def _failure(self, path: str, what: str, error: Exception) -> StorageError:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        return StorageError(f'{self.url(path)} could not be {what}: {type(error).__name__}: {reason}')

    def _full(self, path: str) -> str:
        if path and ({'', '.', '..'} & set(path.split('/')) or '\0' in path):
            raise StorageError(f'{path!r} is no path below {self.root}')
        return f'{self._base}/{path}' if path else self._base or '/'

    def _headers(self, path: str) -> dict[str, Any]:
        content_type = _CONTENT_TYPES.get(PurePosixPath(path).suffix)
        arguments: dict[str | None, dict[str, Any]] = {
            's3': {'ContentType': content_type},
            'gcs': {'content_type': content_type},
            'azure': {'content_settings': {'content_type': content_type}},
        }
        return arguments.get(self._store, {}) if content_type else {}
