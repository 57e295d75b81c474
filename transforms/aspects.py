"""Aspects: the shape of a picture, and what to ask a model for so that the result has nearly the same.

A model makes pictures of its own choice of shapes. Gemini takes one of a few ratios; OpenAI's newer models take any
size within limits, the older ones three. As published in November 2026.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from beam_image_edit.transforms.models import plain_name
from beam_image_edit.transforms.rows import Parameters

_RATIOS = ('1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9')
_LONG_RATIOS = (*_RATIOS, '1:4', '4:1', '1:8', '8:1')
# Who knows the long ones, by the beginning of the name.
_WITH_LONG_RATIOS = ('gemini-3.1-flash-image', 'gemini-nano-banana', 'nano-banana-2')
_SIZES = ('1024x1024', '1536x1024', '1024x1536')
_FREE_SIZES = re.compile(r'gpt-image-([2-9]|\d\d)')
# A free size: sides that 16 divides, at most three times as long as each other, and about the pixels of 1024x1024.
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


def match_aspect(asked: Parameters, api_format: str, model: str, size: tuple[int, int]) -> Parameters:
    """The parameters with the aspect ratio or size that is nearest to a picture's, unless they say one.

    >>> match_aspect(Parameters(), 'gemini', 'gemini-3-pro-image', (4032, 3024)).aspect_ratio
    '4:3'
    >>> match_aspect(Parameters(), 'openai', 'gpt-image-2.5-flare', (4032, 3024)).size
    '1152x864'

    Args:
        asked: what is asked for.
        api_format: `gemini` or `openai`.
        model: its name; dall-e models only make squares, so nothing is asked of them.
        size: the picture's width and height; (0, 0): not known, and nothing is asked for.
    """
    if not all(size) or asked.aspect_ratio or asked.size or asked.use_variations:
        return asked
    name = plain_name(model)
    if api_format == 'gemini':
        ratios = _LONG_RATIOS if name.startswith(_WITH_LONG_RATIOS) else _RATIOS
        return replace(asked, aspect_ratio=_nearest(ratios, size))
    if name.startswith('dall-e'):
        return asked
    return replace(asked, size=_nearest(_free_sizes() if _FREE_SIZES.match(name) else _SIZES, size))


def _nearest(shapes: tuple[str, ...], size: tuple[int, int]) -> str:
    """The shape whose ratio is nearest by proportion; of equal ones the first."""
    wanted = math.log(size[0] / size[1])
    return min(shapes, key=lambda shape: abs(_log_ratio(shape) - wanted))


@lru_cache(maxsize=4096)
def _log_ratio(shape: str) -> float:
    width, height = map(int, re.split('[:x]', shape))
    return round(math.log(width / height), 9)


@lru_cache(maxsize=1)
def _free_sizes() -> tuple[str, ...]:
    """The sizes that may be asked for, those of the most pixels first."""
    return tuple(f'{width}x{height}' for width, height in sorted(_list_sizes(), key=lambda size: -size[0] * size[1]))


def _list_sizes() -> Iterator[tuple[int, int]]:
    longest = math.isqrt(_MOST_PIXELS * _LONGEST_RATIO)
    for width in range(_STEP, longest + 1, _STEP):
        for height in range(_STEP, longest + 1, _STEP):
            is_legal = 1 / _LONGEST_RATIO <= width / height <= _LONGEST_RATIO
            if is_legal and _LEAST_PIXELS <= width * height <= _MOST_PIXELS:
                yield width, height
