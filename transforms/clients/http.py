"""HTTP for calls that take minutes and cost money: sent as they are, answered within a limit of time and of size.

What HTTP libraries do by themselves and must not here: they wait for an answer that drips for ever, and read it in
small pieces.

A failure before all of the request was handed over costs nothing. One after that may have been billed, whatever it is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from beam_image_edit.transforms.clients.calls import HttpRequest, HttpResponse
from beam_image_edit.transforms.clients.connections import Body, Connections
from beam_image_edit.transforms.clients.error_bodies import MAX_ERROR_BYTES
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.errors import ApiError, find_cause
from beam_image_edit.transforms.fetches import PassingFailure, fetch_patiently, may_pass

MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024
MAX_REDIRECTS = 3

_READ_PIECE_BYTES = 256 * 1024
# What is believed of an answer's own word on its length, before it has come.
_MAX_RESERVED_BYTES = 16 * 1024 * 1024
# What `requests` raises about proxies is an OSError.
_FAILURES = (HTTPError, OSError)

MakeRoom = Callable[[int], None]


class _DrippingAnswer(HTTPError):
    """An answer keeps coming, and is not whole in time."""


def there_is_room(_: int) -> None:
    """There is room for as many bytes as anybody wants."""


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
        self._connections = Connections(connections, connect_timeout_s, read_timeout_s)

    def post(
        self, request: HttpRequest, auth_headers: Mapping[str, str], make_room: MakeRoom = there_is_room
    ) -> HttpResponse:
        """Sends one request and reads the answer, whatever its status.

        Args:
            request: what to send.
            auth_headers: the key.
            make_room: called with the bytes of the answer before they are read, as far as they are known; may wait.

        Raises:
            ApiError: there was no whole answer; `may_be_billed` unless the request can't have arrived.
        """
        body = Body(request)
        try:
            sent_headers = {'Content-Type': request.content_type, **auth_headers}
            with self._connections.send('POST', request.url, sent_headers, body) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if 200 <= response.status < 300:
                    return HttpResponse(
                        response.status, headers, self._read_whole(response, MAX_ANSWER_BYTES, make_room)
                    )
                # Of an error the status counts, even if the rest is cut off.
                return HttpResponse(response.status, headers, self._read_beginning(response, MAX_ERROR_BYTES))
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
        try:
            return fetch_patiently(lambda: self._fetch(url, own_host), self._sleep)
        except PassingFailure as error:
            raise _not_fetched(url, str(error)) from error.__cause__

    def close(self) -> None:
        """Closes the idle connections."""
        self._connections.close()

    def _fetch(self, url: str, own_host: str) -> bytes:
        try:
            return self._follow(url, own_host)
        except ValueError as error:
            raise _not_fetched(url, f'no address, or no HTTP there ({type(error).__name__})') from error
        except _FAILURES as error:
            raise PassingFailure(self._explain(error, is_sent=True).message) from error

    def _follow(self, url: str, own_host: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme != 'https' and not (parts.scheme == 'http' and parts.netloc.lower() == own_host.lower()):
                raise _not_fetched(url, "only https, or http from the API's own host, is fetched")
            with self._connections.send('GET', url) as response:
                if target := response.get_redirect_location():
                    url = urljoin(url, target)
                    continue
                if may_pass(response.status):
                    raise PassingFailure(f'HTTP {response.status}')
                if not 200 <= response.status < 300:
                    raise _not_fetched(url, f'HTTP {response.status}')
                return bytes(self._read_whole(response, MAX_DOWNLOAD_BYTES))
        raise _not_fetched(url, f'more than {MAX_REDIRECTS} redirects')

    def _read_whole(self, response: BaseHTTPResponse, limit: int, make_room: MakeRoom = there_is_room) -> bytearray:
        # Joining the pieces of an answer at its end would take its memory twice.
        whole = bytearray(min(_told_bytes(response), _MAX_RESERVED_BYTES))
        size = 0
        for piece in self._read_pieces(response, make_room):
            if size + len(piece) <= len(whole):
                memoryview(whole)[size : size + len(piece)] = piece
            else:  # more than was told, as of an answer that came compressed, or in chunks
                del whole[size:]
                whole += piece
            size += len(piece)
            if size > limit:
                message = f'the answer has more than {limit:,} bytes, the most that is read'
                raise ApiError('bad_image', message, response.status, may_be_billed=True)
        del whole[size:]
        return whole

    def _read_beginning(self, response: BaseHTTPResponse, limit: int) -> bytes:
        beginning = bytearray()
        with suppress(*_FAILURES):
            for piece in self._read_pieces(response):
                beginning += piece
                if len(beginning) >= limit:
                    break
        return bytes(beginning[:limit])

    def _read_pieces(self, response: BaseHTTPResponse, make_room: MakeRoom = there_is_room) -> Iterator[bytes]:
        room, size = min(_told_bytes(response), _MAX_RESERVED_BYTES), 0
        make_room(room)
        # read1 returns what has come; anything else waits for a full piece, for ever if a server drips.
        deadline = self._clock() + self._timeout[1]
        while piece := response.read1(_READ_PIECE_BYTES, decode_content=True):
            yield piece
            size += len(piece)
            if self._clock() > deadline:
                raise _DrippingAnswer
            if size + _READ_PIECE_BYTES > room:
                began = self._clock()
                make_room(size + _READ_PIECE_BYTES)
                deadline += self._clock() - began

    def _explain(self, error: Exception, is_sent: bool) -> ApiError:
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            return ApiError('retry', f'no connection within {self._timeout[0]:g} s')
        if isinstance(error, ValueError) and not is_sent:
            what = f"the request can't be sent ({type(error).__name__}); check DF_BASE_URL and DF_API_KEY"
            return ApiError('permanent', what)
        if not is_sent:
            return ApiError('retry', f'no connection that takes the request: {_describe_cause(error)}')
        if isinstance(error, ReadTimeoutError | _DrippingAnswer):
            return ApiError('retry', f'no whole answer within {self._timeout[1]:g} s', may_be_billed=True)
        return ApiError('retry', f'the answer was lost: {_describe_cause(error)}', may_be_billed=True)


def _told_bytes(response: BaseHTTPResponse) -> int:
    told = response.headers.get('content-length', '')
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else 0


def _not_fetched(url: str, reason: str) -> ApiError:
    # Without user and query, which may hold a password and a signature.
    where = url.partition('?')[0].rpartition('@')[2]
    # Not to be tried again: the next answer's image would be just as far away, and be paid for.
    return ApiError(
        'permanent', f"the answer's image {shorten(where, 120)} can't be fetched: {reason}", 200, None, None, True
    )


def _describe_cause(error: BaseException) -> str:
    cause = find_cause(error)
    return shorten(f'{type(cause).__name__}: {cause}', 200)
