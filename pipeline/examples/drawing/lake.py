"""The lake: mountains at sunset over still water, from a field of heights and the air in front of it.

Lengths are in hundreds of metres. The eye is near the water and looks towards -z, where the sun goes down.
"""

from functools import cache

import numpy as np
from numpy.random import Generator
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.camera import Camera, develop
from beam_image_edit.pipeline.examples.drawing.noise import layered_noise, smooth_noise
from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, dot, mix, normalise, step

_SUN = normalise(column(0.34, 0.105, -1))
_SUNLIGHT = column(5.2, 2.5, 0.95)
_FAR = 150.0
_STEPS = 150
# The part of the world that is mapped, and the distance of the map's points.
_MAP_X, _MAP_Z, _CELL = (-75.0, 75.0), (-130.0, 25.0), 0.05


def draw_lake(size: tuple[int, int], samples: int) -> Image.Image:
    """Takes the photograph, of some (width, height)."""
    camera = Camera(eye=(0, 0.75, 24), target=(0, 3.0, 0), zoom=1.75)
    return develop(camera.take(_see, size, samples), exposure=0.8, vignette=0.3)


def _see(origins: Array, directions: Array, random: Generator) -> Array:
    with np.errstate(divide='ignore'):
        to_water = np.where(directions[1] < -1e-4, -origins[1] / directions[1], np.float32(np.inf))
    light, travelled = _see_land(origins, directions, to_water)
    wet = np.flatnonzero((travelled >= to_water) & (to_water < _FAR))
    points = origins[:, wet] + directions[:, wet] * to_water[wet]
    light[:, wet] = _add_air(_see_water(points, directions[:, wet], random), to_water[wet], directions[:, wet])
    return light


def _see_water(points: Array, directions: Array, random: Generator) -> Array:
    x, _, z = points
    # Long ripples, finer and flatter with distance than the eye could tell apart: those only blur.
    calm = 0.35 + 0.65 * step(0.35, 0.65, layered_noise(x * 0.09 + 7, z * 0.35, 3))
    near = 1 / (1 + 0.012 * np.maximum(22 - z, 0) ** 1.5)
    slope_x = (layered_noise(x * 2.5, z * 7, 3) - 0.5) * 0.014
    slope_z = (layered_noise(x * 2.5 + 40, z * 7 + 9, 3) - 0.5) * 0.04
    blur = random.standard_normal((2, x.size)).astype(np.float32) * 0.004
    normals = normalise(
        np.stack((slope_x * calm * near + blur[0] * 0.3, np.ones_like(x), slope_z * calm * near + blur[1]))
    )
    facing = np.clip(-dot(directions, normals), 0, 1)
    mirrored = directions + 2 * facing * normals
    mirrored[1] = np.abs(mirrored[1])
    reflected, _ = _see_land(points, normalise(mirrored), np.full(x.size, np.inf, np.float32))
    share = 0.03 + 0.97 * (1 - facing) ** 5
    return reflected * (0.25 + 0.75 * share) + column(0.006, 0.018, 0.024) * (1 - share)


def _see_land(origins: Array, directions: Array, limits: Array) -> tuple[Array, Array]:
    """Light of mountains or, where there are none before the limit, of the sky; and how far away it is."""
    travelled = _march(origins, directions, np.minimum(limits, _FAR))
    light = _see_sky(directions)
    land = np.flatnonzero(np.isfinite(travelled))
    points = origins[:, land] + directions[:, land] * travelled[land]
    light[:, land] = _add_air(_light_land(points), travelled[land], directions[:, land])
    return light, travelled


def _march(origins: Array, directions: Array, limits: Array) -> Array:
    """How far each ray goes to the ground; infinity for none."""
    travelled = np.full(limits.size, 0.02, np.float32)
    met = np.full(limits.size, np.inf, np.float32)
    active = np.arange(limits.size)
    for _ in range(_STEPS):
        points = origins[:, active] + directions[:, active] * travelled[active]
        above = points[1] - _look_up_height(points[0], points[2])
        is_met = above < 0.0015 * travelled[active]
        met[active[is_met]] = travelled[active[is_met]]
        travelled[active] += np.maximum(above * 0.42, 0.004 * travelled[active])
        active = active[~is_met & (travelled[active] < limits[active]) & (points[1] < 17)]
        if not active.size:
            break
    return met


def _height(x: Array, z: Array, octaves: int) -> Array:
    """Of the ground over the water: a valley that opens to the eye, ridges behind one another."""
    rough = layered_noise(x * 0.11 + 3.1, z * 0.11 + 8.4, octaves, 0.47)
    # Folding noise at its middle makes ridges of what were slopes.
    ridge = (1 - np.abs(2 * layered_noise(x * 0.065 + 11.7, z * 0.065 + 2.2, octaves, 0.45) - 1)) ** 2
    valley = np.abs(x - 2.2 + 2.5 * np.sin(z * 0.05)) / (9.0 + 0.10 * np.maximum(24 - z, 0))
    walls = step(0.35, 1.7, valley)
    head = step(-14, -52, z)
    peaks = np.maximum(walls * 1.05, head)
    return peaks * (1.2 + 12.5 * ridge * (0.45 + 0.55 * rough)) + 1.5 * (rough - 0.95) * (1 - peaks)


@cache
def _survey() -> Array:
    """Heights on a grid, for the many steps of a march."""
    x, z = np.meshgrid(*(np.arange(low, high, _CELL).astype(np.float32) for low, high in (_MAP_X, _MAP_Z)))
    return np.concatenate(
        [_height(*rows, 6) for rows in zip(np.array_split(x, 16), np.array_split(z, 16), strict=True)]
    )


def _look_up_height(x: Array, z: Array) -> Array:
    """Of the ground, between the four nearest points of the grid."""
    heights = _survey()
    across = np.clip((x - _MAP_X[0]) / np.float32(_CELL), 0, heights.shape[1] - 1.01)
    down = np.clip((z - _MAP_Z[0]) / np.float32(_CELL), 0, heights.shape[0] - 1.01)
    place, row = across.astype(np.int32), down.astype(np.int32)
    across, down = across - place, down - row
    upper = heights[row, place] * (1 - across) + heights[row, place + 1] * across
    lower = heights[row + 1, place] * (1 - across) + heights[row + 1, place + 1] * across
    ground: Array = upper * (1 - down) + lower * down
    return ground


def _light_land(points: Array) -> Array:
    x, y, z = points
    near = np.float32(0.03)
    here = _height(x, z, 8)
    normals = normalise(
        np.stack((here - _height(x + near, z, 8), np.full_like(x, near), here - _height(x, z + near, 8)))
    )
    steep = 1 - normals[1]
    patch = layered_noise(x * 1.3, z * 1.3)
    ground = mix(column(0.09, 0.075, 0.065), column(0.16, 0.135, 0.115), patch)
    # Conifers reach up to a line; their crowns are finer than the height field.
    crowns = smooth_noise(x * 9, z * 9 + y * 5)
    forest = column(0.012, 0.026, 0.015) * (0.4 + 1.2 * crowns)
    ground = mix(ground, forest, step(3.2, 1.6, y + 1.6 * patch) * step(0.75, 0.45, steep))
    snow = step(4.6, 6.2, y + 2.2 * patch) * step(0.62, 0.34, steep)
    ground = mix(ground, column(0.78, 0.80, 0.86), snow)
    facing = np.clip(dot(normals, _SUN) * 0.85 + 0.15, 0, 1)
    lit = np.zeros_like(x)
    sunny = np.flatnonzero(facing > 0)
    start = points[:, sunny] + normals[:, sunny] * np.float32(0.08)
    towards = np.broadcast_to(_SUN, start.shape)
    lit[sunny] = np.isinf(_march(start, towards, np.full(sunny.size, 30, np.float32)))
    sky = column(0.30, 0.34, 0.50) * (0.55 + 0.45 * normals[1]) + column(0.35, 0.16, 0.08) * np.clip(-normals[2], 0, 1)
    return ground * (_SUNLIGHT * facing * lit * 0.6 + sky)


def _see_sky(directions: Array) -> Array:
    x, y, z = directions
    up = np.clip(y, 0, 1)
    to_sun = np.clip(dot(directions, _SUN), 0, 1)
    sky = mix(column(1.0, 0.40, 0.15), column(0.42, 0.27, 0.38), step(0, 0.22, up))
    sky = mix(sky, column(0.07, 0.12, 0.30), step(0.12, 0.52, up))
    glow = column(1.2, 0.5, 0.14) * to_sun**24 * 0.6 + column(2.2, 1.2, 0.5) * to_sun**220
    disc = column(30, 18, 8) * step(0.99945, 0.9997, to_sun)
    # Clouds lie in a plane above, so that they grow narrower towards the horizon.
    far = 1 / (up + 0.09)
    u, v = x * far * 1.05, z * far * 0.55
    bend = layered_noise(u * 0.8 + 5, v * 2.0, 4)
    cloud = layered_noise(u * 1.1 + 1.6 * bend, v * 2.6 + bend, 6, 0.55)
    thick = step(0.47, 0.72, cloud) * step(0.0, 0.10, up)
    # Lit from below: thin edges glow, thick middles are grey violet.
    rim = mix(column(1.9, 0.72, 0.30), column(0.9, 0.42, 0.42), step(0.1, 0.5, up)) * (0.55 + 1.4 * to_sun**6)
    clouds = mix(rim, column(0.22, 0.16, 0.22), step(0.35, 1.0, thick) * 0.85)
    return mix(sky + glow, clouds, thick * 0.9) + glow * 0.35 * thick + disc * (1 - thick)


def _add_air(light: Array, travelled: Array, directions: Array) -> Array:
    """Haze in front of what is far away, bright towards the sun."""
    to_sun = np.clip(dot(directions, _SUN), 0, 1)
    haze = mix(column(0.26, 0.22, 0.32), column(0.95, 0.42, 0.17), to_sun**12)
    return mix(light, haze, 1 - np.exp(-travelled * 0.0085))
