"""Pictures of noise, valid PNGs to the byte as long as asked for."""

import math
import random
import struct
import zlib
from functools import lru_cache

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_FRAME_BYTES = 12  # of each chunk: its length, name and checksum
_BLOCK_BYTES = 16_384  # at the least in each stored block of zlib's, which has five bytes more


def make_png(size_bytes: int, number: int = 0) -> bytes:
    """A picture whose bytes are unlike those of any other number, for nobody must profit from having seen it before.

    The pixels are stored, not compressed: as with a photograph, nothing can be gained by compressing them again.

    >>> len(make_png(65_536, 7))
    65536
    """
    head, pixels = _make_parts(size_bytes)
    end = _chunk(b'IEND', b'')
    left = size_bytes - len(head) - len(pixels) - len(end) - _FRAME_BYTES
    comment = f'Comment\0{number:08}'.ljust(left, '.')
    return head + _chunk(b'tEXt', comment.encode()) + pixels + end


@lru_cache(maxsize=4)
def _make_parts(size_bytes: int) -> tuple[bytes, bytes]:
    """The beginning and the pixels: as many as fit in, at least one."""
    room = size_bytes - 200 - size_bytes // _BLOCK_BYTES * 5
    side = max(1, math.isqrt(max(0, room) // 3))
    while side > 1 and side * (3 * side + 1) > room:
        side -= 1
    noise = random.Random(size_bytes)
    lines = b''.join(b'\0' + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b'IHDR', header), _chunk(b'IDAT', zlib.compress(lines, 0))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))
