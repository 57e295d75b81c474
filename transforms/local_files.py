"""Local files that appear whole: with all their bytes on the disk, or not at all.

A file is written under a temporary name and gets its own name when it is finished: by a rename, which takes an earlier
file's place, or by a hard link, which does not and so tells who came first. The bytes reach the disk before the name
does, because after a power cut a name without its bytes would pass for what was paid for.
"""

import errno
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# What file systems without hard links answer: FAT, some network mounts, buckets mounted as folders.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_create_lock = threading.Lock()


class LocalFiles:
    """Writes whole files on one file system.

    Args:
        unfinished: the folder for what is not finished: on the files' own device, because a rename to another one
            copies, and apart from them, so that a crash leaves nothing among them.
    """

    def __init__(self, unfinished: str) -> None:
        self._unfinished = Path(unfinished)

    def write(self, target: str, content: bytes) -> None:
        """Writes a file, in place of an earlier one if there is one."""
        with self.replace(target) as file:
            file.write(content)

    @contextmanager
    def replace(self, target: str) -> Iterator[BinaryIO]:
        """A file to be written piece by piece; it gets its name when the block ends without an error."""
        with self._temporary() as file:
            yield file
            _finish(file)
            _name(os.replace, file.name, target)

    def create(self, target: str, content: bytes) -> bool:
        """Writes a file only if there is none; False where there was one.

        Of any number of threads and processes one gets True. Where there are no hard links, that holds for the threads
        of one process only; see `has_links`.
        """
        if os.path.exists(target):  # noqa: PTH110 - spares a temporary file for a claim that is long lost
            return False
        with self._temporary() as file:
            file.write(content)
            _finish(file)
            try:
                _name(os.link, file.name, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return _create_without_links(file.name, target)
        return True

    def has_links(self) -> bool:
        """Whether the file system has hard links, tried with a file."""
        with self._temporary() as file:
            second = f'{file.name}-link'
            try:
                os.link(file.name, second)
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

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        path = self._unfinished / f'{os.getpid()}-{uuid.uuid4().hex}'
        try:
            file = path.open('xb')
        except FileNotFoundError:
            self._unfinished.mkdir(parents=True, exist_ok=True)
            file = path.open('xb')
        try:
            with file:
                yield file
        finally:
            # By now the file has its name or never will; what may be left here is removed when a later job starts.
            with suppress(OSError):
                path.unlink()


def _finish(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


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
