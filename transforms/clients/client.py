"""A client: one API format, one place and one key, with the connections that a process has to it."""

import logging
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from beam_image_edit.transforms.api_keys import redact
from beam_image_edit.transforms.clients.calls import Answer, ApiFormat, Call, HttpRequest
from beam_image_edit.transforms.clients.http import HttpClient, MakeRoom, there_is_room
from beam_image_edit.transforms.clients.payloads import unreadable
from beam_image_edit.transforms.errors import ApiError

# The HTTP library logs each address that it calls, and header lines that it can't read.
_TALKATIVE_LOGGERS = ('urllib3.connection', 'urllib3.connectionpool')
# A shorter key, which is no secret, is found by chance in the random characters of a signature.
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, in which format, and with which key."""

    format: ApiFormat
    format_name: str
    base_url: str
    key: str = field(repr=False)

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
        for name in _TALKATIVE_LOGGERS:
            logging.getLogger(name).addFilter(_KeyFilter(endpoint.key))

    def to_request(self, call: Call) -> HttpRequest:
        """A call in the format's words, to be sent as often as it takes."""
        return self.endpoint.format.to_request(call, self.endpoint.base_url)

    def send(self, request: HttpRequest, make_room: MakeRoom = there_is_room) -> Answer | ApiError:
        """Sends a request once; the answer, or why there is none. Raises nothing.

        Args:
            request: what to send.
            make_room: as for `HttpClient.post`.
        """
        endpoint = self.endpoint
        try:
            response = self._http.post(request, endpoint.format.auth_headers(endpoint.key), make_room)
            answer = endpoint.format.parse_response(response, self._download)
            return answer.with_texts(self._without_key, has_signatures=len(endpoint.key) >= _SHORTEST_SECRET)
        except ApiError as error:
            return self._describe(error, request)
        except Exception as error:  # an answer of a shape that nobody foresaw has been paid for all the same
            return self._describe(unreadable(f'{type(error).__name__}: {error}'), request)

    def _describe(self, error: ApiError, request: HttpRequest) -> ApiError:
        """A copy without the key, and without the traceback: that holds the answer, however long the call waits."""
        # Only the rows that go to such an address can fail for it.
        is_own = error.kind == 'fatal' and error.status == 404 and not request.is_on_every_server
        return replace(
            error,
            kind='permanent' if is_own else error.kind,
            message=self._without_key(error.message),
            request_id=error.request_id and self._without_key(error.request_id),
        )

    def _without_key(self, text: str) -> str:
        return redact(text, self.endpoint.key)

    def _download(self, url: str) -> bytes:
        return self._http.download(url, own_host=urlsplit(self.endpoint.base_url).netloc)


@dataclass(frozen=True, slots=True)
class _KeyFilter(logging.Filter):
    """Takes the key out of what is logged; equal for equal keys, so that a logger has it once."""

    key: str = field(repr=False)

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record, without the traceback, whose texts are the server's too; it is always logged."""
        record.msg, record.args = redact(record.getMessage(), self.key), None
        record.exc_info = record.exc_text = None
        return True
