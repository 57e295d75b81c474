"""API keys: a reference travels with the job, the key itself is read where it is used.

Whatever is pickled into a pipeline or given as one of its options is written into job descriptions and worker logs, so
a key must never be there.
"""

import base64
import json
import os
import re
from functools import lru_cache
from urllib.parse import quote, quote_plus

from beam_image_edit.transforms.errors import ConfigurationError

DEFAULT_REFERENCE = 'env:DF_API_KEY'
_REDACTED = '[API key]'
_ELLIPSIS = '…'
# Shorter pieces of a key give nothing away, and would be found in any text.
_SHORTEST_BEGINNING = 4
_SHORTEST_SECRET = 12
_STANDARD_TO_URL_SAFE = str.maketrans('+/', '-_')


def check_reference(reference: str) -> None:
    """Raises ConfigurationError unless it is a reference to a key (`env:NAME`); never shows what it may be instead."""
    scheme, _, name = reference.partition(':')
    if scheme != 'env' or not name:
        raise ConfigurationError(
            'api_key must be a reference such as env:DF_API_KEY, not the key itself, which would be written into the '
            "job's description"
        )


def read_api_key(reference: str) -> str:
    """The key that a reference names.

    Raises:
        ConfigurationError: there is none; names the reference.
    """
    check_reference(reference)
    name = reference.partition(':')[2]
    key = os.environ.get(name, '').strip()
    if not key:
        raise ConfigurationError(f'no API key: set the environment variable {name}')
    if not key.isascii() or not key.isprintable() or ' ' in key:
        raise ConfigurationError(f'the API key in {name} holds characters that no key has; copy it again')
    return key


def redact(text: str, key: str) -> str:
    """A text without the key, which a server may echo in its errors: as it is, URL-encoded or in base64.

    >>> redact('Incorrect API key provided: sk-1234567890', 'sk-1234567890')
    'Incorrect API key provided: [API key]'

    Where the text was shortened in the middle of the key, its beginning is taken out too.

    >>> redact('https://host/?key=sk-12345…', 'sk-1234567890')
    'https://host/?key=[API key]…'
    """
    for form in _forms_of(key):
        text = re.sub(re.escape(form), _REDACTED, text, flags=re.IGNORECASE)
        *cut, last = text.split(_ELLIPSIS)
        text = _ELLIPSIS.join([*(_without_beginning(piece, form) for piece in cut), last])
    return text


@lru_cache(maxsize=8)
def _forms_of(key: str) -> tuple[str, ...]:
    """The ways in which the key can be written within a text, the longest first."""
    forms = {key, quote(key, safe=''), quote_plus(key), json.dumps(key)[1:-1]}
    # In base64 the key looks different at each of three offsets; a character at its ends may belong to its neighbour.
    for offset in range(3):
        encoded = base64.b64encode(b'\0' * offset + key.encode()).decode()
        inner = encoded[-(-8 * offset // 6) : 8 * (offset + len(key)) // 6]
        forms |= {inner, inner.translate(_STANDARD_TO_URL_SAFE)} if len(inner) >= _SHORTEST_SECRET else set()
    return tuple(sorted(forms - {''}, key=len, reverse=True))


def _without_beginning(text: str, form: str) -> str:
    for length in range(len(form) - 1, _SHORTEST_BEGINNING - 1, -1):
        if text[-length:].lower() == form[:length].lower():
            return f'{text[:-length]}{_REDACTED}'
    return text
