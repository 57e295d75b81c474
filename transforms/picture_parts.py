"""What the checks of all picture formats share: whether a part is there in full, and what it is called in an error."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from beam_image_edit.transforms.errors import BrokenPicture

Part = TypeVar('Part')
# A picture of 100 MB in pieces of 4 KB has 25,000; millions of empty ones would keep a processor busy for a minute.
_MAX_PARTS = 100_000


def require(what: str, end: int, position: int, size: int, part: str) -> None:
    """Raises BrokenPicture unless a part of `size` bytes at `position` is there in full before `end`.

    >>> require('GIF', 100, 90, 20, 'its palette')
    Traceback (most recent call last):
        ...
    beam_image_edit.transforms.errors.BrokenPicture: GIF is cut off: its palette at byte 90 needs 20 bytes, 10 are left
    """
    left = end - position
    if left < size:
        raise BrokenPicture(f'{what} is cut off: {part} at byte {position} needs {size} bytes, {max(0, left)} are left')


def readable(kind: bytes) -> str:
    r"""The four letters that name a part, as they can be read.

    >>> readable(b'VP8 '), readable(b'\x00abc')
    ('VP8', '\x00abc')
    """
    return kind.decode('ascii', 'backslashreplace').strip()


def limit_parts(what: str, parts: Iterable[Part]) -> Iterator[Part]:
    """The parts of a picture, as long as there are not absurdly many.

    >>> list(limit_parts('GIF', 'abc'))
    ['a', 'b', 'c']
    """
    for number, part in enumerate(parts):
        if number >= _MAX_PARTS:
            raise BrokenPicture(f'{what} has more than {_MAX_PARTS:,} parts: save it anew')
        yield part
