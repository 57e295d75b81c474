"""Input pictures as rows name them: local paths, fsspec URLs, web addresses and `data:` URIs, read into bytes.

Whatever is wrong with one, the row that names it says so (`InvalidInput`) and the job goes on. The place is shortened
in these texts: a `data:` URI is a whole picture, and the query of a web address is often a signature.
"""

import base64
import re
import stat
import time
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import requests
import urllib3
from requests.adapters import HTTPAdapter

from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput
from beam_image_edit.transforms.storage import open_filesystem

_STANDARD_ALPHABET = bytes.maketrans(b'-_', b'+/')
_PIECE_BYTES = 256 * 1024
_MAX_REDIRECTS = 3
_MAX_IDLE_CONNECTIONS = 64
# What stores call the thing that changes with a file, the most exact first.
_STAMPS = ('ETag', 'etag', 'generation', 'LastModified', 'last_modified', 'updated', 'modified', 'mtime', 'created')


class InputReader:
    """Reads input pictures; one per process, shared by its threads.

    Args:
        max_bytes: what a picture's file may have; checked before reading where the size is known.
        connect_timeout_s: for the connection to a web server.
        read_timeout_s: for each piece of its answer, and for the answer as a whole.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        max_bytes: int = 100 * 1024 * 1024,
        connect_timeout_s: float = 30,
        read_timeout_s: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._clock = clock
        self._session = _AnonymousSession()

    def read(self, url: str) -> bytes:
        """The bytes that a path or URL names.

        Raises:
            InvalidInput: there is no such file, it can't be read, or it is too large.
        """
        try:
            return self._read(url)
        except _Unreadable as error:
            raise InvalidInput(f'{shorten(url)}: {error}') from error.__cause__

    def stamp(self, url: str) -> str | None:
        """Something that changes when the file does, told without reading it; None where nothing is known."""
        try:
            if _is_embedded(url) or _is_web(url):
                return None
            if (path := _find_local_path(url)) is not None:
                status = Path(path).stat()
                return f'{status.st_size}-{status.st_mtime_ns}' if stat.S_ISREG(status.st_mode) else None
            filesystem, path = open_filesystem(url)
            return _stamp_of(filesystem.info(path))
        except Exception:  # a stamp only saves time; what is wrong with the file, reading it will say
            return None

    def _read(self, url: str) -> bytes:
        if not url.strip():
            raise _Unreadable('the path of the picture is empty')
        if _is_embedded(url):
            self._check_size(len(url) * 3 // 4)
            return _read_embedded(url)
        if _is_web(url):
            return self._read_web(url)
        if (path := _find_local_path(url)) is not None:
            return self._read_local(path)
        return self._read_store(url)

    def _read_local(self, path: str) -> bytes:
        try:
            status = Path(path).stat()
            if stat.S_ISDIR(status.st_mode):
                raise _Unreadable('is a folder, not a file')
            if not stat.S_ISREG(status.st_mode):
                raise _Unreadable('is not a regular file')
            self._check_size(status.st_size)
            # What the kernel shows as an empty file, such as /proc/kmsg, may never end when it is read.
            return Path(path).read_bytes() if status.st_size else b''
        except (OSError, ValueError) as error:  # ValueError: no path can have a null byte or half a surrogate pair
            raise _Unreadable(_explain(error)) from error

    def _read_store(self, url: str) -> bytes:
        try:
            filesystem, path = open_filesystem(url)
            info = filesystem.info(path)
            if info['type'] == 'directory':
                raise _Unreadable('is a folder, not a file')
            self._check_size(info['size'] or 0)
            content: bytes = filesystem.cat_file(path)
        except _Unreadable:
            raise
        except ConfigurationError as error:
            raise _Unreadable(str(error).removeprefix(f'{url}: ')) from error
        except Exception as error:  # each store's library has its own errors
            raise _Unreadable(_explain(error)) from error
        self._check_size(len(content))
        return content

    def _read_web(self, url: str) -> bytes:
        deadline = self._clock() + self._timeouts_s[1]
        try:
            with self._session.get(url, timeout=self._timeouts_s, stream=True) as answer:
                if answer.status_code != requests.codes.ok:
                    raise _Unreadable(f'the server answered HTTP {answer.status_code} {answer.reason or ""}'.rstrip())
                self._check_size(int(answer.headers.get('Content-Length', 0)))
                return self._read_pieces(answer, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise _Unreadable(self._explain_web(error)) from error

    def _read_pieces(self, answer: requests.Response, deadline: float) -> bytes:
        content = bytearray()
        # read1 returns what has come; iter_content would wait for a full piece, for ever if a server drips.
        while piece := answer.raw.read1(_PIECE_BYTES, decode_content=True):
            content += piece
            self._check_size(len(content))
            if self._clock() > deadline:
                raise _Unreadable(f'could not be fetched within {self._timeouts_s[1]:g} s')
        return bytes(content)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise _Unreadable(f'is too large: {size:,} bytes, the limit is {self._max_bytes:,}')

    def _explain_web(self, error: Exception) -> str:
        # The libraries' own texts repeat the address with its query.
        match error:
            case requests.ConnectTimeout():
                return f'no connection within {self._timeouts_s[0]:g} s'
            case requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError():
                return f'no answer within {self._timeouts_s[1]:g} s'
            case requests.TooManyRedirects():
                return f'more than {_MAX_REDIRECTS} redirects'
            case urllib3.exceptions.ProtocolError():
                return 'the connection was closed before all of it had come'
        return f'could not be fetched ({type(error).__name__})'


def shorten(url: str) -> str:
    """A path or URL for an error text: readable, on one line, and without credentials.

    >>> shorten('https://me:secret@host/a.png?signature=secret')
    'https://host/a.png?…'
    >>> shorten('data:image/png;base64,' + 'A' * 5000)
    'data:image/png;base64,AAAAAAAAAAAAAAAAAA… (5,022 characters)'
    """
    if _is_embedded(url):
        return _make_printable(url if len(url) <= 40 else f'{url[:40]}… ({len(url):,} characters)')
    if _is_web(url):
        url = re.sub(r'//[^/?#]*@', '//', url, count=1)
        url = re.sub(r'\?.*', '?…', url, flags=re.DOTALL)
    return _make_printable(url if len(url) <= 200 else f'{url[:120]}…{url[-60:]}')


class _Unreadable(Exception):
    """Why an input can't be read, without its name."""


class _AnonymousSession(requests.Session):
    """A session that sends no credentials: none of ~/.netrc, none of the address, no cookies.

    Proxies and certificates still come from the environment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = _MAX_REDIRECTS
        # An authentication that adds nothing keeps requests from looking for one.
        self.auth = _add_nothing
        for scheme in ('http://', 'https://'):
            self.mount(scheme, HTTPAdapter(pool_maxsize=_MAX_IDLE_CONNECTIONS))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Leaves a redirected request as it is, where requests would look into ~/.netrc."""


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_embedded(url: str) -> bool:
    return url[:5].lower() == 'data:'


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(('http://', 'https://'))


def _find_local_path(url: str) -> str | None:
    """The local path that a path or `file:` URL names; None for any other URL."""
    scheme, found, rest = url.partition('://')
    if not found:
        return url
    if scheme.lower() != 'file':
        return None
    return unquote(rest.removeprefix('localhost'))


def _stamp_of(info: dict[str, Any]) -> str | None:
    known = next((info[name] for name in _STAMPS if info.get(name)), None)
    return None if known is None else f'{info.get("size")}-{known}'


def _read_embedded(url: str) -> bytes:
    header, comma, body = url[5:].partition(',')
    if not comma:
        raise _Unreadable('has no comma between its type and its content')
    try:
        content = unquote_to_bytes(body)
        return _decode_base64(content) if header.lower().rstrip().endswith(';base64') else content
    except ValueError as error:
        raise _Unreadable(f'its content can not be decoded: {error}') from error


def _decode_base64(encoded: bytes) -> bytes:
    """Decodes either alphabet, with or without padding and white space."""
    encoded = encoded.translate(_STANDARD_ALPHABET, b' \t\r\n\f\v').rstrip(b'=')
    return base64.b64decode(encoded + b'=' * (-len(encoded) % 4), validate=True)


def _explain(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return 'no such file' if error.filename else 'no such file or bucket'
        case IsADirectoryError():
            return 'is a folder, not a file'
        case PermissionError():
            return 'no permission to read it'
        case OSError(strerror=str(reason)):
            return reason
    return f'can not be read ({type(error).__name__}: {_make_printable(str(error)[:200])})'


def _make_printable(text: str) -> str:
    return ''.join(character if character.isprintable() else '\ufffd' for character in text)
