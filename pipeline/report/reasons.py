"""Reasons: what failures have in common, once their rows' own words are left out."""

import re
from collections.abc import Mapping
from typing import Any

MAX_REASONS = 500
"""More kinds than this are shown as one, the last."""

_MAX_CHARACTERS = 160
_LINE = re.compile(r'^line \d+: ')
# What differs between rows that fail in the same way: quotations, addresses and paths, long identifiers, numbers; an
# HTTP status is none of that.
_OWN_WORDS = re.compile(
    r"""(HTTP\ \d{3}) | '[^']*' | "[^"]*"
    | \w+://\S*[^\s:] | data:\S*[^\s:] | \S*/\S*[^\s:,;] | \b[\w-]*\d[\w.,-]*\b""",
    re.VERBOSE,
)


def reason_of(error: str) -> str:
    """An error without what is its row's own.

    >>> reason_of('line 7: image 0: /photos/a b/c.png: there is no such file')
    'image …: … …: there is no such file'
    >>> reason_of('HTTP 400: size must be 256x256, got 12')
    'HTTP 400: size must be …, got …'
    """
    words = _OWN_WORDS.sub(lambda found: found[1] or '…', _LINE.sub('', error))
    text = ' '.join(words.split())
    return text if len(text) <= _MAX_CHARACTERS else f'{text[: _MAX_CHARACTERS - 1]}…'


class Reasons:
    """Counts the rows of each reason, in bounded memory."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: list[int] = []

    def add(self, edit: Mapping[str, Any]) -> int:
        """The number of a row's reason; -1 for a row that has none."""
        if not edit['error']:
            return -1
        key = (edit['status'], reason_of(edit['error']))
        if key not in self._numbers and len(self._numbers) >= MAX_REASONS - 1:
            key = ('', 'other reasons')
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self._counts):
            self._counts.append(0)
        self._counts[number] += 1
        return number

    def to_json(self) -> list[dict[str, Any]]:
        """All reasons by their numbers."""
        return [
            {'status': status, 'text': text, 'count': self._counts[number]}
            for (status, text), number in self._numbers.items()
        ]
