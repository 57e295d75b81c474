"""Attribute kinds: whether a configuration's values are of the kinds that its class says.

Python does not ask, and a text in the place of a number would be noticed only by a worker, in the middle of a job.
"""

from collections.abc import Iterator
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin

from beam_image_edit.transforms.errors import ConfigurationError


def check_kinds(config: Any) -> None:
    """Raises ConfigurationError if a dataclass's attribute is not of the kind that it is declared with.

    What is in a tuple or a mapping is not looked at. An integer is a float too, but a truth value is no number.
    """
    for attribute in fields(config):
        value, kinds = getattr(config, attribute.name), tuple(_kinds_of(attribute.type))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            names = ' or '.join(kind.__name__ for kind in kinds).replace('NoneType', 'None')
            raise ConfigurationError(f'{attribute.name} must be {names}, got {value!r}')


def _kinds_of(annotation: Any) -> Iterator[type]:
    for member in get_args(annotation) if isinstance(annotation, UnionType) else (annotation,):
        kind = get_origin(member) or member
        if kind is float:
            yield int
        yield kind
