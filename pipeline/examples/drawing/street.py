"""The street: a city at night after rain, cars drawn to lines of light by a long exposure.

Lengths are in metres. The road runs towards -z; what shines is a point or a line, whose glow along a ray of sight
follows from how closely the ray passes it, in the wet road's mirror as well.
"""

import numpy as np
from numpy.random import Generator
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.camera import Camera, develop
from beam_image_edit.pipeline.examples.drawing.noise import layered_noise, scatter, smooth_noise
from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, dot, mix, normalise, step

_KERB = 7.0
_WALL = 10.5  # from the road's middle to the houses
_FAR = 420.0
_LAMPS = tuple((side * 7.8, 6.4, -12.0 - 24 * place) for place in range(9) for side in (-1, 1))
# x and height of the lines that lamps of cars draw: red ones go away, white ones come.
_TRAILS = (
    *((x, y, (3.2, 0.10, 0.05)) for x, y in ((1.5, 0.75), (2.9, 0.78), (3.1, 0.95), (4.6, 0.66), (5.9, 0.7))),
    *((x, y, (2.6, 2.2, 1.6)) for x, y in ((-1.6, 0.6), (-3.0, 0.62), (-4.7, 0.75), (-5.9, 0.75))),
)


def draw_street(size: tuple[int, int], samples: int) -> Image.Image:
    """Takes the photograph, of some (width, height)."""
    camera = Camera(eye=(0.6, 2.1, 8), target=(-0.1, 4.0, -12), zoom=1.5)
    return develop(camera.take(_see, size, samples), exposure=1.3, vignette=0.3)


def _see(origins: Array, directions: Array, random: Generator) -> Array:
    with np.errstate(divide='ignore'):
        to_ground = np.where(directions[1] < -1e-4, -origins[1] / directions[1], np.float32(np.inf))
    light, to_wall = _see_above(origins, directions, to_ground)
    ground = np.flatnonzero((to_ground < to_wall) & (to_ground < _FAR))
    points = origins[:, ground] + directions[:, ground] * to_ground[ground]
    light[:, ground] += _see_ground(points, directions[:, ground], random)
    return light


def _see_above(origins: Array, directions: Array, limits: Array) -> tuple[Array, Array]:
    """Light of houses, sky and lamps up to a limit, and how far the houses are."""
    with np.errstate(divide='ignore', invalid='ignore'):
        side = np.sign(directions[0])
        to_wall = np.where(side != 0, (side * _WALL - origins[0]) / directions[0], np.float32(np.inf))
    to_wall = np.clip(to_wall, 0, _FAR * 2)
    points = origins + directions * to_wall
    is_wall = (points[1] < _skyline(points[2], side)) & (to_wall < _FAR) & (to_wall < limits)
    seen = np.minimum(np.where(is_wall, to_wall, np.float32(_FAR)), limits)
    light = _see_sky(directions) * np.isinf(limits)
    light[:, is_wall] = _see_houses(points[:, is_wall], side[is_wall])
    haze = 1 - np.exp(-np.where(is_wall, to_wall, 0) * np.float32(0.006))
    light = mix(light, column(0.10, 0.06, 0.085), haze)
    return light + _glow(origins, directions, seen), np.where(is_wall, to_wall, np.float32(np.inf))


def _house(z: Array, side: Array) -> tuple[Array, Array]:
    """Which house it is, and how far from its left edge; houses are 14 wide."""
    along = z / 14 + side * 0.3
    return np.floor(along) + side * 31, (along - np.floor(along)) * 14


def _skyline(z: Array, side: Array) -> Array:
    house, _ = _house(z, side)
    return 13 + 4.1 * np.floor(scatter(house, house * 0 + 5) * 6)


def _see_houses(points: Array, side: Array) -> Array:
    _, y, z = points
    house, across = _house(z, side)
    tone = scatter(house, house * 0 + 9)
    brick = mix(column(0.20, 0.12, 0.09), column(0.16, 0.155, 0.17), tone) * (
        0.7 + 0.6 * layered_noise(z * 1.5, y * 1.5)
    )
    # Light from the street fades upwards, and is strongest beside the lamps.
    beside = np.exp(-(((np.mod(z + 12 + 12, 24) - 12) / 5.5) ** 2) - ((y - 5.2) / 5) ** 2)
    light = brick * (column(0.9, 0.55, 0.28) * beside + column(0.16, 0.10, 0.12) * np.exp(-y / 9))
    light = light * (1 - 0.6 * step(0.25, 0.05, np.minimum(across, 14 - across)))
    floor, bay = np.floor(y / 3.4), np.floor(across / 2)
    u, v = across / 2 - bay, y / 3.4 - floor
    pane = step(0.20, 0.23, u) * step(0.80, 0.77, u) * step(0.24, 0.27, v) * step(0.84, 0.81, v)
    bars = step(0.02, 0.012, np.abs(u - 0.5)) + step(0.016, 0.008, np.abs(v - 0.62))
    cell = scatter(house * 17 + bay, floor + tone * 50)
    shade = scatter(house * 13 + bay + 91, floor + 7)
    warm = mix(column(1.0, 0.50, 0.17), column(0.85, 0.75, 0.55), shade)
    inside = warm * (0.25 + 0.75 * shade) * (0.6 + 0.8 * smooth_noise(u * 3 + bay * 7, v * 3 + floor * 5))
    window = mix(column(0.012, 0.015, 0.024), inside, step(0.60, 0.62, cell)) * (1 - 0.75 * np.clip(bars, 0, 1))
    light = mix(light, window, pane * (floor >= 1))
    return mix(light, _see_shops(house, across, y), step(3.3, 3.2, y))


def _see_shops(house: Array, across: Array, y: Array) -> Array:
    """Lit shop windows, each house's in its own colour, under a sign of light."""
    hue = scatter(house, house * 0 + 43)
    colour = mix(column(1.0, 0.45, 0.15), column(0.15, 0.65, 0.75), step(0.45, 0.5, hue))
    colour = mix(colour, column(0.95, 0.12, 0.40), step(0.72, 0.76, hue))
    place = across / 3.5 - np.floor(across / 3.5)
    glass = step(0.06, 0.08, place) * step(0.94, 0.92, place) * step(0.5, 0.55, y) * step(2.5, 2.45, y)
    goods = 0.2 + 1.0 * smooth_noise(across * 1.7, y * 2.2 + house) * step(2.6, 0.8, y)
    window = (colour * 0.2 + column(0.26, 0.17, 0.09)) * goods
    sign = step(1.0, 1.2, across) * step(13, 12.8, across) * step(0.16, 0.10, np.abs(y - 2.9))
    return mix(column(0.02, 0.018, 0.02), window, glass) + colour * sign * np.float32(1.8)


def _see_sky(directions: Array) -> Array:
    """Clouds in the light of the town."""
    x, y, z = directions
    up = np.clip(y, 0, 1)
    clouds = layered_noise(x / (up + 0.2) * 1.5, z / (up + 0.2) * 1.5)
    sky = mix(column(0.12, 0.065, 0.085), column(0.008, 0.014, 0.04), step(0.0, 0.55, up))
    return sky * (0.55 + 0.9 * clouds)


def _glow(origins: Array, directions: Array, seen: Array) -> Array:
    """What lamps and trails add along rays that end at `seen`."""
    light = np.zeros_like(origins)
    for lamp in _LAMPS:
        offset = column(*lamp) - origins
        along = np.clip(dot(offset, directions), 0, seen)
        apart = dot(offset, offset) - 2 * along * dot(offset, directions) + along**2
        depth = 1 + 0.004 * along**1.5
        light += column(1.0, 0.62, 0.28) * (step(0.10, 0.03, apart) * 9 + 0.030 / (apart + 0.03) / depth)
        light *= 1 - _is_post(origins, directions, seen, lamp) * 0.9
    for x, y, colour in _TRAILS:
        # Seen across the trail's direction, a ray is a line in the plane of x and y.
        flat_squared = np.maximum(directions[0] ** 2 + directions[1] ** 2, 1e-9)
        toward = (x - origins[0]) * directions[0] + (y - origins[1]) * directions[1]
        along = np.clip(toward / flat_squared, 0, seen)
        apart = (origins[0] + directions[0] * along - x) ** 2 + (origins[1] + directions[1] * along - y) ** 2
        waver = 0.55 + 0.45 * smooth_noise(along * 0.25 + x * 9, apart * 0 + y * 9)
        width = 0.0009 + (0.0011 * along) ** 2
        light += column(*colour) * (np.exp(-apart / width) * 1.1 + 0.0022 / (apart + 0.02)) * waver
    return light


def _is_post(origins: Array, directions: Array, seen: Array, lamp: tuple[float, float, float]) -> Array:
    """1 where a ray meets the lamp's post."""
    x, top, z = lamp
    flat = np.maximum(directions[0] ** 2 + directions[2] ** 2, 1e-9)
    along = ((x - origins[0]) * directions[0] + (z - origins[2]) * directions[2]) / flat
    apart = np.hypot(origins[0] + directions[0] * along - x, origins[2] + directions[2] * along - z)
    height = origins[1] + directions[1] * along
    is_near = (along > 0) & (along < seen) & (height < top - 0.15)
    return step(0.09, 0.06, apart) * is_near


def _see_ground(points: Array, directions: Array, random: Generator) -> Array:
    x, _, z = points
    wet = step(0.42, 0.62, layered_noise(x * 0.30 + 5, z * 0.16, 4))
    stray = random.standard_normal((2, x.size)).astype(np.float32)
    rough = 0.006 + 0.028 * (1 - wet)
    ripple = (layered_noise(x * 5, z * 3, 3) - 0.5) * 0.02
    normals = normalise(np.stack((stray[0] * rough * 0.4 + ripple * 0.4, np.ones_like(x), stray[1] * rough + ripple)))
    facing = np.clip(-dot(directions, normals), 0, 1)
    mirrored = directions + 2 * facing * normals
    mirrored[1] = np.maximum(np.abs(mirrored[1]), 1e-3)
    reflected, _ = _see_above(points, normalise(mirrored), np.full(x.size, np.inf, np.float32))
    share = (0.05 + 0.95 * (1 - facing) ** 4) * (0.45 + 0.55 * wet)
    grain = 0.6 + 0.8 * smooth_noise(x * 30, z * 30)
    asphalt = column(0.045, 0.034, 0.036) * grain * (1 - 0.5 * wet)
    lines = step(0.09, 0.06, np.abs(x)) * (np.mod(z, 6) < 3) + step(0.07, 0.04, np.abs(np.abs(x) - _KERB + 0.35))
    asphalt = mix(asphalt, column(0.22, 0.19, 0.16) * grain, lines * 0.7)
    kerb = step(_KERB - 0.05, _KERB, np.abs(x))
    paving = column(0.075, 0.06, 0.055) * grain * (1 - 0.5 * step(0.03, 0.01, np.abs(np.mod(x, 0.8) - 0.4)))
    return mix(asphalt, paving, kerb) + reflected * share
