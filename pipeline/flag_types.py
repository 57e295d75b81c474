"""How flags' values are read: each reader refuses what can't be used, with the value and what it must be."""

import argparse
import json
import math
from typing import Any

from beam_image_edit.transforms.json_text import name_kind
from beam_image_edit.transforms.limits.places import MOST_PER_MINUTE


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
    seconds = _to_number(text)
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f'must be seconds > 0 and at most a day, got {text!r}')
    return seconds


def dollars(text: str) -> float:
    """Reads an amount of US dollars."""
    amount = _to_number(text)
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f'must be US dollars >= 0, such as 12.50, got {text!r}')
    return amount


def per_minute(text: str) -> float:
    """Reads how often something may be done in a minute."""
    number = _to_number(text)
    if not 0 < number <= MOST_PER_MINUTE:
        raise argparse.ArgumentTypeError(f'must be > 0 and at most {MOST_PER_MINUTE:,}, got {text!r}')
    return number


def share(text: str) -> float:
    """Reads a share of a whole."""
    part = _to_number(text)
    if not 0 <= part <= 1:
        raise argparse.ArgumentTypeError(f'must be a number from 0 to 1, got {text!r}')
    return part


def names(*known: str) -> Any:
    """Reads names out of a list, with commas between them."""

    def read(text: str) -> tuple[str, ...]:
        given = tuple(name.strip() for name in text.split(','))
        if not set(given) <= set(known):
            raise argparse.ArgumentTypeError(f'must be one or more of {",".join(known)}, got {text!r}')
        return given

    return read


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
        raise argparse.ArgumentTypeError(f'must be a JSON object, got {name_kind(value)}')
    return value


def true_or_false(text: str) -> bool:
    """Reads a yes or no."""
    if text.lower() not in ('true', 'false'):
        raise argparse.ArgumentTypeError(f'must be true or false, or nothing for true, got {text!r}')
    return text.lower() == 'true'


def name_and_value(text: str) -> str:
    """Reads NAME=VALUE, as it is."""
    name, separator, _ = text.partition('=')
    if not separator or not name.isidentifier():
        raise argparse.ArgumentTypeError(f'must be NAME=VALUE, got {text!r}')
    return text


def add_switch(group: Any, name: str, *, help: str, default: bool | None = False) -> None:  # noqa: A002
    """Adds a flag that is true if it is given; with a value too, since templates fill in one for every flag."""
    group.add_argument(
        name, nargs='?', const=True, default=default, type=true_or_false, metavar='true|false', help=help
    )


def _to_number(text: str) -> float:
    """The number that a text is; NaN, which lies within no limits, if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
