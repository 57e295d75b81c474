"""Effects: the words of an instruction, and what Pillow can do about them.

Every effect takes and gives an RGB picture of one size. They are chosen by words and applied in the order of the
table; an instruction in which no word is known gets a tint of its own, so that something is always to be seen.
"""

import colorsys
import hashlib
import re
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Effect = Callable[[Image.Image], Image.Image]

_COLOURS = {
    'red': (220, 30, 30),
    'orange': (240, 140, 20),
    'yellow': (235, 215, 30),
    'green': (30, 170, 60),
    'blue': (30, 80, 220),
    'purple': (140, 50, 190),
    'pink': (240, 110, 170),
    'teal': (20, 160, 160),
}


def tint(colour: tuple[int, int, int], strength: float = 0.45) -> Effect:
    """An effect that lays a colour over the whole picture."""
    return lambda image: Image.blend(image, Image.new('RGB', image.size, colour), strength)


def _grayscale(image: Image.Image) -> Image.Image:
    return ImageOps.grayscale(image).convert('RGB')


def _sepia(image: Image.Image) -> Image.Image:
    return ImageOps.colorize(ImageOps.grayscale(image), (45, 25, 5), (255, 235, 195))


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 80))


def _posterize(image: Image.Image) -> Image.Image:
    return ImageOps.posterize(image.filter(ImageFilter.ModeFilter(5)), 2)


def _sketch(image: Image.Image) -> Image.Image:
    return ImageOps.invert(ImageOps.grayscale(image).filter(ImageFilter.FIND_EDGES)).convert('RGB')


def _pixelate(image: Image.Image) -> Image.Image:
    small = image.resize((max(1, image.width // 24), max(1, image.height // 24)), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.NEAREST)


def _brightness(factor: float) -> Effect:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def _contrast(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(1.8)


def _rotate(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image.transpose(Image.Transpose.ROTATE_90), image.size)


def _frame(colour: tuple[int, int, int]) -> Effect:
    def draw_frame(image: Image.Image) -> Image.Image:
        framed = image.copy()
        edge = (0, 0, image.width - 1, image.height - 1)
        ImageDraw.Draw(framed).rectangle(edge, outline=colour, width=max(2, min(image.size) // 16))
        return framed

    return draw_frame


def _background(colour: tuple[int, int, int]) -> Effect:
    return lambda image: Image.composite(image, Image.new('RGB', image.size, colour), draw_foreground(image.size))


def draw_foreground(size: tuple[int, int]) -> Image.Image:
    """A mask of what is taken for the foreground: the ellipse in the middle."""
    mask = Image.new('L', size, 0)
    ImageDraw.Draw(mask).ellipse((size[0] // 10, size[1] // 10, size[0] * 9 // 10, size[1] * 9 // 10), fill=255)
    return mask


_EFFECTS: tuple[tuple[str, Effect], ...] = (
    (r'upside.down|flip\w*', ImageOps.flip),
    (r'mirror\w*', ImageOps.mirror),
    (r'rotat\w*|turn(ed)? sideways', _rotate),
    (r'background', _background((120, 190, 240))),
    *((rf'{name} background', _background(colour)) for name, colour in _COLOURS.items()),
    (r'gr[ae]y(scale)?|black.and.white|monochrome', _grayscale),
    (r'sepia|vintage|antique', _sepia),
    (r'invert\w*|negative', ImageOps.invert),
    (r'blur\w*|soft\w*|dreamy', _blur),
    (r'cartoon\w*|poster\w*|comic\w*', _posterize),
    (r'sketch\w*|pencil|edges?|drawing', _sketch),
    (r'pixel\w*|mosaic', _pixelate),
    (r'bright\w*|lighter|sunny', _brightness(1.6)),
    (r'dark\w*|night', _brightness(0.45)),
    (r'contrast\w*|dramatic|vivid', _contrast),
    (r'warm\w*|sunset|golden|autumn\w*', tint((255, 150, 50), 0.3)),
    (r'cool\w*|cold\w*|winter\w*|snow\w*', tint((90, 150, 255), 0.35)),
    *((rf'{name}(dish|ish)?(?! (background|frame|border))', tint(colour)) for name, colour in _COLOURS.items()),
    (r'fram\w*|borders?', _frame((120, 75, 25))),
    *((rf'{name} (frame|border)', _frame(colour)) for name, colour in _COLOURS.items()),
)


def choose_effects(instruction: str) -> list[Effect]:
    """The effects that an instruction asks for, at least one.

    >>> len(choose_effects('Make it GREY, with a golden frame'))
    3
    >>> len(choose_effects('surprise me'))
    1
    """
    chosen = [effect for words, effect in _EFFECTS if re.search(rf'\b({words})\b', instruction, re.IGNORECASE)]
    return chosen or [_own_tint(instruction)]


def _own_tint(instruction: str) -> Effect:
    hue = hashlib.sha256(instruction.encode(errors='replace')).digest()[0] / 256
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, 0.9, 0.9))
    return tint((red, green, blue))
