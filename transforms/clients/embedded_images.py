"""Images within JSON: written into requests and read out of answers without ever becoming text.

Both APIs put whole images into JSON as base64. As Python texts they would be made, copied, scanned for escapes and
encoded several times over, which costs ten times what the encoding itself does. So a request's JSON is written with a
marker in an image's place, and sent in pieces with the base64 between them; and from an answer's bytes the base64 is
cut out and decoded where it lies, and only what is left is parsed. Whatever does not look as expected (another
alphabet, escapes, white space) is left in its place, to be parsed and decoded with all the tolerance there is.
"""

import binascii
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pybase64

# Made up anew by each process and sent to nobody, so that no row and no answer can hold it.
_MARKER = f'image-{uuid.uuid4().hex}-'
_NUMBERED_MARKER = re.compile(rf'{_MARKER}(\d+)(?=")')
# The fields that hold images; a thought signature is base64 as well, and is kept as it is.
_IMAGE_FIELDS = ('data', 'b64_json')
_SHORTEST_BYTES = 4096
# An answer with more is none that images are cut out of.
_MAX_QUOTES = 20_000
_QUOTE, _BACKSLASH = b'"', ord('\\')


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image in the place of a value that is to be written as JSON."""

    content: bytes = field(repr=False)

    def __len__(self) -> int:
        """The size of its base64 in bytes."""
        return (len(self.content) + 2) // 3 * 4

    def blocks(self, size: int) -> Iterator[bytes]:
        """Its base64 in blocks of so many bytes at the most, made when they are needed: it is never there as a whole.

        >>> list(EmbeddedImage(b'abcdefg').blocks(6))
        [b'YWJj', b'ZGVm', b'Zw==']
        """
        view, step = memoryview(self.content), size // 4 * 3
        for start in range(0, len(view), step):
            yield pybase64.b64encode(view[start : start + step])


def write_json(value: Any) -> tuple[bytes | EmbeddedImage, ...]:
    """A value as JSON, in pieces that belong one after the other: its EmbeddedImages, and what is between them.

    >>> write_json({'data': EmbeddedImage(b'abc'), 'n': 1})
    (b'{"data":"', EmbeddedImage(), b'","n":1}')
    """
    images: list[EmbeddedImage] = []

    def mark(embedded: EmbeddedImage) -> str:
        images.append(embedded)
        return f'{_MARKER}{len(images) - 1}'

    text = json.dumps(value, separators=(',', ':'), default=mark)
    # Every second one is the number of the image that stands between its neighbours.
    texts_and_numbers = enumerate(_NUMBERED_MARKER.split(text))
    return tuple(images[int(piece)] if position % 2 else piece.encode() for position, piece in texts_and_numbers)


def parse_json(body: bytes | bytearray) -> Any:
    """The value of a JSON text, in which a large image in base64 is already its bytes.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deep.

    >>> parse_json(b'{"data": "YWJj"}')
    {'data': 'YWJj'}
    >>> len(parse_json(b'{"data": "%b"}' % (b'YWJj' * 2000))['data'])
    6000
    """
    found = list(_find_images(body))
    if not found:
        return json.loads(body)
    put_back = 0

    def put_images_back(members: dict[str, Any]) -> dict[str, Any]:
        nonlocal put_back
        for name, value in members.items():
            if isinstance(value, str) and value.startswith(_MARKER):
                start, end, image = found[int(value.removeprefix(_MARKER))]
                members[name] = image if name in _IMAGE_FIELDS else body[start:end].decode('ascii')
                put_back += 1
        return members

    value = json.loads(_cut(body, found), object_hook=put_images_back)
    # One that stands in a list, or under a name that another member has too, is nowhere to be put back.
    return value if put_back == len(found) else json.loads(body)


_Found = tuple[int, int, bytes]


def _find_images(body: bytes | bytearray) -> Iterator[_Found]:
    """Where a string is that is large and nothing but base64, between its quotes, and what it decodes to.

    What lies between two quotes is the inside of a string, or what is between two strings. The latter has a comma, a
    colon or a bracket, which base64 has not.
    """
    with memoryview(body) as view:
        start = body.find(_QUOTE) + 1
        for _ in range(_MAX_QUOTES):
            end = body.find(_QUOTE, start)
            if not start or end < 0:
                return
            if end - start >= _SHORTEST_BYTES and body[start - 2] != _BACKSLASH:
                with suppress(binascii.Error):
                    yield start, end, pybase64.b64decode(view[start:end], validate=True)
            start = end + 1


def _cut(body: bytes | bytearray, found: list[_Found]) -> bytes:
    pieces, position = [], 0
    for number, (start, end, _) in enumerate(found):
        pieces += [body[position:start], f'{_MARKER}{number}'.encode()]
        position = end
    return b''.join((*pieces, body[position:]))
