"""Denoising: what is left of chance after a few samples, averaged away among pixels that look alike.

Two halves of the samples, made independently, are compared: where they differ is noise, what they share is picture.
Each half is averaged with weights from the other, so that no noise confirms itself (Rousselle, Knaus and Zwicker 2012).
"""

import numpy as np

from beam_image_edit.pipeline.examples.drawing.vectors import Array

_REACH = 4  # pixels in each direction
_PATCH = 2
_STRENGTH = 0.4


def denoise(first: Array, second: Array) -> Array:
    """The mean of two halves of linear light, of shape (3, height, width), smooth where only noise differs."""
    # Bright light is compressed as the eye does it; otherwise highlights alone would decide what looks alike.
    halves = [np.log1p(8 * half) for half in (first, second)]
    noise = _average((halves[0] - halves[1]) ** 2 / 2, _REACH)
    smooth = [_filter(half, guide, noise) for half, guide in (halves, halves[::-1])]
    light: Array = np.expm1((smooth[0] + smooth[1]) / 2) / np.float32(8)
    return light


def _filter(half: Array, guide: Array, noise: Array) -> Array:
    total, weights = np.zeros_like(half), np.zeros_like(half[0])
    for down in range(-_REACH, _REACH + 1):
        for across in range(-_REACH, _REACH + 1):
            moved_guide, moved_noise, moved = (_move(values, down, across) for values in (guide, noise, half))
            both = noise + np.minimum(noise, moved_noise)
            unlike = ((guide - moved_guide) ** 2 - both) / (1e-5 + _STRENGTH**2 * (noise + moved_noise))
            weight = np.exp(-np.maximum(_average(unlike, _PATCH).mean(axis=0), 0))
            total += moved * weight
            weights += weight
    return total / weights


def _move(values: Array, down: int, across: int) -> Array:
    return np.roll(values, (down, across), axis=(1, 2))


def _average(values: Array, reach: int) -> Array:
    """The mean of the square of pixels around each pixel."""
    for axis in (1, 2):
        values = np.mean([np.roll(values, shift, axis) for shift in range(-reach, reach + 1)], axis=0)
    return values
