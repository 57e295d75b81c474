"""The structure of a picture file: whether all of it is there, told without decoding a pixel.

A picture that was cut off on its way, or of which a disk lost a block, still has its header: Pillow identifies it, its
`verify` passes a cut JPEG, and a model would be paid to edit half a picture. Decoding in full finds that, at 25 to 400
milliseconds of processor time a picture; walking the containers finds it in a thousandth of the pixels' time:

    PNG         every chunk is there with its checksum, and IEND is the last
    JPEG        segment by segment and scan by scan up to the end marker
    WebP        the RIFF size and the chunks in it
    GIF         block by block up to the trailer
    HEIF, AVIF  the boxes fill the file, and those that hold the picture are among them

What follows the end of a picture is not looked at: phones append more pictures (MPO) and videos. What no container
tells is a damaged stretch inside the pixels of a JPEG, WebP, GIF, HEIF or AVIF; only decoding does.
"""

import re
import struct
import zlib
from collections.abc import Callable

from beam_image_edit.transforms.errors import BrokenPicture

HEIC_BRANDS = frozenset((b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs'))
_BOX_BRANDS = HEIC_BRANDS | {b'mif1', b'msf1', b'avif', b'avis'}

_PNG_CHUNK = struct.Struct('>I4s')
_RIFF_CHUNK = struct.Struct('<4sI')
_BOX = struct.Struct('>I4s')
# In a JPEG's compressed scans FF 00 is a data byte, FF D0 to FF D7 and FF 01 mark points without a segment
# and a run of FF is padding; whatever else follows FF is the next marker.
_JPEG_MARKER = re.compile(rb'\xff([\x02-\xcf\xd8-\xfe])')
_JPEG_SCAN = 0xDA
_JPEG_END = 0xD9


def check_structure(content: bytes) -> None:
    """Checks that a PNG, JPEG, WebP, GIF, HEIF or AVIF file is whole; lets every other kind of file pass.

    >>> check_structure(b'GIF89a')
    Traceback (most recent call last):
        ...
    beam_image_edit.transforms.errors.BrokenPicture: GIF is cut off: it ends after 6 bytes, inside a block

    Raises:
        BrokenPicture: it is cut off or damaged; the text says where.
    """
    check = _find_check(content)
    if check is not None:
        check(content)


def _find_check(content: bytes) -> Callable[[bytes], None] | None:
    if content.startswith(b'\x89PNG\r\n\x1a\n'):
        return _check_png
    if content.startswith(b'\xff\xd8\xff'):
        return _check_jpeg
    if content.startswith(b'RIFF') and content[8:12] == b'WEBP':
        return _check_webp
    if content.startswith((b'GIF87a', b'GIF89a')):
        return _check_gif
    if content[4:8] == b'ftyp' and content[8:12] in _BOX_BRANDS:
        return _check_boxes
    return None


def _check_png(content: bytes) -> None:
    view = memoryview(content)
    position, kind, has_pixels = 8, b'', False
    while kind != b'IEND':
        _require('PNG', len(content), position, 12, 'a chunk')
        length, kind = _PNG_CHUNK.unpack_from(content, position)
        name = f'chunk {_readable(kind)}'
        if position == 8 and kind != b'IHDR':
            raise BrokenPicture(f'PNG is damaged: it begins with {name}, not with IHDR')
        _require('PNG', len(content), position, 12 + length, name)
        end = position + 12 + length
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], 'big'):
            raise BrokenPicture(f'PNG is damaged: the checksum of {name} at byte {position} is wrong')
        has_pixels = has_pixels or kind == b'IDAT'
        position = end
    if not has_pixels:
        raise BrokenPicture('PNG is damaged: it has no pixels (no chunk IDAT)')


def _check_jpeg(content: bytes) -> None:
    position, has_pixels = 2, False
    while True:
        found = _JPEG_MARKER.search(content, position)
        if found is None:
            raise BrokenPicture(f'JPEG is cut off: it ends after {len(content)} bytes without an end marker')
        marker, position = found[1][0], found.end()
        if marker == _JPEG_END:
            break
        name = f'segment FF{marker:02X}'
        _require('JPEG', len(content), position, 2, name)
        length = int.from_bytes(content[position : position + 2], 'big')
        if length < 2:
            raise BrokenPicture(f'JPEG is damaged: {name} at byte {position} says that it is {length} bytes long')
        _require('JPEG', len(content), position, length, name)
        has_pixels = has_pixels or marker == _JPEG_SCAN
        position += length
    if not has_pixels:
        raise BrokenPicture('JPEG is damaged: it has no pixels (no start of a scan)')


def _check_webp(content: bytes) -> None:
    size = int.from_bytes(content[4:8], 'little')
    _require('WebP', len(content), 8, size, 'RIFF')
    position, end, has_pixels = 12, 8 + size, False
    while position < end:
        _require('WebP', end, position, 8, 'a chunk')
        kind, length = _RIFF_CHUNK.unpack_from(content, position)
        _require('WebP', end, position, 8 + length, f'chunk {_readable(kind)}')
        has_pixels = has_pixels or kind in (b'VP8 ', b'VP8L', b'ANMF')
        position += 8 + length + length % 2
    if not has_pixels:
        raise BrokenPicture('WebP is damaged: it has no pixels (no chunk VP8, VP8L or ANMF)')


def _check_gif(content: bytes) -> None:
    try:
        position, has_pixels = 13 + _gif_palette_bytes(content[10]), False
        while (kind := content[position]) != ord(';'):
            if kind == ord(','):  # a frame: its place and size, its palette, a byte for the decoder
                has_pixels = True
                position += 11 + _gif_palette_bytes(content[position + 9])
            elif kind == ord('!'):  # an extension
                position += 2
            else:
                raise BrokenPicture(f'GIF is damaged: byte {position} begins no block, it is {kind:#04x}')
            while length := content[position]:
                position += 1 + length
            position += 1
    except IndexError:
        raise BrokenPicture(f'GIF is cut off: it ends after {len(content)} bytes, inside a block') from None
    if not has_pixels:
        raise BrokenPicture('GIF is damaged: it has no frame')


def _gif_palette_bytes(flags: int) -> int:
    return 3 << ((flags & 0x07) + 1) if flags & 0x80 else 0


def _check_boxes(content: bytes) -> None:
    what = 'AVIF' if content[8:12].startswith(b'avi') else 'HEIF'
    position, kinds = 0, set()
    while position < len(content):
        _require(what, len(content), position, 8, 'a box')
        size, kind = _BOX.unpack_from(content, position)
        if size == 1:  # too big for 32 bits, so the size follows in 64
            size = max(16, int.from_bytes(content[position + 8 : position + 16], 'big'))
        elif size == 0:  # the last box, to the end of the file
            size = len(content) - position
        if size < 8:
            raise BrokenPicture(f'{what} is damaged: box {_readable(kind)} at byte {position} is {size} bytes long')
        _require(what, len(content), position, size, f'box {_readable(kind)}')
        kinds.add(kind)
        position += size
    if not (kinds & {b'meta', b'moov'} and b'mdat' in kinds):
        raise BrokenPicture(f'{what} is cut off: it ends after {len(content)} bytes without its pixels (box mdat)')


def _require(what: str, end: int, position: int, size: int, part: str) -> None:
    left = end - position
    if left < size:
        raise BrokenPicture(f'{what} is cut off: {part} at byte {position} needs {size} bytes, {max(0, left)} are left')


def _readable(kind: bytes) -> str:
    return kind.decode('ascii', 'backslashreplace').strip()
