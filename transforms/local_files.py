"""Local files that appear whole: with all their bytes on the disk, or not at all.

A file is written under a temporary name and gets its own name when it is finished: by a rename, which takes an earlier
file's place, or by a hard link, which does not and so tells who came first. The bytes reach the disk before the name
does, because after a power cut a name without its bytes would pass for what was paid for.
"""

import errno
import itertools
import os
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# What file systems without hard links answer: FAT, some network mounts, buckets mounted as folders.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_create_lock = threading.Lock()


class LocalFiles:
    """Writes whole files on one file system.

    Args:
        unfinished: the folder for what is not finished: on the files' own device, because a rename to another one
            copies, and apart from them, so that a crash leaves nothing among them.
    """

    def __init__(self, unfinished: str) -> None:
        self._unfinished = unfinished
        self._token = uuid.uuid4().hex
        self._numbers = itertools.count()

    def read(self, target: str) -> bytes:
        """A file's bytes.

        Raises:
            OSError: as `open`.
        """
        with open(target, 'rb', buffering=0) as file:  # noqa: PTH123 - as everywhere here, a path costs as much again
            return file.read()

    def size(self, target: str) -> int | None:
        """A file's size in bytes, 0 for a link that leads nowhere; None if there is none, or a folder.

        Raises:
            OSError: as `os.stat`.
        """
        try:
            status = os.lstat(target)
            if stat.S_ISLNK(status.st_mode):
                with suppress(FileNotFoundError):
                    status = os.stat(target)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(status.st_mode):
            return 0
        return None if stat.S_ISDIR(status.st_mode) else status.st_size

    def write(self, target: str, content: bytes, is_durable: bool = True) -> None:
        """Writes a file, in place of an earlier one if there is one.

        Args:
            target: its path.
            content: its bytes.
            is_durable: whether they are on the disk before the name is, so that a power cut leaves all or nothing.
        """
        with self._temporary() as file:
            _write(file, content)
            self._move(file, target, is_durable)

    @contextmanager
    def replace(self, target: str) -> Iterator[BinaryIO]:
        """A file to be written piece by piece; it gets its name when the block ends without an error."""
        with self._temporary() as temporary:
            with os.fdopen(temporary.descriptor, 'wb', closefd=False) as file:
                yield file
            self._move(temporary, target)

    def create(self, target: str, content: bytes, is_durable: bool = True) -> bool:
        """Writes a file only if there is none; False where there was one.

        Of any number of threads and processes one gets True. Where there are no hard links, that holds for the threads
        of one process only; see `has_links`.

        Args:
            target: its path.
            content: its bytes.
            is_durable: as for `write`.
        """
        if os.path.exists(target):  # noqa: PTH110 - spares a temporary file for a claim that is long lost
            return False
        with self._temporary() as file:
            _write(file, content)
            if is_durable:
                os.fsync(file.descriptor)
            try:
                _name(os.link, file.path, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return _create_without_links(file.path, target)
        return True

    def has_links(self) -> bool:
        """Whether the file system has hard links, tried with a file."""
        with self._temporary() as file:
            second = f'{file.path}-link'
            try:
                os.link(file.path, second)
            except OSError:
                return False
            os.unlink(second)  # noqa: PTH108
        return True

    def remove_unfinished(self, older_than_s: float) -> None:
        """Removes what crashed writers left: whatever has not been written to for so long."""
        with suppress(FileNotFoundError), os.scandir(self._unfinished) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < time.time() - older_than_s:
                        os.unlink(entry.path)  # noqa: PTH108

    def _move(self, file: '_Temporary', target: str, is_durable: bool = True) -> None:
        if is_durable:
            os.fsync(file.descriptor)
        _name(os.replace, file.path, target)
        file.is_moved = True

    @contextmanager
    def _temporary(self) -> Iterator['_Temporary']:
        # A fork goes on with the same numbers, but is another process.
        path = f'{self._unfinished}/{os.getpid()}-{self._token}-{next(self._numbers)}'
        try:
            descriptor = os.open(path, _NEW, 0o666)
        except FileNotFoundError:
            Path(self._unfinished).mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, _NEW, 0o666)
        file = _Temporary(path, descriptor)
        try:
            yield file
        finally:
            os.close(descriptor)
            if not file.is_moved:
                # What may be left here is removed when a later job starts.
                with suppress(OSError):
                    os.unlink(path)  # noqa: PTH108


@dataclass(slots=True)
class _Temporary:
    """A file that is not finished."""

    path: str
    descriptor: int
    is_moved: bool = False


def _write(file: _Temporary, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # a single write takes 2 GB at the most, and less where the disk is full
        rest = rest[os.write(file.descriptor, rest) :]


def _name(give_name: Callable[[str, str], None], temporary: str, target: str) -> None:
    try:
        give_name(temporary, target)
    except FileNotFoundError:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        give_name(temporary, target)


def _create_without_links(temporary: str, target: str) -> bool:
    with _create_lock:
        if os.path.exists(target):  # noqa: PTH110
            return False
        _name(os.replace, temporary, target)
    return True
