"""The emblem: a coffee roaster's badge, with nothing around it, to be put onto other things."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

_FINE = 4  # drawn this many times larger, then scaled down
_GOLD = ((255, 236, 170), (196, 138, 44), (250, 214, 120), (140, 88, 20))
_TEXT = 'NORTH RIDGE'
_LOWER_TEXT = 'COFFEE ROASTERS'

Point = tuple[float, float]
Colour = tuple[int, int, int]
Shape = tuple[tuple[Point, ...], Colour]

# Places and lengths are shares of the emblem's edge. Peaks: x, top, half the width, colours in light and shade.
_PEAKS: tuple[tuple[float, float, float, Colour, Colour], ...] = (
    (0.33, 0.415, 0.22, (92, 118, 140), (62, 86, 110)),
    (0.69, 0.40, 0.23, (92, 118, 140), (62, 86, 110)),
    (0.50, 0.335, 0.27, (62, 92, 116), (34, 60, 86)),
)
_HILL = ((0.1, 0.68), (0.3, 0.63), (0.52, 0.655), (0.75, 0.625), (0.9, 0.66), (0.9, 0.9), (0.1, 0.9))
# x, foot and height.
_FIRS = (
    (0.235, 0.66, 0.13),
    (0.295, 0.675, 0.17),
    (0.36, 0.685, 0.12),
    (0.65, 0.685, 0.13),
    (0.715, 0.675, 0.18),
    (0.775, 0.66, 0.12),
)


def draw_emblem(size: int) -> Image.Image:
    """The badge in a square of `size` pixels, RGBA, transparent outside its circle."""
    edge = size * _FINE
    emblem = Image.new('RGBA', (edge, edge))
    for radius, colours in ((0.495, _GOLD), (0.472, ((12, 30, 48), (24, 58, 84))), (0.335, _GOLD[::-1])):
        emblem.paste(_shade(edge, colours), mask=_disc(edge, radius))
    inner = _disc(edge, 0.320)
    emblem.paste(_draw_landscape(edge), mask=inner)
    emblem.paste(_shade(edge, _GOLD), mask=_draw_words(edge))
    shadow = ImageChops.subtract(inner, ImageChops.offset(_disc(edge, 0.318), edge // 90, edge // 70))
    emblem.paste(
        (0, 0, 0),
        mask=ImageChops.multiply(shadow.filter(ImageFilter.GaussianBlur(edge / 90)), inner).point(lambda v: v // 2),
    )
    return emblem.resize((size, size), Image.Resampling.LANCZOS)


def _disc(edge: int, radius: float) -> Image.Image:
    mask = Image.new('L', (edge, edge))
    near, far = edge * (0.5 - radius), edge * (0.5 + radius)
    ImageDraw.Draw(mask).ellipse((near, near, far, far), fill=255)
    return mask


def _shade(edge: int, colours: tuple[tuple[int, int, int], ...]) -> Image.Image:
    """A gradient from the upper left to the lower right, through all the colours."""
    down, across = np.mgrid[0 : 1 : edge * 1j, 0 : 1 : edge * 1j]
    place = (0.35 * across + 0.65 * down).astype(np.float32)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(place, stops, [colour[channel] for colour in colours]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def _draw_landscape(edge: int) -> Image.Image:
    """Three peaks before a rising sun, and firs in front."""
    scene = _shade(edge, ((255, 214, 140), (250, 160, 90), (214, 92, 70)))
    draw = ImageDraw.Draw(scene)
    draw.ellipse(_enlarge(edge, (0.395, 0.285), (0.605, 0.495)), fill=(255, 246, 214))
    shapes = [shape for peak in _PEAKS for shape in _outline_peak(*peak)]
    shapes.append((_HILL, (18, 48, 52)))
    shapes += [shape for fir in _FIRS for shape in _outline_fir(*fir)]
    for corners, colour in shapes:
        draw.polygon(_enlarge(edge, *corners), fill=colour)
    return scene


def _enlarge(edge: int, *points: Point) -> list[Point]:
    """Points in pixels, from points as shares of the edge."""
    return [(x * edge, y * edge) for x, y in points]


def _outline_peak(x: float, top: float, half: float, light: Colour, dark: Colour) -> list[Shape]:
    """A mountain `half` as wide to each side: its lit face, its shaded face, and its snow."""
    foot, cap = top + half * 1.25, half * 0.32
    shaded = ((x, top), (x + half, foot), (x + 0.02, foot), (x - 0.015, top + 0.11), (x + 0.02, top + 0.06))
    snow = (
        (x, top),
        (x - cap, top + cap * 1.25),
        (x - cap * 0.45, top + cap),
        (x - 0.01, top + cap * 1.5),
        (x + cap * 0.4, top + cap),
        (x + cap, top + cap * 1.25),
    )
    return [(((x, top), (x - half, foot), (x + half, foot)), light), (shaded, dark), (snow, (250, 250, 246))]


def _outline_fir(x: float, foot: float, height: float) -> list[Shape]:
    """Four layers of branches, each wider and lighter than the one above."""
    layers: list[Shape] = []
    for layer in range(4):
        top, half = foot - height * (1 - layer * 0.22), height * (0.13 + 0.075 * layer)
        bottom = top + height * 0.36
        layers.append((((x, top), (x - half, bottom), (x + half, bottom)), (10, 34 + 4 * layer, 38)))
    return layers


def _draw_words(edge: int) -> Image.Image:
    """The words along the ring, upright above and below, and a star on each side."""
    mask = Image.new('L', (edge, edge))
    _write_around(mask, _TEXT, edge * 0.075, is_above=True)
    _write_around(mask, _LOWER_TEXT, edge * 0.056, is_above=False)
    draw = ImageDraw.Draw(mask)
    for x in (0.097, 0.903):
        turns = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.where(np.arange(10) % 2 == 0, 0.026, 0.011)
        points = zip((x + radii * np.cos(turns)) * edge, (0.5 + radii * np.sin(turns)) * edge, strict=True)
        draw.polygon([(float(a), float(b)) for a, b in points], fill=255)
    return mask


def _write_around(mask: Image.Image, text: str, height: float, *, is_above: bool) -> None:
    """Writes along the middle of the ring, each letter turned by its place."""
    font = ImageFont.load_default(height)
    edge, side = mask.width, round(height * 2)
    radius = edge * 0.4035
    widths = [font.getlength(letter) + height * 0.16 for letter in text]
    angle = -sum(widths) / 2 / radius
    for letter, width in zip(text, widths, strict=True):
        angle += width / 2 / radius
        stamp = Image.new('L', (side, side))
        ImageDraw.Draw(stamp).text((side / 2, side / 2), letter, 255, font, anchor='mm', stroke_width=height * 0.02)
        turned = stamp.rotate(np.degrees(-angle if is_above else angle), Image.Resampling.BICUBIC)
        x = edge / 2 + radius * np.sin(angle)
        y = edge / 2 + radius * np.cos(angle) * (-1 if is_above else 1)
        corner = (round(x - side / 2), round(y - side / 2))
        box = (*corner, corner[0] + side, corner[1] + side)
        mask.paste(ImageChops.lighter(turned, mask.crop(box)), corner)
        angle += width / 2 / radius
