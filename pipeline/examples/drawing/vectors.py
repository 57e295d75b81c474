"""Vectors: many points, directions or colours at once, as float32 arrays of shape (3, n)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Field = Callable[[Array], Array]
"""A number for each point, such as its distance to a shape: (3, n) → (n,)."""
Paint = Callable[[Array], Array]
"""A colour, as linear light, for each point or direction: (3, n) → (3, n)."""


def column(x: float, y: float, z: float) -> Array:
    """One vector, shaped to be broadcast over many."""
    return np.array(((x,), (y,), (z,)), np.float32)


def dot(left: Array, right: Array) -> Array:
    """The inner products: (n,)."""
    product: Array = (left * right).sum(axis=0)
    return product


def normalise(vectors: Array) -> Array:
    """The vectors at length 1."""
    return vectors / np.sqrt(dot(vectors, vectors))


def cross(left: Array, right: Array) -> Array:
    """The vectors at right angles to both."""
    return np.stack(
        (
            left[1] * right[2] - left[2] * right[1],
            left[2] * right[0] - left[0] * right[2],
            left[0] * right[1] - left[1] * right[0],
        )
    )


def mix(low: Array, high: Array, amount: Array) -> Array:
    """From `low`, where the amount is 0, to `high`, where it is 1."""
    return low + (high - low) * np.clip(amount, 0, 1)


def step(low: float, high: float, values: Array) -> Array:
    """A smooth step: 0 up to `low`, 1 from `high` on; the other way round if `high` is the smaller."""
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def plain(red: float, green: float, blue: float) -> Paint:
    """One colour everywhere."""
    colour = column(red, green, blue)
    return lambda points: np.broadcast_to(colour, points.shape)
