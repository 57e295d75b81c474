"""Prices: what a call has cost, and the most that it can cost, in US dollars.

Either the user says what an image costs, or the tokens are priced as the maintained package `genai-prices` has it. What
a call cost is known once it is answered; a budget needs the most before anything is sent, and is kept only if that is
never too low. So every guess in a worst case is high, by as much as makes no difference beside the price of an image.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.models import ModelFacts, facts_of, plain_name, undated_name
from beam_image_edit.transforms.records import Billed
from beam_image_edit.transforms.usage import Usage

_MILLION = 1_000_000
_PROVIDERS = {'gemini': 'google', 'openai': 'openai'}
# Models that the package does not have, by one of the same price. The provider's page of 2.6-sunburst lists the prices
# of 2.5-sunburst. 2.6-flare is said to cost the same, but not by its provider: it stays unknown.
_SAME_PRICE = {'gpt-image-2.6-sunburst': 'gpt-image-2.5-sunburst'}

# A tokenizer falls back to bytes and never makes two tokens of one; in UTF-8 a character has up to four. English takes
# a sixteenth of that, rare scripts and emoji come near it.
_TOKENS_PER_CHARACTER = 4
# OpenAI counts a base and 129 for each tile of 512 pixels of a scaled-down picture; unscaled there are never fewer.
# Where a model looks at it with high fidelity, as all since gpt-image-2 do, up to 6,144 are added.
_BASE_TOKENS, _TILE_TOKENS, _TILE, _HIGH_FIDELITY_TOKENS = 65, 129, 512, 6_144
# The largest picture that an OpenAI model makes, and so the largest that one turn can hand to the next.
_LARGEST = (3840, 2160)
# OpenAI publishes no limit of an answer, only what a picture of 1536x1024 takes, and that for its first models; later
# ones take up to 1.7 times as much. So twice the figure is reserved: twice the largest where the model may choose the
# quality or there is no figure for it, and in proportion more where a larger picture is asked for.
_PUBLISHED_TOKENS = {'low': 408, 'medium': 1_584, 'high': 6_240}
_PUBLISHED_PIXELS = 1536 * 1024
_SIZE = re.compile(r'(\d{1,6})x(\d{1,6})')


@dataclass(frozen=True, slots=True)
class CallSize:
    """What decides the most that a call can cost.

    Attributes:
        text_characters: of the prompt, the system instruction and the earlier turns.
        images: width and height of every picture sent, earlier turns' and the mask too; (0, 0): not known yet.
        images_asked: how many images this one call asks for.
        size: such as `1536x1024` (OpenAI); None: the model chooses.
        quality: such as `high` (OpenAI); None: the model chooses.
    """

    text_characters: int
    images: tuple[tuple[int, int], ...]
    images_asked: int
    size: str | None = None
    quality: str | None = None


class Price(Protocol):
    """How calls are priced; as a text, one line for the log."""

    def cost_usd(self, usage: Usage | None, images_asked: int, billed: Billed, has_images: bool) -> float | None:
        """What one call has cost; None if nobody can tell.

        Args:
            usage: the tokens of its answer; None: there was none.
            images_asked: how many images it asked for.
            billed: whether it was charged for, as far as is known.
            has_images: whether images came.
        """
        ...

    def worst_case_usd(self, call: CallSize) -> float:
        """The most that a call can cost."""
        ...


@dataclass(frozen=True, slots=True)
class PricePerImage:
    """A price for each image asked for, whatever else a call takes.

    >>> price = PricePerImage(Decimal('0.039'))
    >>> str(price), price.cost_usd(None, 2, 'maybe', False), price.cost_usd(None, 2, 'no', False)
    ('$0.039 an image', 0.078, 0.0)
    """

    usd: Decimal

    def cost_usd(self, usage: Usage | None, images_asked: int, billed: Billed, has_images: bool) -> float:  # noqa: ARG002
        """As `Price.cost_usd`; what may have been charged for counts as if it were."""
        return 0.0 if billed == 'no' else float(self.usd * images_asked)

    def worst_case_usd(self, call: CallSize) -> float:
        """As `Price.worst_case_usd`."""
        return float(self.usd * call.images_asked)

    def __str__(self) -> str:
        return f'{_show(self.usd)} an image'


@dataclass(frozen=True, slots=True)
class PricePerToken:
    """A price for each token, of pictures apart from text.

    Attributes:
        text_input: US dollars for a million tokens of text sent.
        image_input: likewise for pictures sent.
        text_output: likewise for text and thoughts that come back.
        image_output: likewise for pictures that come back.
        facts: the model's limits.
        source: who says so.
    """

    text_input: Decimal
    image_input: Decimal
    text_output: Decimal
    image_output: Decimal
    facts: ModelFacts
    source: str

    def cost_usd(self, usage: Usage | None, images_asked: int, billed: Billed, has_images: bool) -> float | None:  # noqa: ARG002
        """As `Price.cost_usd`: by the tokens, with or without images; without tokens only what is not billed is known.

        What a provider had in its cache counts in full, which is never too little.
        """
        usage = _fill_gap(usage or Usage())
        sent, made = usage.input or 0, usage.output or 0
        if not (sent or made or usage.thinking):
            return 0.0 if billed == 'no' else None
        if has_images and not made:
            return None
        # Where the API did not tell them apart: pictures sent are never cheaper than text, and an answer is what came.
        sent_images = _images_within(sent, usage.input_image, otherwise=sent)
        made_images = _images_within(made, usage.output_image, otherwise=made if has_images else 0)
        return float(
            (
                self.text_input * (sent - sent_images)
                + self.image_input * sent_images
                + self.text_output * (made - made_images + (usage.thinking or 0))
                + self.image_output * made_images
            )
            / _MILLION
        )

    def worst_case_usd(self, call: CallSize) -> float:
        """As `Price.worst_case_usd`."""
        sent_images = sum(_most_tokens_sent(self.facts, *size) for size in call.images)
        return float(
            (
                self.text_input * call.text_characters * _TOKENS_PER_CHARACTER
                + self.image_input * sent_images
                + max(self.text_output, self.image_output) * _most_tokens_made(self.facts, call)
            )
            / _MILLION
        )

    def __str__(self) -> str:
        prices = [
            f'{_show(self.text_input)} in',
            *([f'{_show(self.image_input)} image in'] if self.image_input != self.text_input else ()),
            f'{_show(self.text_output)} out',
            *([f'{_show(self.image_output)} image out'] if self.image_output != self.text_output else ()),
        ]
        return f'{self.source}: {", ".join(prices)} per million tokens'


def find_price(api_format: str, model: str, price_per_image: float | None = None) -> Price | None:
    """How calls to a model are priced; None if its price is not known.

    >>> str(find_price('gemini', 'models/gemini-3-pro-image')).partition(': ')[2]
    '$2 in, $12 out, $120 image out per million tokens'
    >>> find_price('gemini', 'something-new') is None
    True

    Args:
        api_format: `gemini` or `openai`.
        model: its name, with or without a provider's prefix and a snapshot's date.
        price_per_image: US dollars for each image asked for, in place of any other price.

    Raises:
        ConfigurationError: the price can't be one, or there is no such format.
    """
    if price_per_image is not None:
        return _price_per_image(price_per_image)
    facts = facts_of(api_format, model)
    return next(filter(None, (_look_up(api_format, name, facts) for name in _names(model))), None)


def _price_per_image(usd: float) -> PricePerImage:
    if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not 0 <= usd < math.inf:
        raise ConfigurationError(
            f'price_per_image must be a number >= 0, in US dollars, got {usd!r}; leave it out for the published prices'
        )
    # The number as it was written, not the binary fraction next to it.
    return PricePerImage(Decimal(str(usd)))


def _names(model: str) -> Iterator[str]:
    """The names under which the package may have a model, the nearest first."""
    yield plain_name(model)
    undated = undated_name(model)
    yield undated
    if undated in _SAME_PRICE:
        yield _SAME_PRICE[undated]


def _look_up(api_format: str, name: str, facts: ModelFacts) -> PricePerToken | None:
    # Takes a fifth of a second, which only who asks for prices should wait for.
    import genai_prices

    def price(**tokens: int) -> genai_prices.types.PriceCalculation:
        usage = genai_prices.Usage(input_tokens=_MILLION, output_tokens=_MILLION, **tokens)
        return genai_prices.calc_price(usage, name, provider_id=_PROVIDERS[api_format])

    try:
        text, images = price(), price(input_image_tokens=_MILLION, output_image_tokens=_MILLION)
    except LookupError:
        return None
    if (text.input_price, text.output_price) == (images.input_price, images.output_price):
        # A model of texts, whose name is like this one's: by its prices an image would cost next to nothing.
        return None
    return PricePerToken(
        text_input=text.input_price,
        image_input=images.input_price,
        text_output=text.output_price,
        image_output=images.output_price,
        facts=facts,
        source=f'genai-prices {genai_prices.__version__}',
    )


def _fill_gap(usage: Usage) -> Usage:
    """The usage with one count that the API left out taken from the total; the dearest first, if there are several."""
    rest = (usage.total or 0) - (usage.input or 0) - (usage.output or 0) - (usage.thinking or 0)
    for kind in ('output', 'input', 'thinking'):
        if getattr(usage, kind) is None:
            return replace(usage, **{kind: max(0, rest)})
    return usage


def _images_within(whole: int, images: int | None, otherwise: int) -> int:
    """How many tokens of a count are of images, whatever an API says no more than all; `otherwise`: it said nothing."""
    return otherwise if images is None else min(images, whole)


def _most_tokens_sent(facts: ModelFacts, width: int, height: int) -> int:
    """The most tokens that a picture sent can count for; one whose size is not known is taken for the largest."""
    if facts.max_image_tokens is not None:
        return facts.max_image_tokens
    if not (width and height):
        width, height = _LARGEST
    tiles = math.ceil(width / _TILE) * math.ceil(height / _TILE)
    return _BASE_TOKENS + _TILE_TOKENS * tiles + _HIGH_FIDELITY_TOKENS


def _most_tokens_made(facts: ModelFacts, call: CallSize) -> int:
    """The most tokens that an answer can have."""
    if facts.max_output_tokens is not None:
        return facts.max_output_tokens
    published = _PUBLISHED_TOKENS.get(call.quality or '', max(_PUBLISHED_TOKENS.values()))
    size = _SIZE.fullmatch(call.size or '')
    pixels = max(int(size[1]) * int(size[2]), _PUBLISHED_PIXELS) if size else _PUBLISHED_PIXELS
    return call.images_asked * math.ceil(2 * published * pixels / _PUBLISHED_PIXELS)


def _show(usd: Decimal) -> str:
    return f'${usd.normalize():f}'
