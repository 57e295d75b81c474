"""Everything an API can answer instead of an image, told apart by one pure function.

What a body says is read by `error_bodies`, what the server asks to wait by `waits`; here it is decided what it means.
Some words decide by themselves, wherever they stand, because proxies hide the API's own code in their messages; the
HTTP status decides the rest. Whether to try again is not decided here but in `retries`.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from beam_image_edit.transforms.clients.error_bodies import ErrorBody, read_error_body
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.clients.waits import read_limit_per_minute, read_wait_s
from beam_image_edit.transforms.errors import ApiError, ErrorKind

_REFUSED = re.compile(
    r'moderation_blocked|content_?policy_?violation|safety_violations|content_filter\b'
    r'|IMAGE_SAFETY|PROHIBITED_CONTENT|rejected (by|as a result of) (the|our) safety system',
    re.IGNORECASE,
)
_NO_CREDIT = 'the account has no credit or quota left; add credit or raise its limit, then run again'
_WRONG_KEY = 'the API key is not accepted; check DF_API_KEY and DF_BASE_URL'
_FORBIDDEN = 'this key may not use this API or model; check the key, its project and the model'
_UNVERIFIED = (
    "the organisation must be verified for this model; verify it in the provider's console or use another model"
)
_NOT_SERVED = 'the model or the address does not exist; check --model_name (models are retired often) and DF_BASE_URL'
_NO_REGION = 'the account or its region is not served; check billing and region'
_NO_QUOTA = 'this account has no quota for the model; enable billing or use another model'
_DAY_IS_SPENT = 'the quota of the day is spent; run the same command again tomorrow, it goes on where it stopped'
_REDIRECTED = 'the server redirects, which is not followed with a key; check DF_BASE_URL'
_FATAL_WORDS = (
    (
        _NO_CREDIT,
        re.compile(
            r'insufficient_quota|credit_balance_exhausted|organization_spend_limit_exceeded|budget_exceeded'
            r'|project_spend_limit_exceeded|organization_usage_limit_exceeded|billing_hard_limit_reached'
            r'|prepayment credits are depleted|monthly spending cap',
            re.IGNORECASE,
        ),
    ),
    (
        _WRONG_KEY,
        re.compile(
            r'invalid_api_key|API_KEY_INVALID|API key (not valid|expired)|incorrect API key|No connected db', re.I
        ),
    ),
    (_UNVERIFIED, re.compile(r'organi[sz]ation must be verified', re.IGNORECASE)),
    (
        _NOT_SERVED,
        re.compile(
            # Not just any model: a message may quote the prompt.
            r'model_not_found|invalid model name|\bmodels/\S{1,120} ((is|was) )?not found'
            r'|\bThe model [`\'"\\]\S{1,120} (does not exist|((is|was) )?not found)',
            re.IGNORECASE,
        ),
    ),
)
_NO_QUOTA_WORDS = re.compile(r'limit: 0(?!\.?\d)|quotaValue\W{1,8}0(?!\.?\d)|free_?tier', re.IGNORECASE)
_DAILY_WORDS = re.compile(r'PerDay|(requests|images|tokens) per day|\((RPD|IPD|TPD)\)|_per_day', re.IGNORECASE)
# Larger than the quota of a minute: it would be turned away for ever.
_TOO_LARGE_WORDS = re.compile(r'request too large|must be reduced in order to run', re.IGNORECASE)
_FATAL_STATUSES = {401: _WRONG_KEY, 402: _NO_CREDIT, 403: _FORBIDDEN}
# A gateway without the route, which some are only for bodies that are too large for them; and a file that has expired.
_NOT_ABOUT_THE_MODEL = re.compile(r'cannot post|\bfiles/', re.IGNORECASE)
_RETRIED = frozenset({408, 409, 425, 499})
# Answered by a proxy that had already passed the request on, and then stopped waiting or lost the connection.
_GATEWAY_LOST_IT = frozenset({504, 520, 524})
# Answered by a proxy that had no connection over which to pass it on.
_NEVER_PASSED_ON = frozenset({521, 522, 523, 525, 526})
_PROXY_LOST_IT = re.compile(r'litellm\.(Timeout|APIConnectionError)')


def classify(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> ApiError:
    """What an answer that is no success means.

    Args:
        status: the HTTP status; 200 for an error that a gateway has wrapped into a success.
        headers: with lower-case names.
        body: as it came.
        now: against which a date in Retry-After is measured; the current time if None.

    Returns:
        The error, with the server's own wait if it gave one.
    """
    error = read_error_body(body)
    meant = _status_meant(status, error)
    kind, advice = _decide_kind(meant, headers, error.words)
    place = f'HTTP {status}' if meant == status or error.status is None else f'HTTP {status}, error {meant}'
    message = f'{place}: {error.message}' if error.message else f'{place} without an explanation'
    return ApiError(
        kind=kind,
        message=f'{message} ({advice})' if advice else message,
        status=status,
        retry_after_s=read_wait_s(headers, error.details, error.text, now),
        request_id=request_id_of(headers),
        may_be_billed=kind == 'retry' and _is_lost_behind_a_proxy(status, error),
        limit_per_minute=read_limit_per_minute(headers) if kind == 'quota' else None,
        is_doubtful=kind == 'fatal' and not error.is_from_api,
    )


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The API's own id of the request, for its support."""
    return shorten(headers.get('x-request-id') or headers.get('x-goog-request-id') or '', 200) or None


def _status_meant(status: int, error: ErrorBody) -> int:
    """The status that decides: a success that wraps an error, or a proxy's own failure, says less than the error."""
    if status < 300:
        return error.status or 400
    return error.status if status >= 500 and error.status and error.status < 500 else status


def _is_lost_behind_a_proxy(status: int, error: ErrorBody) -> bool:
    if _PROXY_LOST_IT.search(error.words):
        return True
    if status < 500 or status in _NEVER_PASSED_ON:
        return False
    # A page, or nothing: who wrote it may have passed the request on, and lost the connection to where it was served.
    return not (error.is_from_api if status in _GATEWAY_LOST_IT else error.is_from_server)


def _decide_kind(status: int, headers: Mapping[str, str], words: str) -> tuple[ErrorKind, str | None]:
    if status == 451 or _REFUSED.search(words):
        return 'refused', None
    advice = _fatal_advice(status, words)
    if advice:
        return 'fatal', advice
    should_retry = headers.get('x-should-retry') or headers.get('llm_provider-x-should-retry')
    if should_retry == 'false':
        return 'permanent', None
    if status == 429:
        return ('permanent' if _TOO_LARGE_WORDS.search(words) else 'quota'), None
    return ('retry' if should_retry == 'true' or status >= 500 or status in _RETRIED else 'permanent'), None


def _fatal_advice(status: int, words: str) -> str | None:
    """What to do about an error that every further call would meet too; None if it is none."""
    for advice, pattern in _FATAL_WORDS:
        if pattern.search(words):
            return advice
    if status == 429:
        if _NO_QUOTA_WORDS.search(words):
            return _NO_QUOTA
        return _DAY_IS_SPENT if _DAILY_WORDS.search(words) else None
    if status == 404:
        return None if _NOT_ABOUT_THE_MODEL.search(words) else _NOT_SERVED
    if status == 400 and ('FAILED_PRECONDITION' in words or 'location is not supported' in words):
        return _NO_REGION
    if 300 <= status < 400:
        return _REDIRECTED
    return _FATAL_STATUSES.get(status)
