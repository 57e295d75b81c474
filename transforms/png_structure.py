"""A PNG's structure: its chunks with their checksums, and the beginning of its compressed pixels.

A checksum tells that a chunk is as it was written, not that what was written is a picture. So the header must make
sense, the pixels must begin to unpack, and there must be enough of them for so large a picture. To unpack them all
takes a third of a decode (14 ms of each megabyte); the first 64 KB take a quarter of a millisecond.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from beam_image_edit.transforms.errors import BrokenPicture
from beam_image_edit.transforms.picture_parts import limit_parts, readable, require

SIGNATURE = b'\x89PNG\r\n\x1a\n'

_CHUNK = struct.Struct('>I4s')
_HEADER = struct.Struct('>IIBBBBB')
# By colour type: how many values a pixel has, and of how many bits they may be.
_COLOURS = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
_UNPACKED_BYTES = 64 * 1024
_BLOCK_BYTES = 16 * 1024
# Deflate can't do better.
_MAX_PACKING = 1032
_TEXTS = frozenset((b'tEXt', b'zTXt', b'iTXt'))


class _Chunk(NamedTuple):
    """A chunk and its place: its length field starts it, its content lies between `content` and `end` - 4."""

    kind: bytes
    start: int
    content: int
    end: int


def check_png(content: bytes) -> None:
    """Raises BrokenPicture unless a file that begins with SIGNATURE is a whole PNG."""
    view = memoryview(content)
    pixels: list[memoryview] = []
    kind = b''
    for kind, start, begin, end in limit_parts('PNG', _walk(content)):
        if start == len(SIGNATURE) and kind != b'IHDR':
            raise BrokenPicture(f'PNG is damaged: it begins with chunk {readable(kind)}, not with IHDR')
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], 'big'):
            raise BrokenPicture(f'PNG is damaged: the checksum of chunk {readable(kind)} at byte {start} is wrong')
        if kind == b'IDAT':
            pixels.append(view[begin : end - 4])
    if not pixels:
        raise BrokenPicture('PNG is damaged: it has no pixels (no chunk IDAT)')
    _check_pixels(pixels, _count_bytes(content))


def without_texts(content: bytes) -> bytes:
    """A whole PNG without its text chunks; the same object if it has none.

    Pillow refuses a picture for a text of more than a megabyte, which generators of images do write.
    """
    texts = [chunk for chunk in _walk(content) if chunk.kind in _TEXTS]
    if not texts:
        return content
    starts = [0, *(chunk.end for chunk in texts)]
    ends = [*(chunk.start for chunk in texts), len(content)]
    return b''.join(content[start:end] for start, end in zip(starts, ends, strict=True))


def _walk(content: bytes) -> Iterator[_Chunk]:
    """The chunks up to IEND."""
    position, kind = len(SIGNATURE), b''
    while kind != b'IEND':
        require('PNG', len(content), position, 12, 'a chunk')
        length, kind = _CHUNK.unpack_from(content, position)
        require('PNG', len(content), position, 12 + length, f'chunk {readable(kind)}')
        end = position + 12 + length
        yield _Chunk(kind, position, position + 8, end)
        position = end


def _count_bytes(content: bytes) -> int:
    """How many bytes the pixels have at least, by the header: without what is added to each row."""
    length, _ = _CHUNK.unpack_from(content, len(SIGNATURE))
    if length != _HEADER.size:
        raise BrokenPicture(f'PNG is damaged: its header has {length} bytes instead of {_HEADER.size}')
    width, height, depth, colour, packing, filtering, _ = _HEADER.unpack_from(content, len(SIGNATURE) + 8)
    values, depths = _COLOURS.get(colour, (0, ()))
    if not width or not height or depth not in depths or packing or filtering:
        raise BrokenPicture(
            f'PNG is damaged: its header says {width}x{height}, colour type {colour}, {depth} bits, '
            f'packing {packing}, filtering {filtering}'
        )
    return width * height * values * depth // 8


def _check_pixels(pixels: list[memoryview], size: int) -> None:
    packed = sum(len(piece) for piece in pixels)
    if packed * _MAX_PACKING < size:
        raise BrokenPicture(f'PNG is damaged: {packed} bytes are too few for its {size:,} bytes of pixels')
    unpacker = zlib.decompressobj()
    unpacked = 0
    # In blocks, because what is left of one is copied.
    blocks = (piece[start : start + _BLOCK_BYTES] for piece in pixels for start in range(0, len(piece), _BLOCK_BYTES))
    for block in blocks:
        try:
            unpacked += len(unpacker.decompress(block, _UNPACKED_BYTES - unpacked))
        except zlib.error as error:
            raise BrokenPicture(f'PNG is damaged: its pixels can not be unpacked: {error}') from error
        if unpacked >= _UNPACKED_BYTES:
            return
    if unpacked < size:
        raise BrokenPicture(f'PNG is cut off: its pixels have {unpacked:,} bytes instead of {size:,}')
