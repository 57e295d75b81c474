"""Connections: the pools that `requests` keeps, for requests that are put together already.

Proxies and certificates are found by `requests`, once for each place that requests go to; the requests themselves go
straight to the pool of `urllib3` behind it. What a session does by itself must not happen here: it follows redirects
(turning POST into GET), takes credentials from `~/.netrc` in place of ours, and keeps cookies. And what it and its
adapter do for each request takes more time than the sending.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout

from beam_image_edit.transforms.clients.calls import HttpRequest

_SENT_BLOCK_BYTES = 256 * 1024


class Body:
    """A request's body that knows whether all of it was handed over to the connection.

    It goes in blocks, each with a time limit of its own: the socket's limit is for one block, however large it is.

    Args:
        request: the request whose body it is.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.is_sent = False

    def __len__(self) -> int:
        return len(self._request)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield from self._request.blocks(_SENT_BLOCK_BYTES)
        # Whoever asks for more than the last block has sent it.
        self.is_sent = True


class Connections:
    """A pool of connections that sends requests as they are; safe to share between threads.

    Proxies and certificates come from the environment.

    Args:
        connections: how many are kept open to one place.
        connect_timeout_s: seconds until a connection must stand, and for each block of a request.
        read_timeout_s: seconds until something comes.
    """

    def __init__(self, connections: int, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._session = requests.Session()
        self._adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._timeout = Timeout(connect=connect_timeout_s, read=read_timeout_s)
        self._headers = {name: str(value) for name, value in self._session.headers.items()}
        # A dict's single steps are safe between threads; at worst two of them find out the same.
        self._routes: dict[tuple[str, str], _Route] = {}

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Body | None = None
    ) -> BaseHTTPResponse:
        """Sends a request; the response is still to be read, and to be closed.

        Raises:
            ValueError: the address or a header can't be sent.
            urllib3.exceptions.HTTPError: there is no response.
            OSError: the same.
        """
        parts = urlsplit(url)
        place = parts.scheme, parts.netloc
        if place not in self._routes:
            self._routes[place] = self._find_route(url)
        route = self._routes[place]
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent['Content-Length'] = str(len(body))
        return route.pool.urlopen(
            method,
            route.beginning + (f'{parts.path or "/"}?{parts.query}' if parts.query else parts.path or '/'),
            body=body,  # type: ignore[arg-type]  # blocks of memory will do as well as bytes
            headers=sent,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Closes the idle connections."""
        self._adapter.close()

    def _find_route(self, url: str) -> '_Route':
        """The way to an address, by the environment's proxies and certificates."""
        request = requests.Request('POST', url).prepare()
        settings = self._session.merge_environment_settings(url, {}, None, None, None)
        proxies, verify, certificate = settings['proxies'], settings['verify'], settings['cert']
        pool: Any = self._adapter.get_connection_with_tls_context(request, verify, proxies, certificate)
        self._adapter.cert_verify(pool, url, verify, certificate)
        # A proxy for http is told the whole address.
        target = self._adapter.request_url(request, proxies)
        return _Route(pool, target.removesuffix(request.path_url))


@dataclass(frozen=True, slots=True)
class _Route:
    """The way to a place.

    Attributes:
        pool: connections to it, or to the proxy on the way.
        beginning: what comes before the path in what is asked for.
    """

    pool: HTTPConnectionPool
    beginning: str
