"""Storage: whole files on any fsspec file system, never visible half-written.

fsspec's own ways are not safe enough: an exception inside `with fs.open(…, 'wb')` commits half a file, a local file is
visible while it is written, `mode='create'` is check-then-write on local disks, and `fsspec.open` of a misspelt bucket
creates it. So finished bytes are written in one piece: locally to a temporary file that is renamed or linked, elsewhere
with one `pipe_file`.
"""

import os
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.transforms.errors import ConfigurationError

# Stale listings make a file that another worker wrote look absent.
_NO_LISTINGS_CACHE = {'use_listings_cache': False}
_EXTRAS = {'s3': 's3', 's3a': 's3', 'gs': 'gcs', 'gcs': 'gcs', 'abfs': 'azure', 'az': 'azure'}
_memory_lock = threading.Lock()


def open_filesystem(url: str, options: Mapping[str, Any] | None = None) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a path or URL and the path within it.

    Raises:
        ConfigurationError: no such protocol, or its package is not installed.
    """
    protocol = fsspec.utils.get_protocol(url)
    settings = dict(options or {})
    if protocol in _EXTRAS:
        settings = {**_NO_LISTINGS_CACHE, **settings}
    try:
        return fsspec.url_to_fs(url, **settings)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        hint = f"pip install 'beam-image-edit[{extra}]'" if extra else str(error)
        raise ConfigurationError(f'{url}: {protocol}:// needs a package that is not installed: {hint}') from error
    except ValueError as error:
        raise ConfigurationError(f'{url}: {error}') from error


class Storage:
    """Files below one folder, named by relative paths with `/`; safe to share between threads."""

    def __init__(self, root: str, options: Mapping[str, Any] | None = None) -> None:
        self.root = root
        self._fs, base = open_filesystem(root, options)
        self._base = base.rstrip('/') or '/'
        self._is_local = isinstance(self._fs, LocalFileSystem)

    def url(self, path: str) -> str:
        """A file's place for people: the root as given + the rest."""
        return f'{self.root.rstrip("/")}/{path}'

    def write(self, path: str, content: bytes) -> None:
        """Writes a whole file, in place of an earlier one if there is one."""
        if self._is_local:
            target = self._full(path)
            temporary = self._write_temporary(target, content)
            os.replace(temporary, target)  # noqa: PTH105
        else:
            self._fs.pipe_file(self._full(path), content)

    @contextmanager
    def replace(self, path: str) -> Iterator[BinaryIO]:
        """A file to be written piece by piece; it takes the place of an earlier one when the block ends without error.

        For what is too large to be built in memory. Until then it is a temporary file on this machine's disk.
        """
        if not self._is_local:
            with tempfile.TemporaryFile() as file:
                yield file
                file.seek(0)
                self._fs.pipe_file(self._full(path), file.read())
            return
        target = self._full(path)
        temporary = Path(self._write_temporary(target, b''))
        try:
            with temporary.open('wb') as local_file:
                yield local_file
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def create(self, path: str, content: bytes) -> bool:
        """Writes a whole file only if there is none; False where there was one. Atomic locally, on S3 and on GCS."""
        target = self._full(path)
        if self._is_local:
            return self._create_local(target, content)
        try:
            with _memory_lock:
                self._fs.pipe_file(target, content, mode='create')
        except FileExistsError:
            return False
        return True

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None if there is no such file."""
        try:
            return self._fs.cat_file(self._full(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def size(self, path: str) -> int | None:
        """A file's size in bytes, None if there is no such file."""
        try:
            return int(self._fs.info(self._full(path))['size'])
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list(self, folder: str) -> list[str]:
        """The names of the files directly in a folder, sorted; [] if there is no such folder."""
        try:
            entries = self._fs.ls(self._full(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(entry['name'].rsplit('/', 1)[-1] for entry in entries if entry['type'] == 'file')

    def delete(self, path: str) -> None:
        """Removes a file; it is no error if there is none."""
        try:
            self._fs.rm_file(self._full(path))
        except FileNotFoundError:
            return

    def _full(self, path: str) -> str:
        return f'{self._base.rstrip("/")}/{path}' if path else self._base

    def _create_local(self, target: str, content: bytes) -> bool:
        if os.path.exists(target):  # noqa: PTH110 - spares a temporary file for a claim that is long lost
            return False
        temporary = self._write_temporary(target, content)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)  # noqa: PTH108
        return True

    def _write_temporary(self, target: str, content: bytes) -> str:
        # Beside the target, because a rename across devices copies; in a folder of its own, so that a crash leaves
        # nothing among the images.
        folder = f'{self._base}/ledger/unfinished'
        temporary = f'{folder}/{os.getpid()}-{uuid.uuid4().hex}'
        try:
            Path(temporary).write_bytes(content)
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(temporary).write_bytes(content)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        return temporary
