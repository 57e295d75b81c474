"""Tokens: what a call costs, in the currency that both APIs bill in."""

import math
from dataclasses import dataclass

# Tokens of one image of about a megapixel, by quality: square, and not. `xhigh` and `max` have no published numbers.
_SQUARE = {'low': 272, 'medium': 1_056, 'high': 4_160, 'xhigh': 6_240, 'max': 8_320}
_OBLONG = {'low': 408, 'medium': 1_584, 'high': 6_240, 'xhigh': 9_360, 'max': 12_480}
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call costs, in tokens."""

    text_input: int = 0
    image_input: int = 0
    text_output: int = 0
    image_output: int = 0
    thinking: int = 0

    @property
    def input(self) -> int:
        """All that was sent."""
        return self.text_input + self.image_input

    @property
    def output(self) -> int:
        """All that came back, thoughts not counted."""
        return self.text_output + self.image_output

    @property
    def total(self) -> int:
        """All that is billed."""
        return self.input + self.output + self.thinking


def count_text(text: str) -> int:
    """Tokens of a text, roughly.

    >>> count_text('make it red')
    3
    """
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def count_openai_output(quality: str, width: int, height: int) -> int:
    """Tokens of one image that an OpenAI model makes.

    >>> count_openai_output('high', 1024, 1024), count_openai_output('medium', 1536, 1024)
    (4160, 1584)
    """
    table, pixels = (_SQUARE, 1024 * 1024) if width == height else (_OBLONG, 1536 * 1024)
    return max(1, round(table.get(quality, table['medium']) * width * height / pixels))


def count_openai_input(width: int, height: int) -> int:
    """Tokens of one image sent to an OpenAI model: a base and a number of tiles of 512 pixels.

    >>> count_openai_input(1024, 1024)
    581
    """
    return 65 + 129 * max(1, math.ceil(width / 512)) * max(1, math.ceil(height / 512))
