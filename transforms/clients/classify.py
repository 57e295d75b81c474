"""Everything an API can answer instead of an image, told apart by one pure function.

It reads the bodies of Gemini (`{"error": {"code": 429, "status": …, "details": […]}}`, sometimes in a list), OpenAI
(`{"error": {"code": …, "type": …}}`), FastAPI (`{"detail": …}`), the LiteLLM proxy (the code is the HTTP status as
text, the true code is inside the message), plain texts and a proxy's HTML. Whether to try again is not decided here but
in `retries`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from beam_image_edit.transforms.errors import ApiError, ErrorKind

MAX_MESSAGE_CHARACTERS = 500

# Words that decide by themselves, in a code, type, status or reason, or anywhere in the message.
_REFUSED = re.compile(
    r'moderation_blocked|content_policy_violation|safety_violations|content_filter\b'
    r'|rejected by (the|our) safety system',
    re.IGNORECASE,
)
_FATAL = (
    (
        'the account has no credit or quota left; add credit or raise its limit, then run again',
        re.compile(
            r'insufficient_quota|credit_balance_exhausted|organization_spend_limit_exceeded|project_spend_limit_exceeded'
            r'|organization_usage_limit_exceeded|billing_hard_limit_reached|prepayment credits are depleted',
            re.IGNORECASE,
        ),
    ),
    (
        'the API key is not accepted; check DF_API_KEY and DF_BASE_URL',
        re.compile(
            r'invalid_api_key|API_KEY_INVALID|API key not valid|incorrect api key|No connected db', re.IGNORECASE
        ),
    ),
    (
        "the organisation must be verified for this model; verify it in the provider's console or use another model",
        re.compile(r'organi[sz]ation must be verified', re.IGNORECASE),
    ),
    (
        'the model is not served here; check --model_name (models are retired often)',
        re.compile(r'model_not_found|invalid model name|model .{0,120}(does not exist|is not found)', re.IGNORECASE),
    ),
)
_DAILY = re.compile(r'PerDay|per day|\(RPD\)|requests_per_day', re.IGNORECASE)
_NO_QUOTA_AT_ALL = re.compile(r'limit: 0\b|"quotaValue": ?"0"|FreeTier', re.IGNORECASE)
_WAIT_IN_TEXT = re.compile(
    r'(?:retry|try again|retry after)\D{0,20}?\bin ((?:\d+(?:\.\d+)?(?:ms|h|m|s))+)', re.IGNORECASE
)
_DURATION = re.compile(r'(\d+(?:\.\d+)?)(ms|h|m|s)')
_SECONDS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0}
# Answered by a proxy that had already passed the request on and stopped waiting.
_GATEWAY_TIMEOUTS = (504, 524)
_RETRIED = frozenset({408, 409, 425, 499})


@dataclass(frozen=True, slots=True)
class _ErrorBody:
    """An error body's words: its message, its codes, and the whole of it as text."""

    message: str
    codes: str
    text: str
    is_from_api: bool
    details: tuple[Mapping[str, Any], ...] = ()


def classify(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> ApiError:
    """What an answer that is no success means.

    Args:
        status: the HTTP status.
        headers: with lower-case names.
        body: as it came.
        now: against which an HTTP date in Retry-After is measured; the current time if None.

    Returns:
        The error, with the server's own wait if it gave one.
    """
    error = _read_body(body)
    words = f'{error.codes} {error.text}'
    kind, advice = _decide_kind(status, headers, error, words)
    message = f'HTTP {status}: {error.message}' if error.message else f'HTTP {status} without an explanation'
    return ApiError(
        kind=kind,
        message=f'{message} ({advice})' if advice else message,
        status=status,
        retry_after_s=read_wait_s(headers, error.details, error.message, now),
        request_id=request_id_of(headers),
        may_be_billed=kind == 'retry' and status in _GATEWAY_TIMEOUTS and not error.is_from_api,
    )


def _decide_kind(
    status: int, headers: Mapping[str, str], error: _ErrorBody, words: str
) -> tuple[ErrorKind, str | None]:
    if status == 451 or _REFUSED.search(words):
        return 'refused', None
    for advice, pattern in _FATAL:
        if pattern.search(words):
            return 'fatal', advice
    if status == 429:
        return _decide_quota(words)
    fatal = _fatal_status(status, error)
    if fatal:
        return 'fatal', fatal
    should_retry = headers.get('x-should-retry')
    if should_retry in ('true', 'false'):
        return ('retry' if should_retry == 'true' else 'permanent'), None
    return ('retry' if status >= 500 or status in _RETRIED else 'permanent'), None


def _decide_quota(words: str) -> tuple[ErrorKind, str | None]:
    if _NO_QUOTA_AT_ALL.search(words):
        return 'fatal', 'this account has no quota for the model; enable billing or use another model'
    if _DAILY.search(words):
        return (
            'fatal',
            'the quota of the day is spent; run the same command again tomorrow, it goes on where it stopped',
        )
    return 'quota', None


def _fatal_status(status: int, error: _ErrorBody) -> str | None:
    if status == 401:
        return 'the API key is not accepted; check DF_API_KEY and DF_BASE_URL'
    if status == 402:
        return 'the account has no credit left; add credit, then run again'
    if status == 403:
        return 'this key may not use this API or model; check the key, its project and the model'
    if status == 404 and 'cannot post' not in error.text.lower():
        return 'the model or the address does not exist; check --model_name and DF_BASE_URL'
    if status == 400 and 'FAILED_PRECONDITION' in error.codes:
        return 'the account or its region is not served; check billing and region'
    if 300 <= status < 400:
        return 'the server redirects, which is not followed with a key; check DF_BASE_URL'
    return None


def _read_body(body: bytes) -> _ErrorBody:
    text = body.decode('utf-8', 'replace')
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _ErrorBody(message=_plain(text), codes='', text=text, is_from_api=False)
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return _ErrorBody(message=shorten(text), codes='', text=text, is_from_api=False)
    error = parsed.get('error', parsed.get('detail', parsed))
    if not isinstance(error, dict):
        error = {'message': error if isinstance(error, str) else json.dumps(error)}
    details = tuple(detail for detail in _listed(error.get('details')) if isinstance(detail, dict))
    codes = [error.get('code'), error.get('type'), error.get('status'), *(detail.get('reason') for detail in details)]
    message = error.get('message') or error.get('msg') or error.get('detail') or json.dumps(error)
    return _ErrorBody(
        message=shorten(str(message)),
        codes=' '.join(str(code) for code in codes if code is not None),
        text=text,
        is_from_api=True,
        details=details,
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def read_wait_s(
    headers: Mapping[str, str],
    details: tuple[Mapping[str, Any], ...] = (),
    message: str = '',
    now: datetime | None = None,
) -> float | None:
    """How long the server asks to wait, in seconds: by header, by Gemini's RetryInfo, or in words.

    >>> read_wait_s({'retry-after-ms': '1500'})
    1.5
    >>> read_wait_s({}, message='Rate limit reached. Please try again in 6m0.5s.')
    360.5
    """
    return next((wait for wait in _waits(headers, details, message, now) if wait is not None), None)


def _waits(
    headers: Mapping[str, str], details: tuple[Mapping[str, Any], ...], message: str, now: datetime | None
) -> Iterator[float | None]:
    for prefix in ('', 'llm_provider-'):
        milliseconds = _number(headers.get(f'{prefix}retry-after-ms'))
        yield milliseconds / 1000 if milliseconds is not None else None
        yield _number(headers.get(f'{prefix}retry-after'))
        yield _until(headers.get(f'{prefix}retry-after'), now)
    for detail in details:
        yield _duration_s(str(detail.get('retryDelay', '')))
    in_text = _WAIT_IN_TEXT.search(message)
    yield _duration_s(in_text[1]) if in_text else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float('inf') else None


def _until(text: str | None, now: datetime | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - (now or datetime.now(timezone.utc))).total_seconds())


def _duration_s(text: str) -> float | None:
    pieces = _DURATION.findall(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in pieces) if pieces else None


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The API's own id of the request, for its support."""
    return headers.get('x-request-id') or headers.get('x-goog-request-id')


def _plain(text: str) -> str:
    """A proxy's HTML page as one line of text."""
    without_tags = re.sub(r'<(script|style).*?</\1>|<[^>]*>', ' ', text[:20_000], flags=re.DOTALL | re.IGNORECASE)
    return shorten(without_tags)


def shorten(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """One line of at most `limit` characters, for errors that people read.

    >>> shorten('a  b', 10)
    'a b'
    """
    line = ' '.join(text.split())
    return line if len(line) <= limit else f'{line[:limit]}…'
