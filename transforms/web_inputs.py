"""Input pictures from web servers, which may be slow, lie, or never end.

Every wait and every size is bounded: connecting, the headers as a whole, the answer as a whole, what it unpacks to, and
the redirects, whose bodies nobody reads. What may pass is tried three times. No credentials are sent: none of ~/.netrc,
none of the address, no cookies.

Every error is an InvalidInput that says what is wrong, without the address and its query.
"""

import socket
import threading
import time
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from beam_image_edit.transforms.errors import InvalidInput, find_cause
from beam_image_edit.transforms.fetches import TRIES, PassingFailure, fetch_patiently, may_pass
from beam_image_edit.transforms.local_inputs import check_size

_PIECE_BYTES = 256 * 1024
_MAX_REDIRECTS = 3
_MAX_IDLE_CONNECTIONS = 64


class WebReader:
    """Reads pictures from web servers; safe to share between threads.

    Args:
        max_bytes: what a picture may have.
        connect_timeout_s: seconds until a connection stands.
        read_timeout_s: seconds until the headers have come, and from the beginning of a try until all has.
        clock: monotonic seconds.
        sleep: waits between the tries.
    """

    def __init__(
        self,
        max_bytes: int,
        connect_timeout_s: float,
        read_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._clock = clock
        self._sleep = sleep
        self._session = _AnonymousSession()

    def read(self, url: str) -> bytes:
        """The bytes at an address.

        Raises:
            InvalidInput: they could not be fetched, or are too many.
        """
        try:
            return fetch_patiently(lambda: self._fetch(url), self._sleep)
        except PassingFailure as error:
            raise InvalidInput(f'{error} (tried {TRIES} times)') from error.__cause__

    def _fetch(self, url: str) -> bytes:
        deadline = self._clock() + self._timeouts_s[1]
        try:
            return self._follow(url, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            kind = PassingFailure if _is_passing(error) else InvalidInput
            raise kind(self._explain(error)) from error

    def _follow(self, url: str, deadline: float) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            with self._session.get(url, timeout=self._timeouts_s, stream=True) as answer:
                next_url = self._session.find_next_url(answer)
                if next_url is None:
                    return self._read_answer(answer, deadline)
                url = next_url
        raise InvalidInput(f'more than {_MAX_REDIRECTS} redirects')

    def _read_answer(self, answer: requests.Response, deadline: float) -> bytes:
        if answer.status_code != requests.codes.ok:
            kind = PassingFailure if may_pass(answer.status_code) else InvalidInput
            raise kind(f'the server answered HTTP {answer.status_code} {answer.reason or ""}'.rstrip())
        check_size(int(answer.headers.get('Content-Length', 0)), self._max_bytes)
        content = bytearray()
        # read1 returns what has come; iter_content would wait for a full piece, for ever if a server drips.
        while piece := answer.raw.read1(_PIECE_BYTES, decode_content=True):
            content += piece
            check_size(len(content), self._max_bytes)
            if self._clock() > deadline:
                raise InvalidInput(f'could not be fetched within {self._timeouts_s[1]:g} s')
        return bytes(content)

    def _explain(self, error: Exception) -> str:
        # The libraries' own texts repeat the address with its query.
        match error:
            case requests.ConnectTimeout():
                return f'no connection within {self._timeouts_s[0]:g} s'
            case requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError():
                return f'no answer within {self._timeouts_s[1]:g} s'
            case urllib3.exceptions.ProtocolError():
                return 'the connection was closed before all of it had come'
        cause = find_cause(error)
        if isinstance(cause, OSError) and cause.strerror:
            return f'could not be fetched: {cause.strerror}'
        return f'could not be fetched ({type(error).__name__})'


def _is_passing(error: Exception) -> bool:
    """Whether a connection failed in a way that the next one may not.

    One that was too slow for all the time that it had would only be so again, and keep a thread for as long.
    """
    match error:
        case requests.Timeout() | urllib3.exceptions.ReadTimeoutError():
            return False
        case urllib3.exceptions.ProtocolError():
            return True
    cause = find_cause(error)
    is_name_server_away = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN
    return isinstance(cause, ConnectionError) or is_name_server_away


class _AnonymousSession(requests.Session):
    """A session that sends no credentials and follows no redirects by itself.

    Proxies and certificates still come from the environment.
    """

    def __init__(self) -> None:
        super().__init__()
        # An authentication that adds nothing keeps requests from looking for one.
        self.auth = _add_nothing
        for scheme in ('http://', 'https://'):
            self.mount(scheme, _PunctualAdapter(pool_maxsize=_MAX_IDLE_CONNECTIONS))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests would read all of the body of a redirect before it follows it."""

    def find_next_url(self, answer: requests.Response) -> str | None:
        """Where a redirect leads; None if the answer is none."""
        target = super().get_redirect_target(answer)
        return None if target is None else urljoin(answer.url, target)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _PunctualConnection(HTTPConnection):
    """A connection whose timeout bounds the wait for all headers, not for each piece of them."""

    def getresponse(self) -> Any:
        """The answer, once its headers have come.

        Raises:
            TimeoutError: they have not.
        """
        hung_up = threading.Event()
        connected = self.sock

        def hang_up() -> None:
            hung_up.set()
            connected.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self.timeout or 0, hang_up)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if hung_up.is_set():
                # To http.client headers that break off look complete.
                raise TimeoutError('the headers have not come in time')


class _PunctualSecureConnection(_PunctualConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _PunctualConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _PunctualSecureConnection


class _PunctualAdapter(HTTPAdapter):
    """Makes connections that keep their time, with and without a proxy."""

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        super().init_poolmanager(*arguments, **settings)
        _use_punctual_connections(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **settings: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **settings)
        _use_punctual_connections(manager)
        return manager


def _use_punctual_connections(manager: Any) -> None:
    manager.pool_classes_by_scheme = {'http': _Pool, 'https': _SecurePool}
