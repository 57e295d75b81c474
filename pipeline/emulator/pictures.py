"""Pictures: how an edit is drawn.

The images are set side by side, the effects of the instruction are applied, and the instruction itself is written on
a band, so that a person who looks at the result knows which row it belongs to. A mask restricts all of it to its
transparent area. What is meant is a demonstration that costs milliseconds, not beauty.
"""

import base64
import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont, ImageOps

from beam_image_edit.pipeline.emulator.edits import Edit
from beam_image_edit.pipeline.emulator.effects import choose_effects, draw_foreground

_BLANK_SIZE = (1024, 1024)  # of a picture that is made from words alone
_MAX_PIXELS = 1024 * 1024  # of a picture for which no size was asked
_BLANK_COLOUR = (200, 200, 200, 255)
_BAND_LINES = 3
_SCALED = 256  # the long side of a thought's preview


def draw(edit: Edit, number: int = 0) -> bytes:
    """One edited picture, encoded; `number` counts the pictures of one call from 0, and each differs."""
    size = edit.size or natural_size(edit)
    before = _set_side_by_side(edit, size)
    area = _draw_area(edit, size)
    box = area.getbbox() or (0, 0, *size)
    after = _flatten(before)
    for effect in choose_effects(edit.prompt):
        after = effect(after)
    _write_band(after, edit.prompt, box)
    if edit.count > 1:
        _write_number(after, f'{number + 1}/{edit.count}', box)
    after.putalpha(_draw_alpha(before) if edit.is_transparent else 255)
    return encode(Image.composite(after, before, area), edit.output_format, edit.compression)


def draw_thought(edit: Edit) -> bytes:
    """The preview of a picture that is being thought of: small, and without the effect."""
    before = _set_side_by_side(edit, edit.size or natural_size(edit))
    before.thumbnail((_SCALED, _SCALED))
    return encode(before, 'JPEG', 60)


def natural_size(edit: Edit) -> tuple[int, int]:
    """The size of a picture for which none was asked: the last image's own, at most a megapixel."""
    if not edit.images or not edit.images[-1].width:
        return _BLANK_SIZE
    width, height = edit.images[-1].size
    scale = min(1.0, (_MAX_PIXELS / (width * height)) ** 0.5)
    return max(1, round(width * scale)), max(1, round(height * scale))


def encode(image: Image.Image, output_format: str, compression: int) -> bytes:
    """A picture as PNG, JPEG or WEBP; an alpha channel is kept only where there is something transparent."""
    if output_format == 'JPEG' or image.getchannel('A').getextrema() == (255, 255):
        image = _flatten(image)
    encoded = io.BytesIO()
    if output_format == 'PNG':
        image.save(encoded, 'PNG', compress_level=1)
    else:
        image.save(encoded, output_format, quality=compression)
    return encoded.getvalue()


def _flatten(image: Image.Image) -> Image.Image:
    """A picture on white instead of transparent."""
    flat = Image.new('RGB', image.size, (255, 255, 255))
    flat.paste(image, mask=image.getchannel('A'))
    return flat


def encode_base64(content: bytes) -> str:
    """A picture as it stands in an answer: standard base64."""
    return base64.b64encode(content).decode()


def pad(content: bytes, length: int) -> bytes:
    """Makes a PNG or JPEG longer, to a number of bytes, with a chunk that decoders skip; a longer one stays."""
    missing = length - len(content)
    if content.startswith(b'\x89PNG') and missing >= 12:
        chunk = b'paDd' + bytes(missing - 12)
        return (
            content[:-12]
            + struct.pack('>I', missing - 12)
            + chunk
            + struct.pack('>I', zlib.crc32(chunk))
            + content[-12:]
        )
    if content.startswith(b'\xff\xd8'):
        comments = bytearray()
        while missing >= 4:
            part = min(missing, 65_537)
            part -= 4 if 0 < missing - part < 4 else 0
            comments += b'\xff\xfe' + struct.pack('>H', part - 2) + bytes(part - 4)
            missing -= part
        return content[:2] + bytes(comments) + content[2:]
    return content


def _set_side_by_side(edit: Edit, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new('RGBA', size, _BLANK_COLOUR)
    for image, (left, width) in zip(edit.images, _columns(size[0], len(edit.images)), strict=True):
        if image.content:
            with Image.open(io.BytesIO(image.content)) as opened:
                fitted = ImageOps.pad(opened.convert('RGBA'), (width, size[1]), color=_BLANK_COLOUR)
                canvas.paste(fitted, (left, 0))
    return canvas


def _draw_area(edit: Edit, size: tuple[int, int]) -> Image.Image:
    """Where the picture may change: 255. A mask speaks of the first image only."""
    if edit.mask is None:
        return Image.new('L', size, 255)
    with Image.open(io.BytesIO(edit.mask.content)) as opened:
        alpha = opened.convert('RGBA').getchannel('A')
    area = Image.new('L', size, 0)
    _, width = next(_columns(size[0], len(edit.images)))
    fitted = ImageOps.pad(alpha, (width, size[1]), Image.Resampling.NEAREST, color=255)
    area.paste(fitted.point(lambda value: 255 if value == 0 else 0), (0, 0))
    return area


def _draw_alpha(before: Image.Image) -> Image.Image:
    """The alpha channel of a picture without a background: the image's own, or else that of a foreground."""
    alpha = before.getchannel('A')
    return draw_foreground(before.size) if alpha.getextrema() == (255, 255) else alpha


def _columns(width: int, count: int) -> Iterator[tuple[int, int]]:
    """Left edge and width of each image's column."""
    for number in range(count):
        left, right = width * number // count, width * (number + 1) // count
        yield left, max(1, right - left)


def _write_band(image: Image.Image, text: str, box: tuple[int, int, int, int]) -> None:
    left, _, right, bottom = box
    height = max(10, (right - left) // 22)
    font = ImageFont.load_default(size=max(8, height * 0.65))
    lines = _wrap(text, font, right - left - height // 2)
    top = bottom - height * len(lines)
    pen = ImageDraw.Draw(image)
    pen.rectangle((left, top, right - 1, bottom - 1), fill=(20, 20, 20))
    for number, line in enumerate(lines):
        middle = top + height * number + height // 2
        pen.text((left + height // 4, middle), line, fill=(255, 255, 255), font=font, anchor='lm')


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The beginning of a text in the lines of a band."""
    lines = ['']
    for word in text.split():
        longer = f'{lines[-1]} {word}'.strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) < _BAND_LINES:
            lines.append(word)
        else:
            break
    return lines


def _write_number(image: Image.Image, text: str, box: tuple[int, int, int, int]) -> None:
    height = max(12, (box[2] - box[0]) // 8)
    font = ImageFont.load_default(size=height * 0.7)
    pen = ImageDraw.Draw(image)
    width = font.getlength(text) + height // 2
    pen.rectangle((box[0], box[1], box[0] + width, box[1] + height), fill=(250, 220, 40))
    pen.text((box[0] + height // 4, box[1] + height // 2), text, fill=(0, 0, 0), font=font, anchor='lm')
