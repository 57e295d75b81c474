"""The structure of a picture file: whether all of it is there, told without decoding a pixel.

A picture that was cut off on its way, or of which a disk lost a block, still has its header: Pillow identifies it, its
`verify` passes a cut JPEG, and a model would be paid to edit half a picture. Decoding in full finds that, at 25 to 400
milliseconds of processor time a picture; walking the containers finds it in a thousandth of the pixels' time:

    PNG         every chunk is there with its checksum, IEND is the last, and the first pixels unpack
    JPEG        segment by segment and scan by scan up to the end marker, with tables and pixels that make sense
    WebP        the RIFF size and the chunks in it (its frames' headers are checked when `pictures` opens it)
    GIF         block by block up to the trailer
    HEIF, AVIF  the boxes fill the file, and those that hold the picture are among them

What follows the end of a picture is not looked at: phones append more pictures (MPO) and videos. What no container
tells is a damaged stretch inside the pixels of a JPEG, WebP, GIF, HEIF or AVIF; only decoding does.
"""

import struct
from collections.abc import Callable, Iterator

from beam_image_edit.transforms.errors import BrokenPicture
from beam_image_edit.transforms.jpeg_structure import check_jpeg
from beam_image_edit.transforms.picture_parts import limit_parts, readable, require
from beam_image_edit.transforms.png_structure import SIGNATURE, check_png

HEIC_BRANDS = frozenset((b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs'))
_BOX_BRANDS = HEIC_BRANDS | {b'mif1', b'msf1', b'avif', b'avis'}

_RIFF_CHUNK = struct.Struct('<4sI')
_BOX = struct.Struct('>I4s')


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
    if content.startswith(SIGNATURE):
        return check_png
    if content.startswith(b'\xff\xd8\xff'):
        return check_jpeg
    if content.startswith(b'RIFF') and content[8:12] == b'WEBP':
        return _check_webp
    if content.startswith((b'GIF87a', b'GIF89a')):
        return _check_gif
    if content[4:8] == b'ftyp' and content[8:12] in _BOX_BRANDS:
        return _check_boxes
    return None


def _check_webp(content: bytes) -> None:
    if not {b'VP8 ', b'VP8L', b'ANMF'} & set(limit_parts('WebP', _walk_webp(content))):
        raise BrokenPicture('WebP is damaged: it has no pixels (no chunk VP8, VP8L or ANMF)')


def _walk_webp(content: bytes) -> Iterator[bytes]:
    size = int.from_bytes(content[4:8], 'little')
    require('WebP', len(content), 8, size, 'RIFF')
    position, end = 12, 8 + size
    while position < end:
        require('WebP', end, position, 8, 'a chunk')
        kind, length = _RIFF_CHUNK.unpack_from(content, position)
        require('WebP', end, position, 8 + length, f'chunk {readable(kind)}')
        yield kind
        position += 8 + length + length % 2


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
    kinds = set(limit_parts(what, _walk_boxes(what, content)))
    if not (kinds & {b'meta', b'moov'} and b'mdat' in kinds):
        raise BrokenPicture(f'{what} is cut off: it ends after {len(content)} bytes without its pixels (box mdat)')


def _walk_boxes(what: str, content: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(content):
        require(what, len(content), position, 8, 'a box')
        size, kind = _BOX.unpack_from(content, position)
        if size == 1:  # too big for 32 bits, so the size follows in 64
            size = max(16, int.from_bytes(content[position + 8 : position + 16], 'big'))
        elif size == 0:  # the last box, to the end of the file
            size = len(content) - position
        if size < 8:
            raise BrokenPicture(f'{what} is damaged: box {readable(kind)} at byte {position} is {size} bytes long')
        require(what, len(content), position, size, f'box {readable(kind)}')
        yield kind
        position += size
