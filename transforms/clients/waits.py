"""Waits: how long a server asks to be left alone, in all the ways in which servers say it, and how often it lets in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_SECONDS = {'ms': 0.001, 'milli': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0}
_PIECE = r'\d{1,9}(?:\.\d{1,9})?\s?(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?)(?![a-z])\s?'
_DURATION = re.compile(rf'(?:{_PIECE})+', re.IGNORECASE)
_NUMBER_AND_UNIT = re.compile(r'(\d+(?:\.\d+)?)\s?(milli|ms|s|m|h)', re.IGNORECASE)
_IN_WORDS = re.compile(rf'(?:retry|try again|wait)\D{{0,20}}?\b(?:in|after|for) ((?:{_PIECE})+)', re.IGNORECASE)
# Gemini's RetryInfo, quoted in the message of a proxy, where its quotes may be escaped.
_QUOTED = re.compile(rf'retryDelay[\s\\":]{{1,12}}((?:{_PIECE})+)')


def read_wait_s(
    headers: Mapping[str, str],
    details: Iterable[Mapping[str, Any]] = (),
    message: str = '',
    now: datetime | None = None,
) -> float | None:
    """How long the server asks to wait, in seconds; None if it does not say.

    The first that is there of: the headers `retry-after-ms` and `retry-after` (seconds or a date), the same as passed
    on by a LiteLLM proxy, Gemini's RetryInfo, and words in the message.

    >>> read_wait_s({'retry-after-ms': '1500'})
    1.5
    >>> read_wait_s({}, message='Rate limit reached. Please try again in 6m0.5s.')
    360.5

    Args:
        headers: with lower-case names.
        details: of a Gemini error.
        message: the error's text.
        now: against which a date is measured; the current time if None.
    """
    return next((wait for wait in _waits(headers, details, message, now) if wait is not None), None)


def read_limit_per_minute(headers: Mapping[str, str]) -> float | None:
    """The quota of calls per minute that OpenAI's headers tell; None if they tell none.

    >>> read_limit_per_minute({'x-ratelimit-limit-requests': '500'})
    500.0
    """
    limit = _number(headers.get('x-ratelimit-limit-requests', ''))
    return limit if limit else None


def _waits(
    headers: Mapping[str, str], details: Iterable[Mapping[str, Any]], message: str, now: datetime | None
) -> Iterator[float | None]:
    for prefix in ('', 'llm_provider-'):
        milliseconds = _number(headers.get(f'{prefix}retry-after-ms', ''))
        yield None if milliseconds is None else milliseconds / 1000
        retry_after = headers.get(f'{prefix}retry-after', '').strip()
        yield _number(retry_after)
        yield _duration_s(retry_after)
        yield _until(retry_after, now)
    for detail in details:
        yield _duration_s(str(detail.get('retryDelay', '')))
    for pattern in (_QUOTED, _IN_WORDS):
        found = pattern.search(message)
        yield _duration_s(found[1]) if found else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r'\s*\d{1,12}(\.\d{0,12})?\s*', text, re.ASCII) else None


def _duration_s(text: str) -> float | None:
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in _NUMBER_AND_UNIT.findall(text))


def _until(text: str, now: datetime | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):  # what its parser raises for what is no date
        return None
