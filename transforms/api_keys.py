"""API keys: a reference travels with the job, the key itself is read where it is used.

Whatever is pickled into a pipeline or given as one of its options is written into job descriptions and worker logs, so
a key must never be there. A reference has one of these forms:

    env:NAME                                       an environment variable of the worker
    file:PATH_OR_URL                               a file on the worker, or on any store that fsspec knows
    gcp-secret:projects/P/secrets/S/versions/N     a secret of Google's Secret Manager; N can be `latest`
"""

import base64
import html
import json
import os
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from apache_beam.utils.secret import GcpSecret

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem

DEFAULT_REFERENCE = 'env:DF_API_KEY'
_FORMS = {
    'env': re.compile(r'[A-Za-z_]\w*', re.ASCII),
    'file': re.compile(r'\S|\S.*\S'),
    'gcp-secret': re.compile(r'projects/[\w.:-]+/secrets/[\w-]+/versions/[\w-]+', re.ASCII),
}
_REDACTED = '[API key]'
_LONG_TEXT = 20_000
_ELLIPSIS = '…'
_BACKSLASH = '\\'
# Shorter pieces of a key give nothing away, and would be found in any text; so would shorter keys, which gateways and
# emulators take for want of a real one.
_SHORTEST_BEGINNING = 4
_SHORTEST_KEY = 4
_SHORTEST_SECRET = 12
_STANDARD_TO_URL_SAFE = str.maketrans('+/', '-_')


def check_reference(reference: str) -> None:
    """Raises ConfigurationError unless it is a reference to a key; never shows what it may be instead."""
    scheme, _, name = reference.partition(':')
    if scheme not in _FORMS or not _FORMS[scheme].fullmatch(name):
        raise ConfigurationError(
            'api_key must be a reference (env:DF_API_KEY, file:PATH_OR_URL or '
            'gcp-secret:projects/P/secrets/S/versions/N), not the key itself, which would be written into the '
            "job's description"
        )


def read_api_key(reference: str, storage_options: StorageOptions | None = None) -> str:
    """The key that a reference names, without white space around it.

    Args:
        reference: one of the module's forms.
        storage_options: for the store that holds a `file:`; see `open_filesystem`.

    Raises:
        ConfigurationError: there is none; names the reference.
    """
    check_reference(reference)
    scheme, _, name = reference.partition(':')
    readers: dict[str, Callable[[], str]] = {
        'env': lambda: os.environ.get(name, ''),
        'file': lambda: _read_file(name, storage_options),
        'gcp-secret': lambda: _read_gcp_secret(name),
    }
    key = readers[scheme]().strip()
    if not key:
        raise ConfigurationError(
            f'no API key: set the environment variable {name}' if scheme == 'env' else f'no API key: {name} is empty'
        )
    if not key.isascii() or not key.isprintable() or ' ' in key:
        raise ConfigurationError(f'the API key in {name} holds characters that no key has; copy it again')
    return key


def _read_file(url: str, storage_options: StorageOptions | None) -> str:
    file_system, path = open_filesystem(url, storage_options)
    try:
        content: bytes = file_system.cat_file(path)
    except Exception as error:  # every store has errors of its own
        # What does not look like a file may be the key itself.
        where = url if '/' in url or '.' in url else 'the file'
        raise ConfigurationError(f'no API key: {where} can not be read: {type(error).__name__}') from None
    return content.decode(errors='replace')


def _read_gcp_secret(version: str) -> str:
    try:
        import google.cloud.secretmanager  # noqa: F401 - Beam would hide that it is missing
    except ImportError as error:
        raise ConfigurationError(
            'gcp-secret: needs a package that is not installed: pip install google-cloud-secret-manager '
            '(it is in beam-image-edit[gcp])'
        ) from error
    try:
        content: bytes = GcpSecret(version).get_secret_bytes()
    except RuntimeError as error:
        raise ConfigurationError(f'no API key: {version} can not be read: {error.__context__ or error}') from error
    return content.decode(errors='replace')


def redact(text: str, key: str) -> str:
    """A text without the key, which a server may echo in its errors: as it is, escaped in any way, or in base64.

    >>> redact('Incorrect API key provided: sk-1234567890', 'sk-1234567890')
    'Incorrect API key provided: [API key]'

    Where the text was shortened in the middle of the key, its beginning is taken out too.

    >>> redact('https://host/?key=sk-12345…', 'sk-1234567890')
    'https://host/?key=[API key]…'

    What has fewer than four characters is no real key, and stands in any text.

    >>> redact('The model can not be found', 'e')
    'The model can not be found'
    """
    if len(key) < _SHORTEST_KEY or (len(text) < _shortest_form(key) and _ELLIPSIS not in text):
        return text
    # What is that long is random characters, such as a signature; to look for mixtures of escapes in it takes seconds.
    pattern = _pattern_of(key) if len(text) < _LONG_TEXT else _plain_pattern_of(key)
    text = pattern.sub(_REDACTED, text)
    if _ELLIPSIS in text:
        for form in _forms_of(key):
            *cut, last = text.split(_ELLIPSIS)
            text = _ELLIPSIS.join([*(_without_beginning(piece, form) for piece in cut), last])
    return text


@lru_cache(maxsize=8)
def _shortest_form(key: str) -> int:
    # No escape is shorter than the character that it stands for.
    return len(min(_forms_of(key), key=len))


@lru_cache(maxsize=8)
def _pattern_of(key: str) -> re.Pattern[str]:
    """Finds the key in any mixture of escapes: URLs, JSON within JSON, HTML and Python write it each in its own way."""
    forms = [''.join(map(_spellings_of, key))]
    for form in sorted(_base64_forms_of(key)):
        # Of base64's own characters, who escapes anything escapes the three that are no letters or digits.
        forms.append(''.join(character if character.isalnum() else _spellings_of(character) for character in form))
    return re.compile('|'.join(forms), re.IGNORECASE)


def _spellings_of(character: str) -> str:
    code = ord(character)
    backslashes = f'(?:{_in_url(_BACKSLASH)}){{0,4}}'
    spellings = {character, html.escape(character), f'&#{code};', f'&#x{code:x};', f'u{code:04x}', f'x{code:02x}'}
    return f'(?:{backslashes}(?:{"|".join(map(_in_url, sorted(spellings)))}))'


def _in_url(text: str) -> str:
    """A text of which any part may be written as in a URL, or in a URL within a URL."""
    characters = ((character, character.encode('utf-8', 'surrogatepass')) for character in text)
    return ''.join(
        f'(?:{re.escape(character)}|{"".join(f"%(?:25){{0,2}}{byte:02x}" for byte in encoded)})'
        for character, encoded in characters
    )


@lru_cache(maxsize=8)
def _plain_pattern_of(key: str) -> re.Pattern[str]:
    return re.compile('|'.join(map(re.escape, _forms_of(key))), re.IGNORECASE)


@lru_cache(maxsize=8)
def _forms_of(key: str) -> tuple[str, ...]:
    """The usual ways in which the key is written within a text, the longest first."""
    forms = {key, quote(key, safe=''), quote(key), html.escape(key), json.dumps(key)[1:-1], *_base64_forms_of(key)}
    return tuple(sorted(forms, key=len, reverse=True))


def _base64_forms_of(key: str) -> set[str]:
    # In base64 the key looks different at each of three offsets; a character at its ends may belong to its neighbour.
    forms = set()
    content = key.encode('utf-8', 'surrogatepass')
    for offset in range(3):
        encoded = base64.b64encode(b'\0' * offset + content).decode()
        inner = encoded[-(-8 * offset // 6) : 8 * (offset + len(content)) // 6]
        if len(inner) >= _SHORTEST_SECRET:
            forms |= {inner, inner.translate(_STANDARD_TO_URL_SAFE)}
    return forms


def _without_beginning(text: str, form: str) -> str:
    for length in range(len(form) - 1, _SHORTEST_BEGINNING - 1, -1):
        if text[-length:].lower() == form[:length].lower():
            return f'{text[:-length]}{_REDACTED}'
    return text
