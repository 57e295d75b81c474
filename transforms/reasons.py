"""Reasons: what failures have in common, once their rows' own words are left out."""

import re

MAX_REASONS = 500
"""More kinds than this are counted as one."""

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
    # The pattern takes its time with long words, and what comes later is cut off below anyway.
    words = _OWN_WORDS.sub(lambda found: found[1] or '…', _LINE.sub('', error[: 4 * _MAX_CHARACTERS]))
    text = ' '.join(words.split())
    return text if len(text) <= _MAX_CHARACTERS else f'{text[: _MAX_CHARACTERS - 1]}…'
