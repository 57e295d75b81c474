"""A client: one API format, one place and one key, with the connections that a process has to it."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from beam_image_edit.transforms.api_keys import redact
from beam_image_edit.transforms.clients.calls import Answer, ApiFormat, Call, HttpRequest
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.clients.payloads import unreadable
from beam_image_edit.transforms.errors import ApiError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, in which format, and with which key."""

    format: ApiFormat
    format_name: str
    base_url: str
    key: str

    def __repr__(self) -> str:
        return f'Endpoint({self.format_name}, {self.base_url})'


class ApiClient:
    """Sends calls to an endpoint; safe to share between threads. No text that it gives holds the key.

    Args:
        endpoint: where calls go.
        http: the connections.
    """

    def __init__(self, endpoint: Endpoint, http: HttpClient) -> None:
        self.endpoint = endpoint
        self._http = http

    def to_request(self, call: Call) -> HttpRequest:
        """A call in the format's words, to be sent as often as it takes."""
        return self.endpoint.format.to_request(call, self.endpoint.base_url)

    def send(self, request: HttpRequest) -> Answer | ApiError:
        """Sends a request once; the answer, or why there is none. Raises nothing."""
        endpoint = self.endpoint
        try:
            response = self._http.post(request, endpoint.format.auth_headers(endpoint.key))
            return endpoint.format.parse_response(response, self._download).with_texts(self._without_key)
        except ApiError as error:
            failure = error
        except Exception as error:  # an answer of a shape that nobody foresaw has been paid for all the same
            failure = unreadable(f'{type(error).__name__}: {error}')
        # A copy has no traceback, which would keep request and answer in memory while the call waits for its next try.
        return replace(
            failure,
            message=self._without_key(failure.message),
            request_id=failure.request_id and self._without_key(failure.request_id),
        )

    def _without_key(self, text: str) -> str:
        return redact(text, self.endpoint.key)

    def _download(self, url: str) -> bytes:
        return self._http.download(url, own_host=urlsplit(self.endpoint.base_url).netloc)
