"""Geometry: how a result's shape differs from its source's.

Models draw in a few sizes of their own, so a result is rarely as large as its source. Its shape is what matters: where
it differs, something was cropped, stretched or added.
"""

from math import gcd

NOTICEABLE_DRIFT = 0.03
"""From here on two shapes are told apart by eye; Gemini's own 4:3 (1184x864) is 2.8 % off."""

_MOST_IN_A_RATIO = 32


def name_ratio(size: tuple[int, int]) -> str:
    """A shape in words: a ratio of small numbers where there is one.

    >>> name_ratio((1024, 1536)), name_ratio((1264, 848)), name_ratio((0, 0))
    ('2:3', '1.49:1', '')
    """
    width, height = size
    if not width or not height:
        return ''
    divisor = gcd(width, height)
    if max(width, height) // divisor <= _MOST_IN_A_RATIO:
        return f'{width // divisor}:{height // divisor}'
    return f'{width / height:.2f}:1' if width >= height else f'1:{height / width:.2f}'
