"""One HTTP connection pool per process, on `requests`, for calls that take minutes and cost money.

What `requests` does by itself and must not here: it follows redirects (turning POST into GET), takes credentials from
`~/.netrc` in place of ours, keeps cookies, waits for an answer that drips for ever, and reads it in pieces of 10 KB.

A failure before all of the request was handed over costs nothing. One after that may have been billed, whatever it is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from beam_image_edit.transforms.clients.calls import HttpRequest, HttpResponse
from beam_image_edit.transforms.clients.error_bodies import MAX_ERROR_BYTES
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.errors import ApiError

MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024
MAX_REDIRECTS = 3

_SENT_BLOCK_BYTES = 256 * 1024
_READ_PIECE_BYTES = 256 * 1024
_DOWNLOAD_RETRY_DELAYS_S = (0.2, 1.0)
_PASSING_STATUSES = frozenset({408, 425, 429})
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_TIMEOUTS = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)


class HttpClient:
    """Sends requests through one pool of connections; safe to share between threads.

    Args:
        connections: how many are kept open, as many as calls are in flight.
        connect_timeout_s: seconds until a connection must stand, and for each block of a request.
        read_timeout_s: seconds until an answer begins, and from there until it is whole.
        clock: monotonic seconds.
        sleep: waits between the tries of a download.
    """

    def __init__(
        self,
        connections: int,
        connect_timeout_s: float,
        read_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._timeout = (connect_timeout_s, read_timeout_s)
        self._clock = clock
        self._sleep = sleep
        self._session = _PlainSession(connections)

    def post(self, request: HttpRequest, auth_headers: Mapping[str, str]) -> HttpResponse:
        """Sends one request and reads the answer, whatever its status.

        Raises:
            ApiError: there was no whole answer; `may_be_billed` unless the request can't have arrived.
        """
        body = _Body(request.body)
        try:
            with self._session.post(
                request.url,
                data=body,
                headers={'Content-Type': request.content_type},
                auth=_HeaderAuth(auth_headers),
                timeout=self._timeout,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if 200 <= response.status_code < 300:
                    return HttpResponse(response.status_code, headers, self._read_whole(response, MAX_ANSWER_BYTES))
                # Of an error the status counts, even if the rest is cut off.
                return HttpResponse(response.status_code, headers, self._read_beginning(response, MAX_ERROR_BYTES))
        except ValueError as error:
            # Not with its cause: its text repeats what it does not like, which may be the key.
            raise self._explain(error, body.is_sent) from None
        except _FAILURES as error:
            raise self._explain(error, body.is_sent) from error

    def download(self, url: str, own_host: str) -> bytes:
        """Fetches an image that an answer names, without the key.

        https is taken from anywhere, http only from `own_host`, the API's own `host:port`. What may pass is tried
        three times, because the call has been paid for.

        Raises:
            ApiError: `permanent`: not allowed or not there; `bad_image`: too large.
        """
        for delay_s in (*_DOWNLOAD_RETRY_DELAYS_S, None):
            try:
                return self._follow(url, own_host)
            except ValueError as error:
                raise _not_fetched(url, f'no address, or no HTTP there ({type(error).__name__})') from error
            except requests.HTTPError as error:
                failure = _not_fetched(url, str(error))
            except _FAILURES as error:
                failure = _not_fetched(url, self._explain(error, is_sent=True).message)
            if delay_s is not None:
                self._sleep(delay_s)
        raise failure

    def close(self) -> None:
        """Closes the idle connections."""
        self._session.close()

    def _follow(self, url: str, own_host: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme != 'https' and not (parts.scheme == 'http' and parts.netloc.lower() == own_host.lower()):
                raise _not_fetched(url, "only https, or http from the API's own host, is fetched")
            with self._session.get(url, auth=_HeaderAuth({}), timeout=self._timeout, stream=True) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers['location'])
                    continue
                if response.status_code >= 500 or response.status_code in _PASSING_STATUSES:
                    raise requests.HTTPError(f'HTTP {response.status_code}')
                if not 200 <= response.status_code < 300:
                    raise _not_fetched(url, f'HTTP {response.status_code}')
                return self._read_whole(response, MAX_DOWNLOAD_BYTES)
        raise _not_fetched(url, f'more than {MAX_REDIRECTS} redirects')

    def _read_whole(self, response: requests.Response, limit: int) -> bytes:
        pieces, size = [], 0
        for piece in self._read_pieces(response):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                message = f'the answer has more than {limit:,} bytes, the most that is read'
                raise ApiError('bad_image', message, response.status_code, may_be_billed=True)
        return b''.join(pieces)

    def _read_beginning(self, response: requests.Response, limit: int) -> bytes:
        beginning = bytearray()
        with suppress(*_FAILURES):
            for piece in self._read_pieces(response):
                beginning += piece
                if len(beginning) >= limit:
                    break
        return bytes(beginning[:limit])

    def _read_pieces(self, response: requests.Response) -> Iterator[bytes]:
        # read1 returns what has come; anything else waits for a full piece, for ever if a server drips.
        deadline = self._clock() + self._timeout[1]
        while piece := response.raw.read1(_READ_PIECE_BYTES, decode_content=True):
            yield piece
            if self._clock() > deadline:
                raise requests.ReadTimeout

    def _explain(self, error: Exception, is_sent: bool) -> ApiError:
        if isinstance(error, requests.ConnectTimeout):
            return ApiError('retry', f'no connection within {self._timeout[0]:g} s')
        if isinstance(error, ValueError) and not is_sent:
            what = f"the request can't be sent ({type(error).__name__}); check DF_BASE_URL and DF_API_KEY"
            return ApiError('permanent', what)
        if not is_sent:
            return ApiError('retry', f'no connection that takes the request: {_find_cause(error)}')
        if isinstance(error, _TIMEOUTS):
            return ApiError('retry', f'no whole answer within {self._timeout[1]:g} s', may_be_billed=True)
        return ApiError('retry', f'the answer was lost: {_find_cause(error)}', may_be_billed=True)


class _Body:
    """A request's body that knows whether all of it was handed over to the connection.

    It goes in blocks, each with a time limit of its own: the socket's limit is for one block, however large it is.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.is_sent = False

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self), _SENT_BLOCK_BYTES):
            yield self._content[start : start + _SENT_BLOCK_BYTES]
        # Whoever asks for more than the last block has sent it.
        self.is_sent = True


class _PlainSession(requests.Session):
    """A session that follows no redirects and keeps no cookies; proxies and certificates come from the environment."""

    def __init__(self, connections: int) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self.mount('https://', adapter)
        self.mount('http://', adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: a redirect is an answer like any other, and its body is read within the limits for answers."""


class _HeaderAuth(AuthBase):
    """Puts the key into headers; present even without a key, since only then `requests` leaves ~/.netrc alone."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


def _not_fetched(url: str, reason: str) -> ApiError:
    # Without user and query, which may hold a password and a signature.
    where = url.partition('?')[0].rpartition('@')[2]
    # Not to be tried again: the next answer's image would be just as far away, and be paid for.
    return ApiError(
        'permanent', f"the answer's image {shorten(where, 120)} can't be fetched: {reason}", 200, None, None, True
    )


def _find_cause(error: BaseException) -> str:
    """The first of a chain of errors, which names the reason where the others name the library's layers."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return shorten(f'{type(error).__name__}: {error}', 200)
