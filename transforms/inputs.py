"""Input pictures as rows name them: local paths, fsspec URLs, web addresses and `data:` URIs, read into bytes.

Whatever is wrong with one, the row that names it says so (`InvalidInput`) and the job goes on. The place is shortened
in these texts: a `data:` URI is a whole picture, and the query of a web address is often a signature.
"""

import base64
import os
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import fsspec

from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem
from beam_image_edit.transforms.json_text import escape_invisible
from beam_image_edit.transforms.local_inputs import (
    check_size,
    explain,
    read_local,
    resolve_image_root,
    stamp_local,
)
from beam_image_edit.transforms.web_inputs import WebReader

_STANDARD_ALPHABET = bytes.maketrans(b'-_', b'+/')
# What stores call the thing that changes with a file, the most exact first.
_STAMPS = ('ETag', 'etag', 'generation', 'LastModified', 'last_modified', 'updated', 'modified', 'mtime', 'created')
# Where nothing local can be reached from.
_REMOTE_PROTOCOLS = frozenset(('s3', 's3a', 'gs', 'gcs', 'abfs', 'abfss', 'az'))


class InputReader:
    """Reads input pictures; one per process, shared by its threads.

    Args:
        max_bytes: what a picture's file may have; checked before reading where the size is known.
        connect_timeout_s: for the connection to a web server.
        read_timeout_s: for each piece of its answer, and for the answer as a whole.
        clock: monotonic seconds.
        image_root: the folder below which local files must lie, links resolved; of other places only `data:` URIs, the
            web, S3, GCS and Azure are then read, since many of fsspec's protocols reach local files. None: any place.
        storage_options: of file systems; see `file_systems`.
        sleep: waits between the tries of what comes from the web.

    Raises:
        ConfigurationError: the image root is not a folder.
    """

    def __init__(
        self,
        max_bytes: int = 100 * 1024 * 1024,
        connect_timeout_s: float = 30,
        read_timeout_s: float = 300,
        clock: Callable[[], float] = time.monotonic,
        image_root: str | None = None,
        storage_options: StorageOptions | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._max_bytes = max_bytes
        self._storage_options = storage_options
        self._web = WebReader(max_bytes, connect_timeout_s, read_timeout_s, clock, sleep)
        self._image_root = None if image_root is None else resolve_image_root(image_root)

    def read(self, url: str) -> bytes:
        """The bytes that a path or URL names.

        Raises:
            InvalidInput: there is no such file, it can't be read, may not be read, or is too large.
        """
        try:
            return self._read(url)
        except InvalidInput as error:
            raise InvalidInput(f'{shorten(url)}: {escape_invisible(str(error))}') from error.__cause__

    def stamp(self, url: str) -> str | None:
        """Something that changes when the file does, told without reading it; None where nothing is known."""
        try:
            if _is_embedded(url) or _is_web(url):
                return None
            if (path := _find_local_path(url)) is not None:
                return stamp_local(path, self._image_root)
            self._check_place(url)
            filesystem, path = open_filesystem(url, self._storage_options)
            return _stamp_of(filesystem.info(path))
        except Exception:  # a stamp only saves time; what is wrong with the file, reading it will say
            return None

    def size(self, url: str) -> int:
        """How many bytes a file has; 0 where that is not known before it is read."""
        if _is_embedded(url):
            return len(url) * 3 // 4
        try:
            path = None if _is_web(url) else _find_local_path(url)
            return os.stat(path).st_size if path is not None else 0  # noqa: PTH116
        except (OSError, ValueError):  # reading it will say what is wrong
            return 0

    def _read(self, url: str) -> bytes:
        if not url.strip():
            raise InvalidInput('the path of the picture is empty')
        if _is_embedded(url):
            check_size(len(url) * 3 // 4, self._max_bytes)
            return _read_embedded(url)
        if _is_web(url):
            return self._web.read(url)
        if (path := _find_local_path(url)) is not None:
            return read_local(path, self._max_bytes, self._image_root)
        self._check_place(url)
        try:
            return self._read_store(url)
        except InvalidInput:
            raise
        except ConfigurationError as error:
            raise InvalidInput(str(error).removeprefix(f'{url}: ')) from error
        except Exception as error:  # each store's library has its own errors
            raise InvalidInput(explain(error)) from error

    def _read_store(self, url: str) -> bytes:
        filesystem, path = open_filesystem(url, self._storage_options)
        info = filesystem.info(path)
        if info['type'] != 'file':
            raise InvalidInput('is a folder, not a file' if info['type'] == 'directory' else 'is not a regular file')
        size = info['size']
        if size == 0:  # fsspec reads local files too, and some that seem to be empty never end
            return b''
        if size is None:
            with filesystem.open(path, 'rb') as file:
                content: bytes = file.read(self._max_bytes + 1)
        else:
            check_size(size, self._max_bytes)
            content = filesystem.cat_file(path)
        check_size(len(content), self._max_bytes)
        return content

    def _check_place(self, url: str) -> None:
        if self._image_root is None:
            return
        protocol = fsspec.utils.get_protocol(url)
        if protocol not in _REMOTE_PROTOCOLS or '::' in url:
            raise InvalidInput(
                f'with --image_root only files below it and data:, http, s3, gs and abfs URLs are read, got {protocol}'
            )


def shorten(url: str) -> str:
    """A path or URL for an error text: readable, on one line, and without credentials.

    >>> shorten('https://me:secret@host/a.png?signature=secret')
    'https://host/a.png?…'
    >>> shorten('ftp://me:secret@host/a.png'), shorten('abfs://box@account.dfs.core.windows.net/a.png')
    ('ftp://host/a.png', 'abfs://box@account.dfs.core.windows.net/a.png')
    >>> shorten('data:image/png;base64,' + 'A' * 5000)
    'data:image/png;base64,AAAAAAAAAAAAAAAAAA… (5,022 characters)'
    """
    if _is_embedded(url):
        return escape_invisible(url) if len(url) <= 40 else f'{escape_invisible(url[:40])}… ({len(url):,} characters)'
    if _is_web(url):
        url = re.sub(r'//[^/?#]*@', '//', url, count=1)
        url = re.sub(r'\?.*', '?…', url, flags=re.DOTALL)
    url = re.sub(r'://[^/?#@]*:[^/?#@]*@', '://', url)  # but not the container that an Azure URL has there
    url = escape_invisible(url)
    return url if len(url) <= 200 else f'{url[:120]}…{url[-60:]}'


def _is_embedded(url: str) -> bool:
    return url[:5].lower() == 'data:'


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(('http://', 'https://'))


def _find_local_path(url: str) -> str | None:
    """The local path that a path or `file:` URL names; None for any other URL."""
    scheme, found, rest = url.partition('://')
    if not found:
        return url
    if scheme.lower() not in ('file', 'local'):
        return None
    return unquote(rest.removeprefix('localhost'))


def _stamp_of(info: dict[str, Any]) -> str | None:
    known = next((info[name] for name in _STAMPS if info.get(name)), None)
    return None if known is None else f'{info.get("size")}-{known}'


def _read_embedded(url: str) -> bytes:
    header, comma, body = url[5:].partition(',')
    if not comma:
        raise InvalidInput('has no comma between its type and its content')
    try:
        content = unquote_to_bytes(body)
        return _decode_base64(content) if header.lower().rstrip().endswith(';base64') else content
    except ValueError as error:
        raise InvalidInput(f'its content can not be decoded: {error}') from error


def _decode_base64(encoded: bytes) -> bytes:
    """Decodes either alphabet, with or without padding and white space."""
    encoded = encoded.translate(_STANDARD_ALPHABET, b' \t\r\n\f\v').rstrip(b'=')
    return base64.b64decode(encoded + b'=' * (-len(encoded) % 4), validate=True)
