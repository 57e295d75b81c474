"""Input files: found by path, URL or glob, and read in ranges or as a stream.

Ranges are what lets many workers read one file. Some files have none: compressed ones, and those on web servers that
answer every request with the whole file. They are read from the beginning.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlsplit

import fsspec
import zstandard
from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem
from beam_image_edit.transforms.globs import explain_nothing, list_matches

_STREAM_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read.

    Attributes:
        url: where it is.
        size: in bytes; None for a file that can only be read from its beginning.
        storage_options: of file systems; see `file_systems`.
    """

    url: str
    size: int | None
    storage_options: StorageOptions | None = None

    @property
    def folder(self) -> str:
        """The path or URL of the folder that holds it.

        >>> InputFile('s3://bucket/rows.jsonl', 10).folder
        's3://bucket'
        """
        location = self.url.partition('?')[0] if _is_http(self.url) else self.url
        folder = location.rpartition('/')[0]
        return folder or '/'


def list_files(pattern: str, storage_options: StorageOptions | None = None) -> list[InputFile]:
    """The files that a path, a URL or a glob names, sorted by URL.

    Raises:
        ConfigurationError: there is no such file, it is a folder, or the place can't be reached.
    """
    file_system, path = open_filesystem(pattern, storage_options)
    try:
        found = list_matches(file_system, path)
        sizes = {name: entry.get('size') for name, entry in found.items() if entry['type'] == 'file'}
        files = [_to_file(file_system, name, size, storage_options) for name, size in sizes.items()]
    except Exception as error:  # each store's library has its own errors
        raise ConfigurationError(f'{pattern}: can not be listed: {error}') from error
    if not files:
        reason = 'it is a folder' if path in found else explain_nothing(pattern)
        raise ConfigurationError(f'{pattern}: {reason}; give the path or URL of a JSONL file, or a glob')
    return sorted(files, key=lambda file: file.url)


def read_bytes(file: InputFile, start: int, end: int) -> bytes:
    """The bytes of a file from `start` to before `end`, in one request.

    Raises:
        StorageError: the file is gone or shorter than it was when it was listed.
    """
    file_system, path = open_filesystem(file.url, file.storage_options)
    try:
        content: bytes = file_system.cat_file(path, start=start, end=end)  # s3fs has another argument before them
    except Exception as error:  # each store's library has its own errors
        raise _unreadable(file.url, error) from error
    if len(content) != end - start:
        raise StorageError(
            f'{file.url}: {len(content)} of bytes {start} to {end} came; it changed while it was read: run again'
        )
    return content


def stream_pieces(input_file: InputFile) -> Iterator[bytes]:
    """The whole of a file in small pieces, decompressed where its name ends with .gz or .zst.

    Raises:
        StorageError: the file is gone, damaged or cut off.
    """
    url = input_file.url
    file_system, path = open_filesystem(url, input_file.storage_options)
    # fsspec's HTTP files are read by ranges unless told not to be.
    settings = {'block_size': 0} if _is_http(url) else {}
    try:
        with file_system.open(path, 'rb', **settings) as file:
            raw = iter(lambda: file.read(_STREAM_BYTES), b'')
            suffix = _suffix(url)
            yield from _decompress(raw, _DECOMPRESSORS[suffix]) if suffix in _DECOMPRESSORS else raw
    except Exception as error:  # each store's library has its own errors, and so has each kind of compression
        raise _unreadable(url, error) from error


def _to_file(
    file_system: fsspec.AbstractFileSystem, name: str, size: int | None, storage_options: StorageOptions | None
) -> InputFile:
    url = name if isinstance(file_system, LocalFileSystem) else file_system.unstrip_protocol(name)
    is_whole = _is_compressed(url) or not _has_ranges(file_system, name, size)
    return InputFile(url, None if is_whole else size, storage_options)


def _has_ranges(file_system: fsspec.AbstractFileSystem, path: str, size: int | None) -> bool:
    if size is None:
        return False
    if not size:
        return True
    with file_system.open(path, 'rb') as file:
        try:
            file.seek(size - 1)
            return len(file.read(1)) == 1
        except ValueError:  # a web server that answers with the whole file
            return False


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _decompress(pieces: Iterable[bytes], begin: Callable[[], _Decompressor]) -> Iterator[bytes]:
    # Not by fsspec: its zstd reader ends without an error after the first of several frames, and at a cut-off one.
    decompressor = None
    for piece in pieces:
        rest = piece
        while rest:
            decompressor = decompressor or begin()
            yield decompressor.decompress(rest)
            if not decompressor.eof:
                break
            rest = decompressor.unused_data.lstrip(b'\0')  # gzip files may be padded
            decompressor = None
    if decompressor:
        raise EOFError('the compressed file is cut off')


def _unreadable(url: str, error: Exception) -> StorageError:
    is_gone = isinstance(error, FileNotFoundError)
    what = 'it is gone; leave input files where they are while the job runs' if is_gone else f'can not be read: {error}'
    return StorageError(f'{url}: {what}')


def _is_http(url: str) -> bool:
    return url.startswith(('http://', 'https://'))


def _suffix(url: str) -> str:
    return PurePosixPath(urlsplit(url).path if _is_http(url) else url).suffix.lower()


def _is_compressed(url: str) -> bool:
    return _suffix(url) in _DECOMPRESSORS


def _begin_gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _begin_zstandard() -> Any:
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {'.gz': _begin_gzip, '.zst': _begin_zstandard}
