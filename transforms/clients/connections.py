"""Connections: `requests` without its sessions, for requests that are put together already.

What a session does by itself must not happen here: it follows redirects (turning POST into GET), takes credentials from
`~/.netrc` in place of ours, and keeps cookies. And it looks through all of the environment for a proxy before each
request, which costs as much time as the sending. So the requests go to the session's own adapter, which has the pool of
connections, and the environment is read once for each place that they go to.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

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
        self._timeout = connect_timeout_s, read_timeout_s
        # A dict's single steps are safe between threads; at worst two of them find out the same.
        self._routes: dict[tuple[str, str], Mapping[str, Any]] = {}

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Body | None = None
    ) -> requests.Response:
        """Sends a request; the response is still to be read, and to be closed.

        Raises:
            ValueError: the address or a header can't be sent.
            requests.RequestException: there is no response.
            urllib3.exceptions.HTTPError: the same.
        """
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, None)
        request.prepare_headers({**self._session.headers, **(headers or {})})
        if body is not None:
            request.headers['Content-Length'] = str(len(body))
        request.body = body  # type: ignore[assignment]  # any iterable of bytes will do
        return self._adapter.send(request, stream=True, timeout=self._timeout, **self._find_route(request.url or url))

    def close(self) -> None:
        """Closes the idle connections."""
        self._adapter.close()

    def _find_route(self, url: str) -> Mapping[str, Any]:
        """The proxies and certificates for an address."""
        parts = urlsplit(url)
        place = parts.scheme, parts.netloc
        if place not in self._routes:
            settings = self._session.merge_environment_settings(url, {}, None, None, None)
            self._routes[place] = {name: settings[name] for name in ('proxies', 'verify', 'cert')}
        return self._routes[place]
