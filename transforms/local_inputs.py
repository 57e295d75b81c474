"""Local input files: read in full, within a limit, and on request only from below one folder.

Rows come from anywhere, and what they name may be a device that never ends, a pipe that nobody writes to, a file that
the kernel makes up, or somebody's secrets. Only regular files are read, never more of one than it says it has. Where
an image root is given, a file is opened step by step from that folder without following a link, so that swapping a
folder for a link at the right moment gains nothing.

Every error is an InvalidInput that says what is wrong, without the file's name.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput

# Opening a pipe must not wait for somebody who writes to it.
_READ = os.O_RDONLY | os.O_NONBLOCK
# Linux can pass through folders that it may not list.
_PASS_THROUGH = getattr(os, 'O_PATH', os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW


def resolve_image_root(folder: str) -> str:
    """The folder below which local pictures must lie, without links.

    Raises:
        ConfigurationError: it is not a folder.
    """
    real = os.path.realpath(folder)
    if not folder or not Path(real).is_dir():
        raise ConfigurationError(f'image_root must be an existing local folder, got {folder!r}')
    return real


def read_local(path: str, max_bytes: int, image_root: str | None = None) -> bytes:
    """The bytes of a regular file.

    Args:
        path: absolute, or from the current folder.
        max_bytes: what it may have.
        image_root: where it must lie, as `resolve_image_root` gives it.

    Raises:
        InvalidInput: it can't be read, is too large, or lies elsewhere.
    """
    with _explained(), _open(path, image_root) as file:
        size = os.fstat(file.fileno()).st_size
        check_size(size, max_bytes)
        # What the kernel shows as an empty file, such as /proc/kmsg, may never end when it is read.
        content = file.read(size + 1) if size else b''
        if len(content) > size:
            raise InvalidInput(f'is being written: it has grown past {size:,} bytes; run again when it is whole')
        return content


def stamp_local(path: str, image_root: str | None = None) -> str:
    """Something that changes when the file does, from its size and time.

    Raises:
        InvalidInput: as `read_local`.
    """
    with _explained():
        if image_root is None:
            status = os.stat(path)  # noqa: PTH116 - a Path costs more than the look
            _check_regular(status)
        else:
            with _open(path, image_root) as file:
                status = os.fstat(file.fileno())
        return f'{status.st_size}-{status.st_mtime_ns}'


def check_size(size: int, max_bytes: int) -> None:
    """Raises InvalidInput if a picture's file is too large."""
    if size > max_bytes:
        raise InvalidInput(f'is too large: {size:,} bytes, the limit is {max_bytes:,}')


def explain(error: Exception) -> str:
    """What a file system's error means for whoever wrote the row."""
    match error:
        # Some stores call everything that goes wrong on the way a missing file.
        case FileNotFoundError(__cause__=OSError() as cause) if not isinstance(cause, FileNotFoundError):
            return explain(cause)
        case FileNotFoundError():
            return 'no such file' if error.filename else 'no such file or bucket'
        case IsADirectoryError():
            return 'is a folder, not a file'
        case PermissionError():
            return 'no permission to read it'
        case OSError(strerror=str(reason)):
            return reason
    return f'can not be read ({type(error).__name__}: {str(error)[:200]})'


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: no path can have a null byte or half a surrogate pair
        raise InvalidInput(explain(error)) from error


@contextmanager
def _open(path: str, image_root: str | None) -> Iterator[BinaryIO]:
    """A regular file, open."""
    if image_root is None:
        with _open_regular(path, None) as file:
            yield file
        return
    # Links within the folder are fine, so they are resolved first; from there on there may be none.
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(image_root):
        raise InvalidInput(f'lies outside --image_root {image_root}: move it there')
    *folders, name = real.relative_to(image_root).parts or ('.',)
    with _open_folder(image_root, folders) as folder, _open_regular(name, folder) as file:
        yield file


@contextmanager
def _open_folder(root: str, folders: list[str]) -> Iterator[int]:
    descriptor = os.open(root, _PASS_THROUGH)
    try:
        for name in folders:
            deeper = os.open(name, _PASS_THROUGH, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _open_regular(name: str, folder: int | None) -> Iterator[BinaryIO]:
    is_confined = folder is not None
    # Looked at first, since opening a device can do things; and again when open, since it may have been swapped.
    _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=not is_confined))
    with os.fdopen(os.open(name, _READ | (os.O_NOFOLLOW if is_confined else 0), dir_fd=folder), 'rb') as file:
        _check_regular(os.fstat(file.fileno()))
        yield file


def _check_regular(status: Any) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InvalidInput('is a folder, not a file')
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput('is not a regular file')
