"""What is done to an input picture before it is sent: nothing, wherever a model takes it as it is.

The file's own bytes go out unchanged if they can. What a model does with an EXIF rotation is not documented, and most
formats of cameras and scanners are not taken at all, so these are converted, without loss where that is possible, and
every conversion is named for the row. The same bytes always become the same bytes.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from PIL import Image

from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput
from beam_image_edit.transforms.pictures import PictureInfo, decode, identify

# The limit of a mask, and of every dall-e-2 picture.
MAX_MASK_BYTES = 4 * 1024 * 1024

# PNG at its fastest: a higher level saves a few per cent for five times the time.
_ENCODINGS = {
    'PNG': {'compress_level': 1},
    'JPEG': {'quality': 95, 'subsampling': 0},
    'WEBP': {'lossless': True, 'exact': True, 'method': 0},
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MASK_ADVICE = 'save it as a PNG that is transparent where the edit is to go'
_PNG_MODES = frozenset(('1', 'L', 'LA', 'P', 'RGB', 'RGBA'))
_ICC_COLOURS = {
    '1': b'GRAY',
    'L': b'GRAY',
    'LA': b'GRAY',
    'P': b'RGB ',
    'RGB': b'RGB ',
    'RGBA': b'RGB ',
    'CMYK': b'CMYK',
}
_PNG_COLOUR_TYPE = 25  # the byte of a PNG that tells
_WITH_ALPHA = frozenset((4, 6))
_RGB_WITH_ALPHA = 6
# dall-e-2 draws 1024 pixels at most; a picture that is too large in bytes is scaled down to the first that will do.
_DALL_E_2_SIDES = (1024, 512, 256)
# A picture of one column and 60,000 rows must not become a square of gigabytes on its way there.
_MAX_SQUARE_SIDE = 2048


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to be sent.

    Attributes:
        content: the bytes to send.
        info: what they are.
        sha256: of `content`, in hexadecimal.
        conversion: what was done to the file, such as `BMP to PNG`; None: these are the file's own bytes.
        source: what the file is.
    """

    content: bytes
    info: PictureInfo
    sha256: str
    conversion: str | None
    source: PictureInfo


def prepare(content: bytes, accepted: Collection[str], max_bytes: int | None = None) -> Picture:
    """A picture as a model takes it: its own bytes, or upright, or as a PNG.

    Args:
        content: the file.
        accepted: the MIME types that the model takes; PNG is expected to be among them.
        max_bytes: what the model takes of one picture.

    Raises:
        BrokenPicture: it is cut off, damaged or not a picture.
        InvalidInput: it can't be converted, or is too large for the model.
    """
    source = identify(content)
    is_accepted = source.mime in accepted
    if is_accepted and source.orientation == 1:
        picture = _as_it_is(content, source)
    else:
        target = source.format if is_accepted and source.format in _ENCODINGS else 'PNG'
        image = decode(content)
        changes = _name_changes(source, target)
        image = turn_upright(image if target != 'PNG' else make_storable(image), source)
        picture = _encode(image, target, ', '.join(changes), source)
    _check_bytes(picture, max_bytes)
    return picture


def prepare_mask(content: bytes, first: PictureInfo) -> Picture:
    """A mask as the API takes it: a PNG with an alpha channel, as large as the first image.

    Args:
        content: the mask's file; transparent pixels are where the edit goes.
        first: the first image as it is sent.

    Raises:
        BrokenPicture: it is cut off, damaged or not a picture.
        InvalidInput: it has another size, nothing transparent, or 4 MB and more.
    """
    source = identify(content)
    mask = _decode_mask(content, source, first.size)
    if _is_png_with(content, _WITH_ALPHA) and source.orientation == 1:
        picture = _as_it_is(content, source)
    else:
        picture = _encode(mask, 'PNG', f'{source.format} to RGBA PNG', source)
    _check_bytes(picture, MAX_MASK_BYTES - 1)
    return picture


def prepare_for_dall_e_2(content: bytes) -> Picture:
    """A picture as dall-e-2 takes it: a square RGBA PNG of less than 4 MB.

    All of the picture is kept: what is missing to a square is added as transparent pixels at the sides.

    Raises:
        BrokenPicture: it is cut off, damaged or not a picture.
        InvalidInput: it can't be converted.
    """
    source = identify(content)
    if _is_ready_for_dall_e_2(content, source):
        return _as_it_is(content, source)
    square = _pad(_decode_rgba(content, source))
    sides = [square.width, *(side for side in _DALL_E_2_SIDES if side < square.width)]
    return next(picture for picture in _encode_squares(square, sides, source) if _fits_a_mask(picture.content))


def prepare_mask_for_dall_e_2(content: bytes, first: Picture) -> Picture:
    """A mask for a picture that `prepare_for_dall_e_2` made, padded and scaled as that was.

    Args:
        content: the mask's file, as large as the first image was in its own file.
        first: the first image as it is sent.

    Raises:
        BrokenPicture: it is cut off, damaged or not a picture.
        InvalidInput: it has another size, nothing transparent, or 4 MB and more.
    """
    if first.info.size == first.source.size:
        return prepare_mask(content, first.info)
    source = identify(content)
    square = _pad(_decode_mask(content, source, first.source.size))
    (picture,) = _encode_squares(square, [first.info.width], source)
    _check_bytes(picture, MAX_MASK_BYTES - 1)
    return picture


def _as_it_is(content: bytes, source: PictureInfo) -> Picture:
    return Picture(content, source, hashlib.sha256(content).hexdigest(), None, source)


def _encode(image: Image.Image, target: str, conversion: str, source: PictureInfo) -> Picture:
    encoded = BytesIO()
    try:
        image.save(encoded, target, icc_profile=_find_profile(image), **_ENCODINGS[target])
    except (OSError, ValueError) as error:
        raise BrokenPicture(f'{source.format} can not be written as {target}: {error}') from error
    content = encoded.getvalue()
    return Picture(content, identify(content), hashlib.sha256(content).hexdigest(), conversion, source)


def _find_profile(image: Image.Image) -> bytes | None:
    """The image's ICC profile, unless it is for other colours than it has now (a CMYK one after a conversion)."""
    profile = image.info.get('icc_profile')
    return profile if profile and profile[16:20] == _ICC_COLOURS[image.mode] else None


def turn_upright(image: Image.Image, source: PictureInfo) -> Image.Image:
    """A decoded picture as a viewer sees it, its orientation applied."""
    return image if source.orientation == 1 else image.transpose(_TURNS[source.orientation])


def make_storable(image: Image.Image) -> Image.Image:
    """The image in a mode that a PNG of 8 bits holds."""
    if image.mode in _PNG_MODES:
        return image
    if image.mode.startswith('I;16'):
        # Pillow's own conversion cuts off at 255.
        return image.convert('I').point(lambda value: value * (1 / 257)).convert('L')
    if image.mode in ('I', 'F'):
        # Their scale is anyone's: from the darkest to the brightest pixel.
        darkest, brightest = cast('tuple[float, float]', image.getextrema())
        scale = 255 / ((brightest - darkest) or 1)
        return image.point(lambda value: value * scale - darkest * scale).convert('L')
    try:
        return image.convert('RGBA' if image.has_transparency_data else 'RGB')
    except ValueError as error:
        raise InvalidInput(f'{image.mode} pixels can not be converted, save it as PNG or JPEG: {error}') from error


def _name_changes(source: PictureInfo, target: str) -> list[str]:
    changes = []
    if target != source.format:
        # How many frames there are is not told: counting them reads all of the file, and one of them may be damaged.
        changes.append(f'{source.format} to {target}' + (' (first frame only)' if source.is_animated else ''))
    if source.orientation != 1:
        changes.append('EXIF rotation applied')
    return changes


def _decode_rgba(content: bytes, source: PictureInfo) -> Image.Image:
    return turn_upright(make_storable(decode(content)), source).convert('RGBA')


def _pad(image: Image.Image) -> Image.Image:
    if image.width == image.height:
        return image
    info, longest = image.info, max(image.size)
    side = min(longest, _MAX_SQUARE_SIDE)
    if side < longest:
        width, height = (max(1, round(length * side / longest)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new('RGBA', (side, side), (0, 0, 0, 0))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    square.info = info
    return square


def _encode_squares(square: Image.Image, sides: list[int], source: PictureInfo) -> Iterator[Picture]:
    width, height = source.size
    for side in sides:
        changes = [] if width == height else [f'padded from {width}x{height} to {square.width}x{square.width}']
        if side != square.width:
            changes.append(f'scaled to {side}x{side}')
        image = square if side == square.width else square.resize((side, side), Image.Resampling.LANCZOS)
        yield _encode(image, 'PNG', ', '.join([*changes, 'RGBA PNG']), source)


def _is_png_with(content: bytes, colour_types: Collection[int]) -> bool:
    return content.startswith(b'\x89PNG') and content[_PNG_COLOUR_TYPE] in colour_types


def _is_ready_for_dall_e_2(content: bytes, source: PictureInfo) -> bool:
    is_upright_square = source.width == source.height and source.orientation == 1
    return is_upright_square and _is_png_with(content, {_RGB_WITH_ALPHA}) and _fits_a_mask(content)


def _fits_a_mask(content: bytes) -> bool:
    return len(content) < MAX_MASK_BYTES


def _decode_mask(content: bytes, mask: PictureInfo, size: tuple[int, int]) -> Image.Image:
    if mask.size != size:
        raise InvalidInput(
            f'mask is {mask.size[0]}x{mask.size[1]}, the first image is {size[0]}x{size[1]}: '
            'they must have the same size'
        )
    if not mask.has_alpha:
        raise InvalidInput(f'mask is a {mask.format} without an alpha channel: {_MASK_ADVICE}')
    image = _decode_rgba(content, mask)
    if image.getchannel('A').getextrema() == (255, 255):
        # The API takes it, and the money.
        raise InvalidInput(f'mask is opaque all over, so that nothing would be edited: {_MASK_ADVICE}')
    return image


def _check_bytes(picture: Picture, max_bytes: int | None) -> None:
    size = len(picture.content)
    if max_bytes is not None and size > max_bytes:
        done = f' after {picture.conversion}' if picture.conversion else ''
        raise InvalidInput(
            f'{picture.info.format} of {picture.info.width}x{picture.info.height} has {size:,} bytes{done}, '
            f'the model takes {max_bytes:,}: make it smaller'
        )
