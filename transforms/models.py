"""What is known of the models: limits that are checked before a call is paid for, and retirements.

As published in November 2026, by the names that the providers use. Nothing here is a closed list: a name that is not
known gets its format's general limits, and goes to the server as it was given. Limits are for refusing what can't
succeed; where a provider's documents disagree the larger one is used, and the API has the last word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from beam_image_edit.transforms.errors import ConfigurationError

_MB = 1024 * 1024
# A token is about four characters of English; limits in tokens are checked in characters.
_CHARACTERS_PER_TOKEN = 4
_RATIOS = ('1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9')
_LONG_RATIOS = (*_RATIOS, '1:4', '4:1', '1:8', '8:1')


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model takes; None where no limit is known.

    Attributes:
        accepted_mimes: MIME types of pictures that it takes as they are.
        max_images: pictures in one call.
        max_prompt_characters: characters of one call's prompt.
        max_image_bytes: bytes of one picture.
        max_request_bytes: bytes of a whole request body, with its base64.
        max_output_tokens: tokens of one answer, thoughts included.
        max_image_tokens: tokens that one picture sent can count for; None: it depends on its size.
        aspect_ratios: width to height of the pictures that it can be asked for, as `16:9`; empty: it takes none.
        sizes: width and height in pixels that it can be asked for, as `1536x1024`; empty: it takes none.
        takes_any_size: whether it can be asked for other sizes too, within limits.
        takes_mask: whether a mask can be sent.
        is_dall_e: whether it is one of the old family, which must be asked for `response_format`.
        needs_dall_e_2_input: whether its pictures must be square RGBA PNGs under 4 MB.
    """

    accepted_mimes: frozenset[str]
    max_images: int | None = None
    max_prompt_characters: int | None = None
    max_image_bytes: int | None = None
    max_request_bytes: int | None = None
    max_output_tokens: int | None = None
    max_image_tokens: int | None = None
    aspect_ratios: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    takes_any_size: bool = False
    takes_mask: bool = False
    is_dall_e: bool = False
    needs_dall_e_2_input: bool = False


@dataclass(frozen=True, slots=True)
class Retirement:
    """That a provider shuts a model down, when, and what it names instead."""

    on: date
    successor: str


_GEMINI = ModelFacts(
    accepted_mimes=frozenset(('image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif')),
    max_request_bytes=100 * _MB,
    max_output_tokens=32_768,
    # Of the third generation; the second takes 258.
    max_image_tokens=1_120,
    aspect_ratios=_RATIOS,
)
_GPT_IMAGE = ModelFacts(
    accepted_mimes=frozenset(('image/png', 'image/jpeg', 'image/webp')),
    max_images=16,
    max_prompt_characters=32_000,
    max_image_bytes=50 * _MB - 1,
    sizes=('1024x1024', '1536x1024', '1024x1536'),
    takes_mask=True,
)
_DALL_E_2 = ModelFacts(
    accepted_mimes=frozenset(('image/png',)),
    max_images=1,
    max_prompt_characters=1_000,
    max_image_bytes=4 * _MB - 1,
    takes_mask=True,
    is_dall_e=True,
    needs_dall_e_2_input=True,
)


def _gemini_3(prompt_tokens: int) -> ModelFacts:
    return replace(_GEMINI, max_images=14, max_prompt_characters=prompt_tokens * _CHARACTERS_PER_TOKEN)


_NANO_BANANA_2 = replace(_gemini_3(131_072), aspect_ratios=_LONG_RATIOS)


# By the beginning of the name, because snapshots and previews add to its end; the first that fits.
_KNOWN: Mapping[str, tuple[tuple[str, ModelFacts], ...]] = {
    'gemini': (
        ('gemini-2.5-flash-image', replace(_GEMINI, max_prompt_characters=32_768 * _CHARACTERS_PER_TOKEN)),
        ('gemini-3-pro-image', _gemini_3(65_536)),
        ('gemini-3.1-flash-lite-image', replace(_gemini_3(65_536), max_output_tokens=4_096)),
        ('gemini-3.1-flash-image', _NANO_BANANA_2),
        ('gemini-nano-banana', _NANO_BANANA_2),
        ('nano-banana-2', _NANO_BANANA_2),
        ('nano-banana', _gemini_3(131_072)),
        ('gemini-3', _gemini_3(131_072)),
        ('', _GEMINI),
    ),
    'openai': (
        ('dall-e-2', _DALL_E_2),
        # They only make squares, so that there is no shape to ask for.
        ('dall-e', replace(_GPT_IMAGE, sizes=(), is_dall_e=True)),
        *((f'gpt-image-{generation}', replace(_GPT_IMAGE, takes_any_size=True)) for generation in range(2, 10)),
        ('', _GPT_IMAGE),
    ),
}

RETIRED: Mapping[str, Retirement] = MappingProxyType(
    {
        'dall-e-2': Retirement(date(2026, 5, 12), 'gpt-image-2.5-flare'),
        'dall-e-3': Retirement(date(2026, 5, 12), 'gpt-image-2.5-flare'),
        'gpt-image-1': Retirement(date(2026, 10, 23), 'gpt-image-2.5-flare'),
        'gpt-image-1-mini': Retirement(date(2026, 12, 1), 'gpt-image-2.6-flare'),
        'gpt-image-1.5': Retirement(date(2026, 12, 1), 'gpt-image-2.6-sunburst'),
        'chatgpt-image-latest': Retirement(date(2026, 12, 1), 'gpt-image-2.6-sunburst'),
        'gemini-2.5-flash-image-preview': Retirement(date(2026, 1, 15), 'gemini-nano-banana-2.1'),
        'gemini-2.5-flash-image': Retirement(date(2026, 10, 2), 'gemini-nano-banana-2.1'),
        'gemini-3-pro-image-preview': Retirement(date(2026, 6, 25), 'gemini-3-pro-image'),
        'gemini-3.1-flash-image-preview': Retirement(date(2026, 6, 25), 'gemini-nano-banana-2.1'),
        'gemini-3.1-flash-image': Retirement(date(2026, 10, 29), 'gemini-nano-banana-2.1'),
    }
)


def facts_of(api_format: str, model: str) -> ModelFacts:
    """What a model takes, by its name, with or without a provider's prefix and a snapshot's date.

    >>> facts_of('openai', 'openai/dall-e-2').max_images
    1
    >>> facts_of('gemini', 'something-new').max_images is None
    True

    Raises:
        ConfigurationError: there is no such format.
    """
    if api_format not in _KNOWN:
        raise ConfigurationError(f'api_format must be one of {", ".join(_KNOWN)}, got {api_format!r}')
    name = plain_name(model)
    return next(facts for beginning, facts in _KNOWN[api_format] if name.startswith(beginning))


def retirement_warning(model: str, today: date | None = None) -> str | None:
    """One sentence if the provider of a model has shut it down or says when it will; None if not.

    >>> retirement_warning('gpt-image-1', date(2026, 11, 22))
    'gpt-image-1 was shut down by its provider on 2026-10-23, use gpt-image-2.5-flare (other servers may still have it)'

    Args:
        model: its name, as given.
        today: the day to judge by; None: the calendar's.
    """
    retirement = RETIRED.get(undated_name(model))
    if retirement is None:
        return None
    is_gone = retirement.on <= (today or date.today())
    when = f'{"was" if is_gone else "will be"} shut down by its provider on {retirement.on}'
    return f'{model} {when}, use {retirement.successor} (other servers may still have it)'


def plain_name(model: str) -> str:
    """A model's name without its provider or folder, in lower case.

    >>> plain_name('publishers/google/models/Gemini-3-pro-image')
    'gemini-3-pro-image'
    """
    return model.strip().lower().rpartition('/')[2]


def undated_name(model: str) -> str:
    """A model's plain name without a snapshot's date.

    >>> undated_name('openai/gpt-image-2-2026-04-21')
    'gpt-image-2'
    """
    return re.sub(r'-\d{4}-\d{2}-\d{2}$', '', plain_name(model))
