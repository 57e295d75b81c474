"""Tracing: light followed backwards from the eye, which gives a still life its soft shadows and reflections.

A scene is a few bodies on a table, each the set of points where its distance field is negative, under soft boxes of
light that are far away. Paths of light are random, so a picture is the mean of many samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from beam_image_edit.pipeline.examples.drawing.vectors import (
    Array,
    Field,
    Paint,
    column,
    cross,
    dot,
    normalise,
)

_STEPS = 90
_CLOSE = np.float32(0.0012)
_BOUNCES = 4


@dataclass(frozen=True, slots=True)
class Surface:
    """What a body is made of.

    Attributes:
        colour: share of light given back, by point.
        gloss: share of light mirrored when looked at squarely; about 0.04 for glaze and varnish.
        roughness: how far mirrored light strays; 0 is a mirror.
        is_metal: whether mirrored light takes the body's colour, and no other is given back.
        relief: height of fine detail that only the light sees.
    """

    colour: Paint
    gloss: float = 0.04
    roughness: float = 0.1
    is_metal: bool = False
    relief: Field | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A shape and its surface; `distance` is negative inside."""

    distance: Field
    surface: Surface


@dataclass(frozen=True, slots=True)
class SoftBox:
    """A rectangle of light, far away.

    Attributes:
        direction: where it is, from the scene.
        width: half of it, as the tangent of the angle.
        height: likewise.
        light: what it sends, red, green and blue.
    """

    direction: tuple[float, float, float]
    width: float
    height: float
    light: tuple[float, float, float]

    def frame(self) -> tuple[Array, Array, Array]:
        """The directions forward, right and up, as seen from the scene."""
        forward = normalise(column(*self.direction))
        right = normalise(cross(forward, column(0, 1, 0.01)))
        return forward, right, cross(right, forward)

    def sample(self, count: int, random: Generator) -> Array:
        """Directions to random points of it."""
        forward, right, up = self.frame()
        across, along = random.uniform(-1, 1, (2, count)).astype(np.float32)
        return normalise(forward + right * (across * self.width) + up * (along * self.height))

    def show(self, directions: Array) -> Array:
        """Its light where a direction meets it, with edges that fade a little; 0 elsewhere."""
        forward, right, up = self.frame()
        ahead = np.maximum(dot(directions, forward), 1e-3)
        across = np.abs(dot(directions, right) / ahead) / self.width
        along = np.abs(dot(directions, up) / ahead) / self.height
        inside = np.clip((1 - np.maximum(across, along)) * 12, 0, 1) * (ahead > 2e-3)
        return column(*self.light) * inside

    @property
    def strength(self) -> Array:
        """Light that falls on a surface that faces it."""
        return column(*self.light) * np.float32(4 * self.width * self.height)


@dataclass(frozen=True, slots=True)
class Scene:
    """Bodies on a table, and their light.

    Attributes:
        bodies: all of them within `reach` of `middle`.
        middle: of the sphere around the bodies.
        reach: radius of that sphere.
        table: the plane y = 0.
        table_end: the z where the table ends, away from the eye.
        boxes: what lights the scene.
        surroundings: what is seen of the rest, by direction.
    """

    bodies: Sequence[Body]
    middle: tuple[float, float, float]
    reach: float
    table: Surface
    table_end: float
    boxes: Sequence[SoftBox]
    surroundings: Paint

    def distance(self, points: Array) -> Array:
        """To the nearest body."""
        nearest: Array = np.minimum.reduce([body.distance(points) for body in self.bodies])
        return nearest


def trace(scene: Scene, origins: Array, directions: Array, random: Generator) -> Array:
    """The light that comes along each ray, by one random path: (3, n)."""
    light = np.zeros_like(origins)
    share = np.ones_like(origins)
    rays = np.arange(origins.shape[1])
    # Soft boxes light matt surfaces by shadow rays, so only the eye and mirrored rays see them as things.
    sees_boxes = np.ones(rays.size, bool)
    for _ in range(_BOUNCES):
        travelled, on_table = _find_hits(scene, origins, directions)
        missed = np.isinf(travelled)
        light[:, rays[missed]] += share[:, missed] * _show_far(scene, directions[:, missed], sees_boxes[missed])
        kept = ~missed
        rays, share, directions = rays[kept], share[:, kept], directions[:, kept]
        if not rays.size:
            break
        points = origins[:, kept] + directions * travelled[kept]
        normals, colours, gloss, roughness, metal = _look_up(scene, points, on_table[kept])
        facing = np.clip(-dot(directions, normals), 0, 1)
        mirrored = gloss + (1 - gloss) * (1 - facing) ** 5 * (1 - roughness)
        # Mirrored light is followed more often than its share, and counted for less, since it is what shows noise.
        chance = np.clip(mirrored, 0.25, 0.9)
        goes_on = random.random(rays.size) < chance
        weight = np.where(goes_on, mirrored / chance, (1 - mirrored) / (1 - chance)).astype(np.float32)
        sees_boxes = metal | goes_on
        share = share * np.where(metal, colours, np.where(goes_on, weight, weight * colours))
        origins = points + normals * (3 * _CLOSE)
        matt = ~sees_boxes
        light[:, rays[matt]] += share[:, matt] * _gather(scene, origins[:, matt], normals[:, matt], random)
        directions = _leave(directions, normals, roughness, sees_boxes, random)
    return light


def cover(scene: Scene, origins: Array, directions: Array) -> Array:
    """White for the rays that meet a body, black for those that meet the table or nothing: (3, n)."""
    travelled, on_table = _find_hits(scene, origins, directions)
    met = (np.isfinite(travelled) & ~on_table).astype(np.float32)
    return np.broadcast_to(met, origins.shape)


def _find_hits(scene: Scene, origins: Array, directions: Array) -> tuple[Array, NDArray[np.bool_]]:
    """How far each ray goes, infinity where it meets nothing; and whether it ends on the table."""
    with np.errstate(divide='ignore', invalid='ignore'):
        to_table = np.where(directions[1] < -1e-5, -origins[1] / directions[1], np.float32(np.inf))
        is_beyond = origins[2] + directions[2] * to_table < scene.table_end
    to_table[is_beyond | (to_table <= 0)] = np.inf
    travelled = _march(scene, origins, directions, to_table)
    return np.minimum(travelled, to_table), travelled >= to_table


def _march(scene: Scene, origins: Array, directions: Array, limits: Array) -> Array:
    """How far each ray goes to a body, infinity where it meets none before its limit."""
    offset = origins - column(*scene.middle)
    closest = -dot(offset, directions)
    half_squared = closest**2 - dot(offset, offset) + np.float32(scene.reach**2)
    half = np.sqrt(np.maximum(half_squared, 0))
    travelled = np.maximum(closest - half, 0)
    ends = np.minimum(closest + half, limits)
    active = np.flatnonzero((half_squared > 0) & (travelled < ends))
    met = np.full(travelled.size, np.inf, np.float32)
    for _ in range(_STEPS):
        if not active.size:
            break
        gaps = scene.distance(origins[:, active] + directions[:, active] * travelled[active])
        travelled[active] += gaps
        is_met = gaps < _CLOSE
        met[active[is_met]] = travelled[active[is_met]]
        active = active[~is_met & (travelled[active] < ends[active])]
    return met


def _show_far(scene: Scene, directions: Array, sees_boxes: NDArray[np.bool_]) -> Array:
    far = scene.surroundings(directions).copy()
    for box in scene.boxes:
        far += box.show(directions) * sees_boxes
    return far


def _gather(scene: Scene, points: Array, normals: Array, random: Generator) -> Array:
    """Light that falls on matt points straight from the soft boxes."""
    gathered = np.zeros_like(points)
    for box in scene.boxes:
        directions = box.sample(points.shape[1], random)
        facing = dot(normals, directions)
        lit = np.flatnonzero(facing > 0)
        limits = np.full(lit.size, np.inf, np.float32)
        free = lit[np.isinf(_march(scene, points[:, lit], directions[:, lit], limits))]
        gathered[:, free] += box.strength * facing[free] / np.float32(np.pi)
    return gathered


def _look_up(
    scene: Scene, points: Array, on_table: NDArray[np.bool_]
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """Normals, colours, gloss, roughness, and whether it is metal, at points on surfaces."""
    nearest = np.argmin([body.distance(points) for body in scene.bodies], axis=0)
    nearest[on_table] = -1
    normals, colours = np.zeros_like(points), np.zeros_like(points)
    gloss, roughness = np.zeros((2, nearest.size), np.float32)
    metal = np.zeros(nearest.size, bool)
    table = Body(lambda spots: spots[1], scene.table)
    for index, body in enumerate((table, *scene.bodies), start=-1):
        here = np.flatnonzero(nearest == index)
        if here.size:
            surface, spots = body.surface, points[:, here]
            normals[:, here] = _find_normals(body, spots)
            colours[:, here] = surface.colour(spots)
            gloss[here], roughness[here], metal[here] = surface.gloss, surface.roughness, surface.is_metal
    return normals, colours, gloss, roughness, metal


def _find_normals(body: Body, points: Array) -> Array:
    """The slope of the distance, by differences towards the corners of a tetrahedron."""
    relief = body.surface.relief
    total = np.zeros_like(points)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        towards = column(*corner)
        spots = points + towards * np.float32(0.002)
        height = body.distance(spots) - relief(spots) if relief else body.distance(spots)
        total += towards * height
    return normalise(total)


def _leave(
    directions: Array, normals: Array, roughness: Array, mirrored: NDArray[np.bool_], random: Generator
) -> Array:
    """Where light goes on to: mirrored, with some straying, or to anywhere that a matt surface sees."""
    stray = normalise(random.standard_normal(directions.shape, np.float32))
    # A point on the unit sphere around the normal's end is cosine-distributed, as matt surfaces need it.
    matt = normals + stray * np.float32(0.999)
    mirror = directions - 2 * dot(directions, normals) * normals + stray * roughness
    return normalise(np.where(mirrored, mirror, matt))
