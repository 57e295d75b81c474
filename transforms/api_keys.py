"""API keys: a reference travels with the job, the key itself is read where it is used.

Whatever is pickled into a pipeline or given as one of its options is written into job descriptions and worker logs, so
a key must never be there.
"""

import os

from beam_image_edit.transforms.errors import ConfigurationError

DEFAULT_REFERENCE = 'env:DF_API_KEY'


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
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError(f'the API key in {name} holds characters that no key has; copy it again')
    return key


def redact(text: str, key: str) -> str:
    """A text without the key, which a server may echo in its errors.

    >>> redact('Incorrect API key provided: sk-1234567890', 'sk-1234567890')
    'Incorrect API key provided: [API key]'
    """
    return text.replace(key, '[API key]') if key else text
