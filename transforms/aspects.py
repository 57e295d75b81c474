"""Aspects: the shape of a picture, and what to ask a model for so that the result has nearly the same.

A model makes pictures of its own choice of shapes: one of a few ratios, one of a few sizes, or any size within limits.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from beam_image_edit.transforms.models import ModelFacts
from beam_image_edit.transforms.rows import Parameters

# Any size: sides that 16 divides, at most three times as long as each other, and about the pixels of 1024x1024.
_STEP = 16
_LONGEST_RATIO = 3
_MOST_PIXELS = 1024 * 1024
_LEAST_PIXELS = _MOST_PIXELS * 4 // 5


def aspect_of(width: int, height: int) -> float | None:
    """Width by height; None where they are not known.

    >>> aspect_of(1200, 896)
    1.3393
    """
    return round(width / height, 4) if width and height else None


def drift(source: tuple[int, int], result: tuple[int, int]) -> float | None:
    """How much wider a result is for its height than its source, as a share; None where a size is not known.

    >>> drift((1200, 800), (1024, 1024))
    -0.3333
    """
    if not (all(source) and all(result)):
        return None
    return round(result[0] * source[1] / (result[1] * source[0]) - 1, 4)


def match_aspect(asked: Parameters, facts: ModelFacts, size: tuple[int, int]) -> Parameters:
    """The parameters with the aspect ratio or size that is nearest to a picture's, unless they say one.

    Nothing is asked of a model that can't be asked for a shape.

    Args:
        asked: what is asked for.
        facts: what the model takes.
        size: the picture's width and height; (0, 0): not known, and nothing is asked for.

    >>> from beam_image_edit.transforms.models import facts_of
    >>> match_aspect(Parameters(), facts_of('gemini', 'gemini-3-pro-image'), (4032, 3024)).aspect_ratio
    '4:3'
    >>> match_aspect(Parameters(), facts_of('openai', 'gpt-image-2.5-flare'), (4032, 3024)).size
    '1152x864'
    """
    if not all(size) or asked.aspect_ratio or asked.size or asked.use_variations:
        return asked
    if facts.aspect_ratios:
        return replace(asked, aspect_ratio=_nearest(facts.aspect_ratios, size))
    sizes = _any_sizes() if facts.takes_any_size else facts.sizes
    return replace(asked, size=_nearest(sizes, size)) if sizes else asked


def _nearest(shapes: tuple[str, ...], size: tuple[int, int]) -> str:
    """The shape whose ratio is nearest by proportion; of equal ones the first."""
    wanted = math.log(size[0] / size[1])
    return min(shapes, key=lambda shape: abs(_log_ratio(shape) - wanted))


@lru_cache(maxsize=4096)
def _log_ratio(shape: str) -> float:
    width, height = map(int, re.split('[:x]', shape))
    return round(math.log(width / height), 9)


@lru_cache(maxsize=1)
def _any_sizes() -> tuple[str, ...]:
    """The sizes that may be asked for, those of the most pixels first."""
    return tuple(f'{width}x{height}' for width, height in sorted(_list_sizes(), key=lambda size: -size[0] * size[1]))


def _list_sizes() -> Iterator[tuple[int, int]]:
    longest = math.isqrt(_MOST_PIXELS * _LONGEST_RATIO)
    for width in range(_STEP, longest + 1, _STEP):
        for height in range(_STEP, longest + 1, _STEP):
            is_legal = 1 / _LONGEST_RATIO <= width / height <= _LONGEST_RATIO
            if is_legal and _LEAST_PIXELS <= width * height <= _MOST_PIXELS:
                yield width, height
