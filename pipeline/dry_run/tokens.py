"""Tokens of a call, foretold from the sizes of its pictures and the lengths of its texts.

As the providers publish them, November 2026; docs/cost.md has the sources. Two things nobody publishes: how long a
Gemini model thinks, so that its tokens are a range about those of the published example, and what an OpenAI model makes
of `auto`, taken for medium.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beam_image_edit.transforms.clients.openai import full_prompt
from beam_image_edit.transforms.clients.payloads import merge_deep
from beam_image_edit.transforms.models import plain_name
from beam_image_edit.transforms.row_calls import RowCalls, Step
from beam_image_edit.transforms.usage import Usage

_CHARACTERS_PER_TOKEN = 4
# How much a model thinks about an edit is known from one answer only, that of Google's documentation. What it thinks at
# its highest level nobody has published; it is taken for twice as much. Over many calls it may be half as much or half
# as much again.
THINKING = 200
_THINKING_BY_LEVEL = {'minimal': 0, 'high': 2 * THINKING}
_MEGAPIXEL = 1024 * 1024

# OpenAI: tokens of a picture made, of 1024x1024 and of 1536x1024, by quality. For the last two there are no figures;
# they are taken to grow as the others do.
_SQUARE = {'low': 272, 'medium': 1_056, 'high': 4_160, 'xhigh': 6_240, 'max': 8_320}
_OBLONG = {'low': 408, 'medium': 1_584, 'high': 6_240, 'xhigh': 9_360, 'max': 12_480}
_OBLONG_PIXELS = 1536 * 1024
_BASE_TOKENS, _TILE_TOKENS, _TILE = 65, 129, 512
_SIZE = re.compile(r'(\d{1,6})x(\d{1,6})')


@dataclass(frozen=True, slots=True)
class _GeminiTokens:
    """Tokens of a picture sent and, by its size, of one made; and whether the model thinks."""

    sent: int = 1_100
    made: Mapping[str, int] | None = None
    thinks: bool = True


_FLASH = {'512': 747, '1K': 1_120, '2K': 1_680, '4K': 2_520}
# By the beginning of the name, the first that fits; a model that is not known is taken for one of the newest kind.
_GEMINI = (
    ('gemini-2.5-flash-image', _GeminiTokens(258, {'1K': 1_290}, thinks=False)),
    ('gemini-3-pro-image', _GeminiTokens(made={'1K': 1_120, '2K': 1_120, '4K': 2_000})),
    ('', _GeminiTokens(made=_FLASH)),
)


@dataclass(frozen=True, slots=True)
class CallTokens:
    """What a call will consume.

    Attributes:
        text_input: tokens of the texts sent.
        image_input: tokens of the pictures sent.
        image_output: tokens of the pictures made.
        thinking: tokens of thoughts: the least, the likely and the most, on an average of many calls.
        images: how many pictures are made.
        pixels: of each of them.
    """

    text_input: int
    image_input: int
    image_output: int
    thinking: tuple[int, int, int]
    images: int
    pixels: int

    def usage(self, thinking: int) -> Usage:
        """As an answer with so many tokens of thoughts would report it."""
        sent = self.text_input + self.image_input
        return Usage(
            input=sent,
            output=self.image_output,
            thinking=thinking,
            total=sent + self.image_output + thinking,
            input_image=self.image_input,
            output_image=self.image_output,
        )


def foretell(calls: RowCalls, step: Step) -> CallTokens:
    """What one call of a row will consume."""
    return _foretell_gemini(calls, step) if calls.endpoint.format_name == 'gemini' else _foretell_openai(calls, step)


def count_text(text: str) -> int:
    """Tokens of a text, by the rule of thumb for English.

    >>> count_text('make it red')
    3
    """
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def _foretell_gemini(calls: RowCalls, step: Step) -> CallTokens:
    name = plain_name(calls.model)
    known = next(tokens for beginning, tokens in _GEMINI if name.startswith(beginning))
    resolution, level = _read_generation_config(calls)
    thinking = _THINKING_BY_LEVEL.get(level, THINKING) if known.thinks else 0
    made = known.made or {}
    # Each earlier turn is sent again, with the picture that it made.
    texts = (calls.row.system or '', *calls.row.instructions[: step.turn + 1])
    scale = int(resolution[:-1]) if resolution[:-1].isdecimal() and resolution.endswith('K') else 0.5
    return CallTokens(
        text_input=sum(map(count_text, texts)),
        image_input=(len(calls.images) + step.turn) * known.sent,
        image_output=made.get(resolution, made['1K']),
        thinking=(thinking // 2, thinking, thinking + thinking // 2),
        images=1,
        pixels=int(_MEGAPIXEL * scale * scale),
    )


def _read_generation_config(calls: RowCalls) -> tuple[str, str]:
    """The size asked for, and how much the model is to think; raw fields are merged in last, as in the request."""
    asked = calls.row.parameters
    body: dict[str, Any] = {'generationConfig': {'imageConfig': {'imageSize': asked.resolution}}}
    config = _object(merge_deep(body, asked.extra_body).get('generationConfig'))
    size = _object(config.get('imageConfig')).get('imageSize')
    level = _object(config.get('thinkingConfig')).get('thinkingLevel')
    return str(size or '1K'), str(level).lower()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _foretell_openai(calls: RowCalls, step: Step) -> CallTokens:
    asked = calls.size(step)
    sent = [image.info.size for image in calls.images]
    size = _SIZE.fullmatch(asked.size or '')
    made = (int(size[1]), int(size[2])) if size else _natural_size(sent[-1])
    if step.turn:
        sent = [made]  # each turn edits the picture of the one before
    prompt = calls.row.instructions[step.turn] if calls.row.instructions else ''
    return CallTokens(
        text_input=count_text(full_prompt(calls.row.system, prompt)),
        image_input=sum(count_openai_input(*each) for each in sent),
        image_output=asked.images_asked * count_openai_output(asked.quality, *made),
        thinking=(0, 0, 0),
        images=asked.images_asked,
        pixels=made[0] * made[1],
    )


def count_openai_input(width: int, height: int) -> int:
    """Tokens of a picture sent: a base, and some for each tile of 512 pixels.

    >>> count_openai_input(1024, 1024)
    581
    """
    return _BASE_TOKENS + _TILE_TOKENS * max(1, math.ceil(width / _TILE)) * max(1, math.ceil(height / _TILE))


def count_openai_output(quality: str | None, width: int, height: int) -> int:
    """Tokens of a picture made, in proportion to its pixels.

    >>> count_openai_output('high', 1024, 1024), count_openai_output(None, 1536, 1024)
    (4160, 1584)
    """
    table, pixels = (_SQUARE, _MEGAPIXEL) if width == height else (_OBLONG, _OBLONG_PIXELS)
    return max(1, round(table.get(quality or '', table['medium']) * width * height / pixels))


def _natural_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size of a picture for which none was asked: that of the picture it is made of, at most a megapixel."""
    width, height = size
    scale = min(1.0, (_MEGAPIXEL / max(1, width * height)) ** 0.5)
    return max(1, round(width * scale)), max(1, round(height * scale))
