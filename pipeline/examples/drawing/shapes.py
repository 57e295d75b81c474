"""Shapes: distances to simple solids, negative inside, to be put together to bodies."""

import numpy as np

from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, dot


def length(*parts: Array) -> Array:
    """The length of vectors given by their parts."""
    return np.sqrt(sum((part * part for part in parts), np.float32(0)))


def sphere(points: Array, centre: tuple[float, float, float], radius: float) -> Array:
    """A ball."""
    return length(*(points - column(*centre))) - radius


def rectangle(x: Array, y: Array, half_width: Array | float, half_height: float, rounding: float) -> Array:
    """A rectangle in the plane with round corners; turned around an axis it is a disc or a drum."""
    across = np.abs(x) - (half_width - rounding)
    along = np.abs(y) - (half_height - rounding)
    outside = length(np.maximum(across, 0), np.maximum(along, 0))
    return outside + np.minimum(np.maximum(across, along), 0) - rounding


def rod(
    points: Array, start: tuple[float, float, float], end: tuple[float, float, float], thick: float, thin: float
) -> Array:
    """A rod with round ends, `thick` at its start and `thin` at its end."""
    along = column(*end) - column(*start)
    offset = points - column(*start)
    place = np.clip(dot(offset, along) / dot(along, along), 0, 1)
    return length(*(offset - along * place)) - (thick + (thin - thick) * place)


def join(left: Array, right: Array, softness: float) -> Array:
    """Both shapes, with a fillet where they meet."""
    blend = np.maximum(softness - np.abs(left - right), 0) / softness
    return np.minimum(left, right) - blend * blend * (softness / 4)


def carve(solid: Array, hole: Array, softness: float) -> Array:
    """The solid without the hole, the edge between them rounded."""
    return -join(-solid, hole, softness)
