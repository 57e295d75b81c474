"""The tulips: a still life in a glazed vase, before a dark wall."""

import numpy as np
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.camera import Camera, develop
from beam_image_edit.pipeline.examples.drawing.noise import layered_noise, smooth_noise
from beam_image_edit.pipeline.examples.drawing.shapes import carve, join, length, rod, sphere
from beam_image_edit.pipeline.examples.drawing.tracing import Body, Scene, SoftBox, Surface, trace
from beam_image_edit.pipeline.examples.drawing.vectors import (
    Array,
    Field,
    Paint,
    column,
    cross,
    dot,
    mix,
    normalise,
    plain,
    step,
)

_MOUTH = (0.0, 2.0, 0.0)
# Where each flower's cup begins, and its colour.
_FLOWERS = (
    ((-1.02, 3.25, 0.25), (0.62, 0.03, 0.03)),
    ((-0.42, 3.85, -0.15), (0.75, 0.28, 0.02)),
    ((0.28, 3.45, 0.42), (0.68, 0.05, 0.12)),
    ((0.82, 3.9, -0.2), (0.62, 0.03, 0.03)),
    ((1.28, 3.02, 0.2), (0.78, 0.36, 0.03)),
)
_LEAVES = (
    ((-0.75, 2.75, 0.35), (-1.45, 2.75, 0.55)),
    ((0.62, 2.95, 0.35), (1.05, 3.6, 0.75)),
    ((0.0, 3.0, -0.2), (-0.15, 3.9, -0.4)),
)


def draw_tulips(size: tuple[int, int], samples: int) -> Image.Image:
    """Takes the photograph, of some (width, height)."""
    green = Surface(_leaf, gloss=0.03, roughness=0.35)
    scene = Scene(
        bodies=(
            Body(_vase, Surface(_glaze, roughness=0.05, relief=_unevenness)),
            Body(_stems, green),
            *(Body(_cup(base), Surface(_petal(base, colour), gloss=0.02, roughness=0.4)) for base, colour in _FLOWERS),
            Body(_lemon, Surface(_peel, gloss=0.03, roughness=0.28, relief=_pores)),
        ),
        middle=(0.0, 2.35, 0.2),
        reach=3.1,
        table=Surface(_cloth, gloss=0.0, roughness=0.6, relief=_weave),
        table_end=-2.2,
        boxes=(
            SoftBox((-1.0, 0.85, 0.75), 0.42, 0.5, (9.5, 8.8, 7.6)),
            SoftBox((1, 0.5, -0.4), 0.2, 0.4, (3.2, 3.6, 4.2)),
        ),
        surroundings=_wall,
    )
    camera = Camera(eye=(0.3, 3.3, 11.5), target=(0.12, 2.35, 0.3), zoom=3.9, aperture=0.08)
    return develop(camera.take(lambda *rays: trace(scene, *rays), size, samples), vignette=0.35)


def _vase(points: Array) -> Array:
    x, y, z = points
    height = np.clip(y / 2.0, 0, 1)
    # A full belly, a narrow neck, and a lip that turns outwards.
    radius = (
        0.42 + 0.5 * np.maximum(np.sin(np.pi * np.clip(height * 1.12, 0, 1)), 0) ** 1.3 + 0.16 * step(0.78, 1.0, height)
    )
    from_axis = length(x, z)
    solid = np.maximum((from_axis - radius) * 0.75, np.abs(y - 1.0) - 1.0)
    return carve(solid, np.maximum((from_axis - radius + 0.08) * 0.75, 1.4 - y), 0.06)


def _glaze(points: Array) -> Array:
    x, y, z = points
    turn = np.arctan2(x, z)
    drip = y + 0.28 * layered_noise(turn * 2.4, y * 0.25 + 3, 3)
    glaze = mix(column(0.30, 0.17, 0.09), column(0.015, 0.10, 0.15), step(0.82, 0.98, drip))
    glaze = mix(glaze, column(0.03, 0.22, 0.24), step(1.5, 1.95, drip) * 0.8)
    speckle = step(0.77, 0.86, smooth_noise(turn * 30, y * 30))
    return glaze * (0.85 + 0.3 * layered_noise(turn * 5, y * 5)) * (1 - 0.6 * speckle)


def _unevenness(points: Array) -> Array:
    x, y, z = points
    return 0.004 * smooth_noise(np.arctan2(x, z) * 2, y * 9) + 0.0006 * smooth_noise(x * 14 + z * 9, y * 14)


def _frame(base: tuple[float, float, float]) -> tuple[Array, Array, Array]:
    """The directions of a cup's own x, y and z: it opens away from the vase's mouth, and a little upwards."""
    up = normalise(column(*base) - column(*_MOUTH) + column(0, 0.7, 0))
    side = normalise(cross(up, column(0.3, 0.1, 1)))
    return side, up, cross(side, up)


def _cup(base: tuple[float, float, float]) -> Field:
    frame = _frame(base)

    def distance(points: Array) -> Array:
        offset = points - column(*base)
        x, y, z = (dot(offset, axis) for axis in frame)
        height = np.clip(y / 0.95, 0, 1)
        turn = np.arctan2(x, z)
        radius = 0.45 * np.sin(np.pi * (0.06 + 0.74 * height)) ** 0.7
        # Three petals outside, three inside, between them; both end in points.
        cups = []
        for shift, inset in ((0.0, 0.0), (np.pi / 3, 0.045)):
            lobe = np.cos(1.5 * (np.mod(turn + shift + np.pi / 3, 2 * np.pi / 3) - np.pi / 3))
            shell = np.abs(length(x, z) - radius * (0.9 + 0.13 * lobe) + inset) - 0.016
            top = y - 0.45 - 0.5 * np.maximum(lobe, 0) ** 0.6
            cups.append(np.maximum(shell, np.maximum(top * 0.6, -y)) * 0.6)
        return np.minimum(cups[0], cups[1])

    return distance


def _petal(base: tuple[float, float, float], colour: tuple[float, float, float]) -> Paint:
    frame = _frame(base)

    def paint(points: Array) -> Array:
        offset = points - column(*base)
        x, y, z = (dot(offset, axis) for axis in frame)
        streak = layered_noise(np.arctan2(x, z) * 14, y * 1.2, 3)
        petal = mix(column(0.62, 0.50, 0.10), column(*colour), step(-0.02, 0.4, y + 0.2 * (streak - 0.5)))
        return petal * (0.65 + 0.6 * streak)

    return paint


def _stems(points: Array) -> Array:
    parts: list[Array] = []
    for (x, y, z), _ in _FLOWERS:
        bend = (0.45 * x, 2.0 + 0.62 * (y - 2.0), 0.45 * z)
        lower = rod(points, (0.12 * x, 1.5, 0.12 * z), bend, 0.06, 0.055)
        parts += (lower, rod(points, bend, (x, y + 0.03, z), 0.055, 0.06))
    for middle, tip in _LEAVES:
        lower = _blade(points, (0.2 * middle[0], 1.7, 0.2 * middle[2]), middle, 0.1, 0.17)
        parts += (lower, _blade(points, middle, tip, 0.17, 0.015))
    return np.minimum.reduce(parts)


def _blade(
    points: Array, start: tuple[float, float, float], end: tuple[float, float, float], wide: float, narrow: float
) -> Array:
    """A rod pressed flat, towards the eye."""
    flat = np.array(((1,), (1,), (2.6,)), np.float32)
    a, b = ((p[0], p[1], p[2] * 2.6) for p in (start, end))
    return rod(points * flat, a, b, wide, narrow) * 0.38


def _leaf(points: Array) -> Array:
    x, y, z = points
    vein = layered_noise(x * 9 + z * 6, y * 1.2, 3)
    return mix(column(0.05, 0.13, 0.03), column(0.16, 0.30, 0.07), vein)


def _lemon(points: Array) -> Array:
    offset = points - column(1.42, 0.36, 0.95)
    axis = normalise(column(1, 0.12, 0.45))
    along = dot(offset, axis)
    # A ball drawn out along its axis, with a bud at one end.
    longer = offset - axis * (along * 0.24)
    body = length(*longer) - 0.38
    return join(body, sphere(offset - axis * 0.46, (0, 0, 0), 0.07), 0.2) * 0.85


def _peel(points: Array) -> Array:
    x, y, z = points
    return mix(column(0.60, 0.34, 0.008), column(0.66, 0.43, 0.02), layered_noise(x * 3, y * 3 + z * 2))


def _pores(points: Array) -> Array:
    x, y, z = points
    return 0.006 * smooth_noise(x * 26 + z * 9, y * 26 + z * 17)


def _cloth(points: Array) -> Array:
    x, _, z = points
    thread = 0.88 + 0.12 * np.sin(x * 95) * np.sin(z * 95)
    return column(0.42, 0.37, 0.31) * thread * (0.8 + 0.4 * layered_noise(x * 1.5, z * 1.5))


def _weave(points: Array) -> Array:
    x, _, z = points
    folds = 0.09 * layered_noise(x * 0.8 + 0.3 * z, z * 0.5, 3)
    return folds + 0.0012 * np.sin(x * 95) * np.sin(z * 95)


def _wall(directions: Array) -> Array:
    """A plastered wall that the window lights from the left."""
    x, y, z = directions
    across, up = x / np.maximum(np.abs(z), 0.2), y / np.maximum(np.abs(z), 0.2)
    plaster = 0.7 + 0.6 * layered_noise(across * 9 + 3, up * 9, 5)
    glow = np.exp(-((across + 0.12) ** 2 + (up + 0.02) ** 2) * 14)
    behind = mix(column(0.035, 0.038, 0.045), column(0.20, 0.19, 0.17), glow) * plaster
    return np.where(z < 0, behind, plain(0.10, 0.09, 0.08)(directions))
