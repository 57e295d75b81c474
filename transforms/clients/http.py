"""One HTTP connection pool per process, on `requests`, for calls that take minutes and cost money.

What `requests` does by itself and must not here: it follows redirects (turning POST into GET), takes credentials from
`~/.netrc` in place of ours, and reads answers in pieces of 10 KB.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from beam_image_edit.transforms.clients.calls import HttpRequest, HttpResponse
from beam_image_edit.transforms.clients.classify import shorten
from beam_image_edit.transforms.clients.payloads import bad_image
from beam_image_edit.transforms.errors import ApiError

MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024
MAX_REDIRECTS = 3


class HeaderAuth(AuthBase):
    """Puts the key into headers; present even without a key, since only then `requests` leaves ~/.netrc alone."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the key's headers."""
        request.headers.update(self._headers)
        return request

    def __repr__(self) -> str:
        return f'HeaderAuth({", ".join(self._headers)})'


class HttpClient:
    """Sends requests through one pool of connections; safe to share between threads.

    Args:
        connections: how many are kept open, as many as calls are in flight.
        connect_timeout_s: seconds until a connection must stand.
        read_timeout_s: seconds that may pass without a byte of the answer.
    """

    def __init__(self, connections: int, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._timeout = (connect_timeout_s, read_timeout_s)
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0, pool_block=False)
        self._session.mount('https://', adapter)
        self._session.mount('http://', adapter)

    def post(self, request: HttpRequest, auth_headers: Mapping[str, str]) -> HttpResponse:
        """Sends one request and reads the whole answer, whatever its status.

        Raises:
            ApiError: there was no whole answer; `may_be_billed` unless the request can't have arrived.
        """
        with _as_api_errors():
            response = self._session.post(
                request.url,
                data=request.body,
                headers={'Content-Type': request.content_type},
                auth=HeaderAuth(auth_headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                return HttpResponse(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=_read_whole(response, MAX_ANSWER_BYTES),
                )

    def download(self, url: str, own_host: str) -> bytes:
        """Fetches an image that an answer names, without the key.

        https is taken from anywhere, http only from `own_host`, the API's own `host:port`.

        Raises:
            ApiError: not allowed, not there, or too large. The call that named it has been paid for.
        """
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme != 'https' and not (parts.scheme == 'http' and parts.netloc == own_host):
                raise _download_error(url, "only https, or http from the API's own host, is fetched")
            with _as_api_errors():
                response = self._session.get(
                    url, auth=HeaderAuth({}), timeout=self._timeout, allow_redirects=False, stream=True
                )
                with response:
                    if not response.is_redirect:
                        content = _read_whole(response, MAX_DOWNLOAD_BYTES)
                        if response.status_code != 200:
                            raise _download_error(url, f'HTTP {response.status_code}')
                        return content
                    url = urljoin(url, response.headers['location'])
        raise _download_error(url, f'more than {MAX_REDIRECTS} redirects')

    def close(self) -> None:
        """Closes the idle connections."""
        self._session.close()


def _read_whole(response: requests.Response, limit: int) -> bytes:
    # In one piece: `response.content` joins pieces of 10 KB, at four times the CPU.
    body = response.raw.read(limit + 1, decode_content=True)
    if len(body) > limit:
        raise ApiError('permanent', f'the answer has more than {limit} bytes', response.status_code, may_be_billed=True)
    return body


def _download_error(url: str, reason: str) -> ApiError:
    place = urlsplit(url)
    # Without its query, which may hold a signature.
    where = shorten(f'{place.scheme}://{place.hostname}{place.path}', 120)
    return bad_image(f"{where} can't be fetched: {reason}")


@contextmanager
def _as_api_errors() -> Iterator[None]:
    """Tells failures that can't have cost anything from those that may have."""
    try:
        yield
    except requests.exceptions.ConnectTimeout as error:
        raise ApiError('retry', 'the server did not accept a connection in time') from error
    except requests.exceptions.ReadTimeout as error:
        raise ApiError('retry', 'no answer within the read timeout', may_be_billed=True) from error
    except (requests.exceptions.ProxyError, requests.exceptions.SSLError) as error:
        raise ApiError('retry', f'no connection: {_cause_of(error)}') from error
    except requests.exceptions.ConnectionError as error:
        was_sent = not isinstance(getattr(error.args[0] if error.args else None, 'reason', None), _NEVER_SENT)
        raise ApiError('retry', f'connection lost: {_cause_of(error)}', may_be_billed=was_sent) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        is_request_at_fault = isinstance(error, ValueError) and not isinstance(
            error, requests.exceptions.ContentDecodingError
        )
        if is_request_at_fault:
            raise ApiError('permanent', f"the request can't be sent: {_cause_of(error)}") from error
        raise ApiError('retry', f'the answer was cut off: {_cause_of(error)}', may_be_billed=True) from error


_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError)


def _cause_of(error: Exception) -> str:
    return shorten(f'{type(error).__name__}: {error}', 200)
