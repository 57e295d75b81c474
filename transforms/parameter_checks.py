"""The values that a request's parameters may have, whoever gives them: a flag, an argument or a row.

Only what no server takes is refused; which sizes or qualities there are, a server knows better. Every error is a
ValueError that names the parameter, what it may be, and the value.
"""

import json
from collections.abc import Callable
from typing import Any

from beam_image_edit.transforms.json_text import show

MAX_IMAGES_PER_CALL = 10


def check_parameter(name: str, value: Any) -> None:
    """Raises ValueError if a parameter can't have a value.

    >>> check_parameter('n', 0)
    Traceback (most recent call last):
        ...
    ValueError: n must be an integer from 1 to 10, got 0
    """
    _CHECKS.get(name, check_text)(name, value)


def check_text(name: str, value: Any) -> None:
    """Raises ValueError if a value is not a string that says something and can be sent."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{name} must be a string that is not blank, got {show(value)}')
    check_encodable(name, value)


def check_encodable(name: str, text: str) -> None:
    """Raises ValueError if a text can't be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f'\\u{ord(text[error.start]):04x}'
        raise ValueError(f'{name} has {half} at character {error.start + 1}, half of a surrogate pair') from error


def write_canonically(name: str, value: Any) -> str:
    """A value's JSON, the same for equal values.

    Raises:
        ValueError: JSON can't hold it.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(',', ':'), allow_nan=False)
    except ValueError as error:
        raise ValueError(f'{name} has a number that is too large or none at all, got {show(value)}') from error
    except TypeError as error:
        raise ValueError(f'{name} must hold only what JSON can: {error}') from error


def _check_integer(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f'{name} must be an integer from {least} to {most}, got {show(value)}')


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f'{name} must be true or false, got {show(value)}')


def _check_object(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError(f'{name} must be an object, got {show(value)}')
    write_canonically(name, value)


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    'n': lambda name, value: _check_integer(name, value, 1, MAX_IMAGES_PER_CALL),
    'output_compression': lambda name, value: _check_integer(name, value, 0, 100),
    'use_variations': _check_flag,
    'extra_body': _check_object,
}
