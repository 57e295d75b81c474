"""Alterations: faults that leave the HTTP answer whole and change what it holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from beam_image_edit.pipeline.emulator.edits import Edit

Payload = dict[str, Any]
Arguments = Mapping[str, Any]
Publish = Callable[[bytes], str]
"""Puts a picture under a URL, and gives the URL."""


def as_asked(edit: Edit, _: Arguments) -> Edit:
    """The edit as it was asked for."""
    return edit


def make_none(edit: Edit, _: Arguments) -> Edit:
    """An edit that makes no image, and so is not billed."""
    return replace(edit, count=0)


def make_several(edit: Edit, arguments: Arguments) -> Edit:
    """An edit that makes another number of images than was asked for."""
    return replace(edit, count=arguments.get('count', 2))


def leave(_: Payload, __: Arguments, ___: Publish) -> None:
    """Changes nothing in the answer."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """How a fault changes an answer.

    Attributes:
        change: changes the answer in place.
        adjust: changes what is made, before the work.
    """

    change: Callable[[Payload, Arguments, Publish], None] = leave
    adjust: Callable[[Edit, Arguments], Edit] = as_asked


def cut(picture: bytes) -> bytes:
    """A picture that was cut off in the middle."""
    return picture[: len(picture) // 2]
