"""The camera: rays through a lens, samples averaged, and light made into a picture as film would."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from beam_image_edit.pipeline.examples.drawing.denoising import denoise
from beam_image_edit.pipeline.examples.drawing.vectors import Array, column, cross, normalise

Trace = Callable[[Array, Array, Generator], Array]
"""The light along rays, from their origins and directions."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a picture is taken from, and how.

    Attributes:
        eye: its place.
        target: the point in the picture's middle, which is in focus.
        zoom: distance from lens to film, in halves of the film's width.
        aperture: radius of the lens; the larger, the more blurred is what is not in focus.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    zoom: float
    aperture: float = 0.0

    def send_rays(self, width: int, height: int, random: Generator) -> tuple[Array, Array]:
        """A ray through a random point of each pixel, row by row: origins and directions."""
        eye, target = column(*self.eye), column(*self.target)
        forward = normalise(target - eye)
        right = normalise(cross(forward, column(0, 1, 0)))
        up = cross(right, forward)
        down, across = np.mgrid[:height, :width].reshape(2, -1) + random.random((2, width * height))
        x = ((2 * across - width) / width).astype(np.float32)
        y = ((height - 2 * down) / width).astype(np.float32)
        focus = np.float32(np.linalg.norm(target - eye))
        sharp = eye + (forward + (right * x + up * y) / np.float32(self.zoom)) * focus
        turn, spread = random.random((2, x.size)).astype(np.float32)
        radius = np.sqrt(spread) * np.float32(self.aperture)
        lens = right * (np.cos(2 * np.pi * turn) * radius) + up * (np.sin(2 * np.pi * turn) * radius)
        origins = (eye + lens).astype(np.float32)
        return origins, normalise(sharp - origins)

    def take(self, trace: Trace, size: tuple[int, int], samples: int) -> Array:
        """Linear light, of shape (3, height, width), from an even number of samples; the same on every call."""
        random = np.random.default_rng(2026)
        width, height = size
        halves = np.zeros((2, 3, width * height), np.float32)
        for sample in range(samples):
            light = trace(*self.send_rays(width, height, random), random)
            # A single very bright path would stay as a white dot.
            halves[sample % 2] += np.minimum(light, 12)
        first, second = (halves / np.float32(samples / 2)).reshape(2, 3, height, width)
        return denoise(first, second)


def develop(light: Array, exposure: float = 1.0, vignette: float = 0.15) -> Image.Image:
    """Linear light as an RGB picture, highlights rolled off and corners a little darker."""
    _, height, width = light.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    x = light * exposure * (1 - vignette * (across**2 + down**2) / 2)
    # Krzysztof Narkowicz's fit of the film curve ACES.
    film = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    levels = np.where(film < 0.0031308, film * 12.92, 1.055 * film ** (1 / 2.4) - 0.055)
    return Image.fromarray((levels.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8))
