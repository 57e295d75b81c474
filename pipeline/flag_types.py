"""How flags' values are read: each reader refuses what can't be used, with the value and what it must be."""

import argparse
import json
from typing import Any


def whole_number(least: int, most: int | None = None) -> Any:
    """Reads a whole number within limits."""
    limits = f'>= {least}' if most is None else f'{least} to {most}'

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f'must be a whole number {limits}, got {text!r}')
        return number

    return read


def seconds(text: str) -> float:
    """Reads a time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f'must be seconds > 0 and at most a day, got {text!r}')
    return seconds


def text(text: str) -> str:
    """Reads a text that may not be blank."""
    if not text.strip():
        raise argparse.ArgumentTypeError('must not be empty')
    return text.strip()


def json_object(text: str) -> dict[str, Any]:
    """Reads a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'must be a JSON object: {error}') from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'must be a JSON object, got {text!r}')
    return value


def name_and_value(text: str) -> str:
    """Reads NAME=VALUE, as it is."""
    name, separator, _ = text.partition('=')
    if not separator or not name.isidentifier():
        raise argparse.ArgumentTypeError(f'must be NAME=VALUE, got {text!r}')
    return text
