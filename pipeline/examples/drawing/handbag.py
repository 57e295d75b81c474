"""The handbag: tan leather and brass on a white sweep, as for a catalogue."""

import numpy as np
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.camera import Camera, develop
from beam_image_edit.pipeline.examples.drawing.noise import layered_noise
from beam_image_edit.pipeline.examples.drawing.shapes import carve, length, rectangle, sphere
from beam_image_edit.pipeline.examples.drawing.tracing import Body, Scene, SoftBox, Surface, cover, trace
from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, mix, plain, step

_CAMERA = Camera(eye=(-2.9, 4.2, 11.2), target=(0, 1.42, 0), zoom=4.9, aperture=0.02)
_TOP = 2.1
_FRONT = 0.62  # where the flap lies, at the bottom of the bag half its depth


def draw_handbag(size: tuple[int, int], samples: int) -> Image.Image:
    """Takes the photograph, of some (width, height)."""
    scene = _arrange()
    light = _CAMERA.take(lambda origins, directions, random: trace(scene, origins, directions, random), size, samples)
    return develop(light, exposure=0.9, vignette=0.1)


def draw_handbag_mask(size: tuple[int, int], samples: int) -> Image.Image:
    """A mask for the photograph: RGBA, transparent where the handbag is, which is what may be changed."""
    scene = _arrange()
    covered = _CAMERA.take(lambda origins, directions, _: cover(scene, origins, directions), size, samples)[0]
    alpha = np.where(covered > 0.02, 0, 255).astype(np.uint8)
    return Image.merge('RGBA', [*(Image.new('L', size) for _ in 'RGB'), Image.fromarray(alpha)])


def _arrange() -> Scene:
    brass = Surface(plain(0.78, 0.52, 0.20), gloss=0.9, roughness=0.12, is_metal=True)
    return Scene(
        bodies=(
            Body(_bag, Surface(_leather, roughness=0.3, relief=_leather_grain)),
            Body(_flap, Surface(_flap_leather, roughness=0.28, relief=_leather_grain)),
            Body(_handle, Surface(_leather, roughness=0.28, relief=_leather_grain)),
            Body(_fittings, brass),
        ),
        middle=(0, 1.55, 0),
        reach=2.45,
        table=Surface(plain(0.80, 0.795, 0.79), gloss=0.02, roughness=0.35),
        table_end=-1000,
        boxes=(
            SoftBox((-0.9, 1.2, 0.8), 0.5, 0.5, (4.2, 4.1, 4.0)),
            SoftBox((1.0, 0.8, 0.7), 0.4, 0.5, (1.6, 1.65, 1.75)),
        ),
        surroundings=_studio,
    )


def _half_width(y: Array) -> Array:
    return 1.5 - 0.13 * y


def _half_depth(y: Array) -> Array:
    """The bag is a wedge, soft at the sides."""
    return _FRONT - 0.2 * y


def _bag(points: Array) -> Array:
    x, y, z = points
    bulge = 0.06 * np.sin(np.clip(y / _TOP, 0, 1) * np.pi) * np.cos(np.clip(x, -1.5, 1.5))
    across = np.abs(x) - _half_width(y) + 0.2
    through = np.abs(z) - _half_depth(y) - bulge + 0.2
    along = np.abs(y - _TOP / 2) - _TOP / 2 + 0.2
    outside = length(np.maximum(across, 0), np.maximum(through, 0), np.maximum(along, 0))
    return (outside + np.minimum(np.maximum(np.maximum(across, through), along), 0) - 0.2) * 0.8


def _flap_outline(x: Array, y: Array) -> Array:
    """Distance inwards from the flap's edge, which is round at the bottom."""
    return -rectangle(x, y - 1.86, 1.28 - 0.05 * y, 0.95, 0.55)


def _flap(points: Array) -> Array:
    x, y, _ = points
    shell = np.abs(_bag(points) - 0.03) - 0.028
    behind = -points[2] - 0.1
    return np.maximum(np.maximum(shell, -_flap_outline(x, y) * 0.8), behind) * 0.85


def _handle(points: Array) -> Array:
    x, y, z = points
    upright = y - 2.05
    arch = length(x / 0.95, np.maximum(upright, 0) / 1.15) - np.float32(0.85)
    strap = length(arch, z * 0.8) - np.float32(0.085)
    return np.maximum(strap, -0.02 - upright) * 0.75


def _fittings(points: Array) -> Array:
    x, y, z = points
    front = _half_depth(y * 0 + 1.05) + 0.13
    plate = length(
        np.maximum(rectangle(x, y - 1.12, 0.2, 0.15, 0.06), 0), np.maximum(np.abs(z - front) - 0.03, 0)
    ) - np.float32(0.02)
    knob = sphere(points, (0, 1.12, float(front[0]) + 0.05), 0.075)
    ends = []
    for side in (-1, 1):
        ring = length(length(x - side * 0.81, y - 2.16) - np.float32(0.13), z) - np.float32(0.035)
        ends.append(ring)
    feet = sphere(np.stack((np.abs(x), y, np.abs(z))), (1.1, 0.01, 0.4), 0.08)
    return np.minimum.reduce((carve(plate, knob - 0.02, 0.02), knob, *ends, feet))


def _leather(points: Array) -> Array:
    x, y, z = points
    patina = layered_noise(x * 1.4 + z, y * 1.4, 5)
    tan = mix(column(0.20, 0.062, 0.016), column(0.31, 0.105, 0.03), patina)
    edge = step(0.16, 0.02, _half_width(y) - np.abs(x))
    return tan * (1 - 0.35 * edge)


def _flap_leather(points: Array) -> Array:
    """Leather with a waxed edge and a row of stitches inside it."""
    x, y, _ = points
    inwards = _flap_outline(x, y)
    leather = mix(column(0.07, 0.028, 0.012), _leather(points), step(0.012, 0.03, inwards))
    stitch = step(0.022, 0.010, np.abs(inwards - 0.1)) * step(-0.35, 0.05, np.sin(_seam_place(x, y) * 58))
    return mix(leather, column(0.72, 0.55, 0.32), stitch)


def _seam_place(x: Array, y: Array) -> Array:
    """How far along the flap's seam a point is: down the side, around the corner, and to the middle."""
    corner_x, corner_y, radius = 0.68, 1.46, 0.45
    beyond = np.abs(x) - corner_x
    around = radius * np.arctan2(corner_y - y, np.maximum(beyond, 0))
    return np.where(y > corner_y, corner_y - y, np.where(beyond > 0, around, radius * np.pi / 2 - beyond))


def _leather_grain(points: Array) -> Array:
    x, y, z = points
    pebbles = layered_noise(x * 24 + z * 11, y * 24 + z * 13, 2)
    groove = step(0.03, 0.008, np.abs(_flap_outline(x, y) - 0.1)) * step(0.3, 0.4, z)
    return 0.007 * pebbles - 0.004 * groove


def _studio(directions: Array) -> Array:
    up = directions[1]
    return mix(column(0.66, 0.665, 0.68), column(0.9, 0.9, 0.91), step(-0.1, 0.6, up))
