"""The mug: red glaze on an oak table, as a shop would photograph it."""

import numpy as np
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.camera import Camera, develop
from beam_image_edit.pipeline.examples.drawing.noise import layered_noise, scatter, smooth_noise
from beam_image_edit.pipeline.examples.drawing.shapes import carve, join, length, rectangle
from beam_image_edit.pipeline.examples.drawing.tracing import Body, Scene, SoftBox, Surface, trace
from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, dot, mix, normalise, plain, step

_PLANK = 1.9  # width; the mug is about 2 wide and 2.2 high


def draw_mug(size: tuple[int, int], samples: int) -> Image.Image:
    """Takes the photograph, of some (width, height)."""
    scene = Scene(
        bodies=(
            Body(_mug, Surface(plain(0.40, 0.008, 0.010), roughness=0.03, relief=_glaze)),
            Body(_coffee, Surface(_crema, roughness=0.12)),
        ),
        middle=(0.3, 1.1, 0),
        reach=1.9,
        table=Surface(_oak, gloss=0.03, roughness=0.22, relief=_grain),
        table_end=-4.5,
        boxes=(
            SoftBox((-1.0, 0.85, 0.8), 0.3, 0.5, (15.0, 14.0, 12.6)),
            SoftBox((1.0, 0.55, 0.1), 0.25, 0.5, (1.6, 1.75, 2.0)),
        ),
        surroundings=_room,
    )
    camera = Camera(eye=(-0.6, 3.7, 7.0), target=(0.22, 1.02, 0.55), zoom=3.1, aperture=0.11)
    return develop(camera.take(lambda *rays: trace(scene, *rays), size, samples), exposure=0.95)


def _mug(points: Array) -> Array:
    x, y, z = points
    from_axis = length(x, z)
    wall = rectangle(from_axis, y - 1.12, 1.0, 1.1, 0.16)
    # The handle is a ring, longer than wide and flat, that stands on the mug's right.
    upright = y - 1.12
    ring = length(x - 1.0, upright - np.clip(upright, -0.22, 0.22)) - np.float32(0.52)
    handle = rectangle(ring, z, 0.085, 0.15, 0.08)
    outside = join(wall, handle, 0.16)
    inside = rectangle(from_axis, y - 1.5, 0.885, 1.3, 0.2)
    return carve(outside, inside, 0.07)


def _coffee(points: Array) -> Array:
    x, y, z = points
    return rectangle(length(x, z), y - 1.0, 0.9, 0.97, 0.01)


def _glaze(points: Array) -> Array:
    """The slight unevenness of a glaze, which makes reflections live."""
    x, y, z = points
    return 0.006 * smooth_noise(np.arctan2(x, z) * 2.2, y * 2.2) + 0.0008 * smooth_noise(x * 9 + z * 7, y * 9)


def _crema(points: Array) -> Array:
    x, _, z = points
    foam = layered_noise(x * 3 + 1.5 * smooth_noise(x * 2, z * 2), z * 3)
    ring = step(0.72, 0.88, length(x, z) + 0.12 * foam)
    return mix(column(0.045, 0.014, 0.005), column(0.3, 0.13, 0.04), np.maximum(ring, step(0.55, 0.75, foam) * 0.35))


def _oak(points: Array) -> Array:
    x, _, z = points
    plank = np.floor(z / _PLANK)
    shade = scatter(plank, plank * 0 + 3)
    x = x + shade * 40
    # Year rings: distance from a heart that lies off the plank, bent by noise and stretched along the fibre.
    bend = layered_noise(x * 0.22, z * 1.1 + plank * 9, 4)
    rings = (z - plank * _PLANK + shade * 3) * 2.6 + bend * 5.5
    ring = rings - np.floor(rings)
    late = step(0.15, 0.95, ring) * step(1.0, 0.93, ring)
    fibre = layered_noise(x * 1.3, z * 42, 3)
    pores = step(0.66, 0.8, smooth_noise(x * 3.2, z * 60)) * (0.4 + 0.6 * late)
    wood = mix(column(0.30, 0.145, 0.06), column(0.14, 0.055, 0.02), 0.75 * late + 0.5 * (fibre - 0.5))
    wood = wood * (0.78 + 0.42 * shade) * (0.86 + 0.28 * fibre) * (1 - 0.4 * pores)
    return wood * (1 - 0.85 * _gap(z))


def _gap(z: Array) -> Array:
    """Where one plank ends and the next begins."""
    return step(0.016, 0.004, np.abs(z / _PLANK - np.round(z / _PLANK)) * _PLANK)


def _grain(points: Array) -> Array:
    x, _, z = points
    return 0.0012 * layered_noise(x * 2, z * 40, 3) - 0.01 * _gap(z)


def _room(directions: Array) -> Array:
    """A café out of focus: warm dusk, and lamps that the lens makes into discs."""
    light = mix(column(0.09, 0.055, 0.035), column(0.5, 0.42, 0.34), step(-0.5, 0.9, directions[1]))
    random = np.random.default_rng(11)
    for _ in range(26):
        across, up, size, strength = random.random(4)
        place = normalise(column(-1 + 2.0 * across, -0.42 + 0.5 * up, -2.2))
        angle = np.arccos(np.clip(dot(directions, place), -1, 1))
        disc = step(0.03 + 0.03 * size, 0.022 + 0.03 * size, angle) * (0.6 + 0.4 * step(0, 0.05, angle))
        light = light + column(1.0, 0.55 + 0.25 * size, 0.22 + 0.3 * size) * disc * np.float32(0.15 + 0.5 * strength)
    return light
