"""Noise: smooth random values in the plane, of which wood, clouds, rock and leather are made."""

import numpy as np
from numpy.typing import NDArray

from beam_image_edit.pipeline.examples.drawing.vectors import Array

_PERIOD = 256
_LATTICE: NDArray[np.float32] = np.random.default_rng(7).random((_PERIOD, _PERIOD), np.float32)


def scatter(x: Array, y: Array) -> Array:
    """A random value for each cell of the integer grid, 0 to 1."""
    values: Array = _LATTICE[np.floor(y).astype(np.int64) % _PERIOD, np.floor(x).astype(np.int64) % _PERIOD]
    return values


def smooth_noise(x: Array, y: Array) -> Array:
    """Random values, 0 to 1, that change smoothly over a distance of 1."""
    across, down = x - np.floor(x), y - np.floor(y)
    # The quintic fade has no curvature at the grid's lines, so that light on relief doesn't show them.
    across = across**3 * (across * (across * 6 - 15) + 10)
    down = down**3 * (down * (down * 6 - 15) + 10)
    top = scatter(x, y) * (1 - across) + scatter(x + 1, y) * across
    bottom = scatter(x, y + 1) * (1 - across) + scatter(x + 1, y + 1) * across
    return top * (1 - down) + bottom * down


def layered_noise(x: Array, y: Array, octaves: int = 5, decay: float = 0.5) -> Array:
    """Noise with detail: each octave twice as fine as the one before and weaker by `decay`; 0 to 1."""
    total = np.zeros_like(x)
    weight, sum_of_weights = 1.0, 0.0
    for _ in range(octaves):
        total += weight * smooth_noise(x, y)
        sum_of_weights += weight
        weight *= decay
        # Turned by 37 degrees and moved, so that the octaves' grids don't coincide.
        x, y = 1.6 * x - 1.2 * y + 17.3, 1.2 * x + 1.6 * y + 5.9
    return total / np.float32(sum_of_weights)
