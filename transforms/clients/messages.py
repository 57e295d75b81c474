"""What a server says, made fit for people to read: one short line, without markup and without encoded pictures."""

import html
import re

MAX_MESSAGE_CHARACTERS = 500
# What is looked at of a text at the most; a server may send megabytes.
MAX_READ_CHARACTERS = 64 * 1024
# A proxy's page says what it has to say in its title.
_MAX_PAGE_CHARACTERS = 4 * 1024

_SHORT = 119
_ENCODED = re.compile(r'[A-Za-z0-9+/=_-]{120,}')
_MARKUP = re.compile(r'<(script|style)\b.*?</\1>|<[^<>]*>', re.DOTALL | re.IGNORECASE)


def shorten(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """One printable line of at most `limit` characters, for errors that people read.

    Base64 and other long runs without a space, such as an echoed picture, are told by their length alone.

    >>> shorten('a  b', 10)
    'a b'
    >>> shorten('Invalid image: ' + 'iVBO' * 1000)
    'Invalid image: [4000 characters]'
    """
    if len(text) <= min(limit, _SHORT) and text.isprintable() and '  ' not in text:
        return text.strip()  # which most of what a server says already is
    told = _ENCODED.sub(lambda run: f'[{len(run[0])} characters]', text[:MAX_READ_CHARACTERS])
    line = ' '.join(told.split())
    line = line if len(line) <= limit else f'{line[:limit]}…'
    return ''.join(character if character.isprintable() else '\ufffd' for character in line)


def read_page(text: str) -> str:
    """The words of a proxy's HTML page; a text without markup as it is.

    >>> read_page('<html><style>h1 {}</style><h1>502 Bad Gateway</h1></html>')
    '502 Bad Gateway'
    """
    return ' '.join(html.unescape(_MARKUP.sub(' ', text[:_MAX_PAGE_CHARACTERS])).split())
