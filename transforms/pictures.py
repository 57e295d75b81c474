"""Pictures as the job sees them: bytes, and the few facts about them that decide what can be done with them.

`identify` reads the headers and walks the structure; it decodes nothing. `decode` makes the pixels, which costs a
hundred times as much and is done only for a conversion or where a flag asks for it.

Pillow's `Image.open` is not used. It warns of large pictures and of damaged metadata through Python's warning filters,
which belong to the whole process and can't be set safely in one of its threads, and it offers a file to every format,
some of which start other programs (EPS runs Ghostscript). The classes behind it are used instead, for the formats
named here.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput
from beam_image_edit.transforms.picture_structure import HEIC_BRANDS, check_structure
from beam_image_edit.transforms.png_structure import without_texts

# Where Pillow begins to call a picture a decompression bomb: 512 MB of pixels in RGB.
MAX_PIXELS = 178_956_970

# Pillow's name of a format: its MIME type and extension. Only formats with a signature: a file of any bytes can pass
# for one without (TGA).
_FORMATS = {
    'PNG': ('image/png', 'png'),
    'JPEG': ('image/jpeg', 'jpg'),
    'WEBP': ('image/webp', 'webp'),
    'GIF': ('image/gif', 'gif'),
    'AVIF': ('image/avif', 'avif'),
    'HEIF': ('image/heif', 'heif'),
    'BMP': ('image/bmp', 'bmp'),
    'TIFF': ('image/tiff', 'tif'),
    'JPEG2000': ('image/jp2', 'jp2'),
    'PPM': ('image/x-portable-anymap', 'ppm'),
    'ICO': ('image/x-icon', 'ico'),
    'PCX': ('image/x-pcx', 'pcx'),
    'QOI': ('image/qoi', 'qoi'),
    'DDS': ('image/vnd.ms-dds', 'dds'),
    'SGI': ('image/sgi', 'sgi'),
}
_HEIC = ('image/heic', 'heic')
_EXTENSIONS = dict((*_FORMATS.values(), _HEIC))
_HEIF_SIZE = re.compile(rb'ispe\0{4}(.{4})(.{4})', re.DOTALL)
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What the headers of a picture say.

    Attributes:
        format: Pillow's name of its format, such as `PNG`; `JPEG` for an MPO too, `HEIF` for HEIC too.
        mime: its MIME type, such as `image/png`.
        extension: of a file that holds it, without the dot, such as `jpg`.
        width: in pixels, as stored: before its orientation is applied. 0 where a HEIF doesn't say.
        height: as width.
        orientation: how to turn it for viewing, EXIF's 1 to 8; 1: as it is.
        has_alpha: whether pixels can be transparent.
        is_animated: whether it has more than one frame or page.
    """

    format: str
    mime: str
    extension: str
    width: int
    height: int
    orientation: int = 1
    has_alpha: bool = False
    is_animated: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a viewer sees them, its orientation applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Nothing: nobody needs the resolution, and Pillow warns of damaged EXIF, which many photographs have."""


def extension_of(mime: str | None) -> str:
    """The extension of a file of a MIME type, `bin` where that is not known.

    >>> extension_of('image/jpeg')
    'jpg'
    """
    return _EXTENSIONS.get(mime or '', 'bin')


@cache
def list_extensions() -> frozenset[str]:
    """The extensions of files in known formats, in small letters, with their dots.

    >>> list_extensions() >= {'.jpg', '.jpeg', '.png', '.webp', '.tif', '.heic'}
    True
    """
    Image.init()
    known = {extension for extension, name in Image.registered_extensions().items() if name in _FORMATS}
    return frozenset(known | {'.heic', '.heif', '.hif'})


def identify(content: bytes) -> PictureInfo:
    """What a picture is, from its headers, once its structure is known to be whole.

    Raises:
        BrokenPicture: it is empty, cut off, damaged, too large to be decoded safely, or not a picture.
    """
    if not content:
        raise BrokenPicture('the picture is empty (0 bytes)')
    check_structure(content)
    brands = _heif_brands(content)
    try:
        info = _describe_heif(content, brands) if brands else _describe(_open(content))
    except BrokenPicture:
        raise
    except Exception as error:  # each of Pillow's readers has its own errors
        raise BrokenPicture(f'its headers can not be read: {type(error).__name__} {error}') from error
    if info.width * info.height > MAX_PIXELS:
        raise BrokenPicture(
            f'{info.width}x{info.height} is too large: a picture may have {MAX_PIXELS:,} pixels, make it smaller'
        )
    return info


def decode(content: bytes, at_least: int | None = None) -> Image.Image:
    """The pixels of a picture (of the first frame if there are several), not yet turned by its orientation.

    Finds what `identify` can't see: a damaged stretch within the compressed pixels.

    Args:
        content: the file's bytes.
        at_least: pixels that its sides need; a JPEG, which can be decoded at a half to an eighth of its size in a
            fraction of the time, may come smaller than it is.

    Raises:
        BrokenPicture: as `identify`, or the pixels can't be decoded.
        InvalidInput: it is a HEIF, and the package that decodes them is not installed.
    """
    info = identify(content)
    if info.format == 'HEIF':
        return _decode_heif(content)
    picture = _open(content)
    try:
        if at_least:
            picture.draft(None, (at_least, at_least))
        picture.load()
    except Exception as error:  # each of Pillow's decoders has its own errors
        raise BrokenPicture(f'{info.format} can not be decoded: {error}') from error
    return picture


def _open(content: bytes) -> ImageFile:
    Image.init()
    complaint = f'not a picture in a known format: it starts with {content[:12]!r}'
    for name in (name for name in _FORMATS if name in Image.OPEN):
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(content[:16]) is not True:
            continue
        try:
            if name == 'JPEG':  # Pillow's factory would also read the other pictures of an MPO
                return _Jpeg(BytesIO(content))
            return factory(BytesIO(without_texts(content) if name == 'PNG' else content), '')
        except Exception as error:  # each of Pillow's readers has its own errors
            complaint = f'{name} can not be read: {error}'
    raise BrokenPicture(complaint)


def _describe(picture: ImageFile) -> PictureInfo:
    name = str(picture.format)
    mime, extension = _FORMATS[name]
    return PictureInfo(
        format=name,
        mime=mime,
        extension=extension,
        width=picture.width,
        height=picture.height,
        orientation=_read_orientation(picture.info.get('exif', b'')),
        has_alpha=picture.has_transparency_data,
        is_animated=bool(getattr(picture, 'is_animated', False)),
    )


def _read_orientation(exif: bytes) -> int:
    # Not with Pillow's getexif, which warns of damaged EXIF.
    tiff = exif.removeprefix(b'Exif\0\0')
    order = {b'II': '<', b'MM': '>'}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f'{order}I', tiff, 4)
        (count,) = struct.unpack_from(f'{order}H', tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f'{order}HHIH', tiff, entry)
            if tag == _ORIENTATION_TAG:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # damaged EXIF turns nothing
        return 1
    return 1


def _heif_brands(content: bytes) -> set[bytes]:
    """What a HEIF calls itself; nothing for other files and for AVIF, which Pillow reads."""
    if content[4:8] != b'ftyp':
        return set()
    end = int.from_bytes(content[:4], 'big')
    brands = {content[8:12], *(content[place : place + 4] for place in range(16, min(end, 256), 4))}
    return brands & (HEIC_BRANDS | {b'mif1', b'msf1'}) if not brands & {b'avif', b'avis'} else set()


def _describe_heif(content: bytes, brands: set[bytes]) -> PictureInfo:
    mime, extension = _HEIC if brands & HEIC_BRANDS else _FORMATS['HEIF']
    # A HEIF says the size of each of its tiles and thumbnails too; the whole is the largest. Its decoders turn it.
    sizes = [
        (int.from_bytes(found[1], 'big'), int.from_bytes(found[2], 'big'))
        for found in _HEIF_SIZE.finditer(content, 0, 1 << 20)
    ]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return PictureInfo('HEIF', mime, extension, width, height)


def _decode_heif(content: bytes) -> Image.Image:
    pillow_heif = _import_pillow_heif()
    try:
        picture: Image.Image = pillow_heif.open_heif(BytesIO(content)).to_pillow()
    except Exception as error:  # the library documents no errors
        raise BrokenPicture(f'HEIF can not be decoded: {error}') from error
    return picture


def _import_pillow_heif() -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        hint = 'pip install pillow-heif (it is in beam-image-edit[heif]), or convert it to JPEG'
        raise InvalidInput(f'HEIF can not be decoded without a further package: {hint}') from error
    return pillow_heif
