"""Error bodies: what an answer says went wrong, whichever of a dozen shapes it has.

Gemini writes `{"error": {"code": 429, "status": …, "details": […]}}`, sometimes in a list; OpenAI `{"error": {"code":
…, "type": …}}`; FastAPI `{"detail": …}`; the LiteLLM proxy the HTTP status as the code, with the API's own error
inside the message; others a bare string, a plain text or a page of HTML.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beam_image_edit.transforms.clients.messages import MAX_READ_CHARACTERS, read_page, shorten

# An error needs no more; what is longer is taken for a text and its beginning is read.
MAX_ERROR_BYTES = 1024 * 1024
_MESSAGE_NAMES = ('message', 'msg', 'detail', 'error', 'description', 'error_description', 'title')
_STATUS_OF_CODE = {
    'INVALID_ARGUMENT': 400,
    'FAILED_PRECONDITION': 400,
    'UNAUTHENTICATED': 401,
    'PERMISSION_DENIED': 403,
    'NOT_FOUND': 404,
    'RESOURCE_EXHAUSTED': 429,
    'rate_limit_exceeded': 429,
    'slow_down': 429,
    'CANCELLED': 499,
    'INTERNAL': 500,
    'server_error': 500,
    'UNAVAILABLE': 503,
    'DEADLINE_EXCEEDED': 504,
}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says.

    Attributes:
        message: for people, one short line; empty if it says nothing.
        text: the message as it came, or its beginning.
        words: all that may tell what kind of error it is: codes, message and details.
        status: the HTTP status that its code stands for; None if it has none.
        details: Gemini's, as they came.
        is_from_api: whether it is an error object as the APIs write it.
        is_from_server: whether an API's server wrote it, in whichever form, and not a proxy before it.
    """

    message: str
    text: str
    words: str
    status: int | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    is_from_api: bool = False
    is_from_server: bool = False


def read_error_body(body: bytes) -> ErrorBody:
    """What an error body says; never fails.

    >>> read_error_body(b'{"detail": [{"loc": ["body", "image"], "msg": "Field required"}]}').message
    'body.image: Field required'
    >>> read_error_body(b'{"error": {"code": "429", "message": "Slow down."}}').status
    429
    """
    text = body[:MAX_ERROR_BYTES].decode('utf-8-sig', 'replace')
    try:
        return _from_json(json.loads(text))
    except (ValueError, RecursionError):
        return _from_text(read_page(text), text)


def _from_json(parsed: Any) -> ErrorBody:
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if isinstance(parsed, dict):
        return _from_object(parsed)
    return _from_text('' if parsed is None else str(parsed))


def _from_text(message: str, words: str | None = None) -> ErrorBody:
    seen = (message if words is None else words)[:MAX_READ_CHARACTERS]
    return ErrorBody(message=shorten(message), text=message[:MAX_READ_CHARACTERS], words=seen)


def _from_object(parsed: dict[str, Any]) -> ErrorBody:
    error = _find_error(parsed)
    details = tuple(detail for detail in _listed(error.get('details')) if isinstance(detail, dict))
    codes = [error.get(name) for name in ('code', 'status', 'type')]
    message = _read_message(error)[:MAX_READ_CHARACTERS]
    explained = json.dumps(details)[:MAX_READ_CHARACTERS] if details else ''
    return ErrorBody(
        message=shorten(message),
        text=message,
        words=f'{" ".join(str(code)[:200] for code in codes if code is not None)} {message} {explained}',
        status=next((status for status in map(_status_of, codes) if status is not None), None),
        details=details,
        is_from_api=isinstance(parsed.get('error'), dict),
        is_from_server=bool(parsed.get('error') or parsed.get('detail')),
    )


def _find_error(parsed: dict[str, Any]) -> dict[str, Any]:
    """The innermost object that an error is wrapped in."""
    while isinstance(inner := parsed.get('error') or parsed.get('detail'), dict):
        parsed = inner
    return parsed


def _read_message(error: Mapping[str, Any]) -> str:
    said = next((error[name] for name in _MESSAGE_NAMES if error.get(name)), None)
    if isinstance(said, list):
        return '; '.join(_read_problem(problem) for problem in said[:10])
    if said is None:
        # Not `str`: that is how Python shows it.
        return json.dumps(error) if error else ''
    return said if isinstance(said, str) else json.dumps(said)


def _read_problem(problem: Any) -> str:
    """One of FastAPI's problems, without the input that it repeats."""
    if not isinstance(problem, dict):
        return str(problem)
    place = '.'.join(str(step) for step in _listed(problem.get('loc')))
    said = str(problem.get('msg') or problem.get('message') or problem.get('type'))
    return f'{place}: {said}' if place else said


def _status_of(code: Any) -> int | None:
    """The HTTP status that a code stands for: itself, as a number or text, or a name."""
    text = str(code)
    if text in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[text]
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() and text[0] in '45' else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
