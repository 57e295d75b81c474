"""What calls cost, against the providers' price tables."""

import pickle
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.prices import CallSize, PricePerImage, PricePerToken, find_price
from beam_image_edit.transforms.usage import Usage

PRO = find_price('gemini', 'gemini-3-pro-image')
FLARE = find_price('openai', 'gpt-image-2.5-flare')
GPT_1_5 = find_price('openai', 'gpt-image-1.5')
BILLED = ('yes', 'no', 'maybe')

# US dollars for a million tokens: text in, image in, text and thoughts out, image out.
TABLE = {
    'gemini': {
        'gemini-nano-banana-2.1': ('1.50', '1.50', '7.50', '30'),
        'gemini-3-pro-image': ('2', '2', '12', '120'),
        'gemini-3-pro-image-preview': ('2', '2', '12', '120'),
        'gemini-3.1-flash-lite-image': ('0.25', '0.25', '1.50', '30'),
        'gemini-3.1-flash-image': ('0.50', '0.50', '3', '60'),
        'gemini-3.1-flash-image-preview': ('0.50', '0.50', '3', '60'),
        'gemini-2.5-flash-image': ('0.30', '0.30', '2.50', '30'),
        'gemini-2.5-flash-image-preview': ('0.30', '0.30', '2.50', '30'),
    },
    'openai': {
        'gpt-image-2.6-sunburst': ('5', '8', '30', '30'),
        'gpt-image-2.5-sunburst': ('5', '8', '30', '30'),
        'gpt-image-2.5-flare': ('5', '8', '30', '30'),
        'gpt-image-2': ('5', '8', '30', '30'),
        'gpt-image-1.5': ('5', '8', '10', '32'),
        'chatgpt-image-latest': ('5', '8', '10', '32'),
        'gpt-image-1': ('5', '10', '40', '40'),
        'gpt-image-1-mini': ('2', '2.50', '8', '8'),
    },
}


@pytest.mark.parametrize(
    ('api_format', 'model', 'prices'),
    [(api_format, model, prices) for api_format, models in TABLE.items() for model, prices in models.items()],
)
def test_find_price_has_the_published_prices(api_format, model, prices):
    price = find_price(api_format, model)
    assert isinstance(price, PricePerToken)
    assert (price.text_input, price.image_input, price.text_output, price.image_output) == tuple(map(Decimal, prices))


@pytest.mark.parametrize(
    ('api_format', 'model', 'same'),
    [
        ('gemini', 'models/gemini-3-pro-image', 'gemini-3-pro-image'),
        ('gemini', 'publishers/google/models/gemini-3-pro-image', 'gemini-3-pro-image'),
        ('gemini', ' Gemini-3-Pro-Image ', 'gemini-3-pro-image'),
        ('openai', 'openai/gpt-image-2', 'gpt-image-2'),
        ('openai', 'gpt-image-2-2026-04-21', 'gpt-image-2'),
        ('openai', 'gpt-image-2-2026-12-24', 'gpt-image-2'),
        ('openai', 'azure/gpt-image-2.5-flare-2026-09-08', 'gpt-image-2.5-flare'),
        ('openai', 'gpt-image-2.6-sunburst-2026-11-01', 'gpt-image-2.5-sunburst'),
    ],
)
def test_find_price_knows_a_model_by_its_other_names(api_format, model, same):
    assert find_price(api_format, model) == find_price(api_format, same)


@pytest.mark.parametrize(
    ('api_format', 'model'),
    [
        ('gemini', 'something-new'),
        ('gemini', 'gpt-image-2'),
        ('gemini', 'emulated-gemini-3-pro-image'),
        ('openai', 'gpt-image-2.6-flare'),
        ('openai', 'dall-e-2'),
        ('openai', 'gemini-3-pro-image'),
        ('openai', ''),
        # Models of texts, and one that the package takes for such a model by the beginning of its name.
        ('gemini', 'gemini-2.5-flash'),
        ('gemini', 'gemini-2.0-flash-exp-image-generation'),
        ('openai', 'gpt-live-1'),
    ],
)
def test_find_price_does_not_guess(api_format, model):
    assert find_price(api_format, model) is None
    assert find_price(api_format, model, 0.04) == PricePerImage(Decimal('0.04'))


def test_find_price_refuses_an_unknown_format():
    with pytest.raises(ConfigurationError, match="api_format must be one of gemini, openai, got 'azure'"):
        find_price('azure', 'gpt-image-2')


@pytest.mark.parametrize('usd', [-0.01, float('nan'), float('inf'), -float('inf'), '0.04', True])
def test_find_price_refuses_what_is_no_price(usd):
    with pytest.raises(ConfigurationError) as caught:
        find_price('gemini', 'gemini-3-pro-image', usd)
    assert f'price_per_image must be a number >= 0, in US dollars, got {usd!r}; leave it out' in str(caught.value)


@pytest.mark.parametrize(
    ('price', 'text'),
    [
        (find_price('gemini', 'x', 0.039), '$0.039 an image'),
        (find_price('gemini', 'x', 10), '$10 an image'),
        (find_price('gemini', 'x', 0), '$0 an image'),
        (find_price('gemini', 'x', 1e-7), '$0.0000001 an image'),
        (PRO, '$2 in, $12 out, $120 image out per million tokens'),
        (FLARE, '$5 in, $8 image in, $30 out per million tokens'),
        (GPT_1_5, '$5 in, $8 image in, $10 out, $32 image out per million tokens'),
    ],
)
def test_price_as_a_text(price, text):
    source = '' if isinstance(price, PricePerImage) else f'genai-prices {genai_prices.__version__}: '
    assert str(price) == source + text


@pytest.mark.parametrize('price', [PRO, FLARE, find_price('gemini', 'x', 0.039)], ids=str)
def test_price_travels_to_other_processes(price):
    assert pickle.loads(pickle.dumps(price)) == price


@pytest.mark.parametrize(
    'usage', [None, Usage(), Usage(1110, 1120, 180, 2410, 1100, 1120)], ids=['none', 'blank', 'tokens']
)
@pytest.mark.parametrize('has_images', [True, False])
@pytest.mark.parametrize(('billed', 'usd'), [('yes', 0.078), ('maybe', 0.078), ('no', 0.0)])
def test_price_per_image_counts_what_was_asked_for_if_it_may_be_billed(usage, has_images, billed, usd):
    assert find_price('gemini', 'x', 0.039).cost_usd(usage, 2, billed, has_images) == usd


def test_price_per_image_adds_up():
    price = find_price('gemini', 'x', 0.039)
    assert round(sum(price.cost_usd(None, 1, 'yes', True) for _ in range(25)), 12) == 0.975
    assert price.cost_usd(None, 25, 'yes', True) == 0.975
    assert price.worst_case_usd(CallSize(9_999, ((0, 0),), 25, '3840x2160', 'max')) == 0.975


COSTS = {
    # 1,110 × 2 + 1,120 × 120 + 180 × 12
    'pro': ('gemini', 'gemini-3-pro-image', Usage(1110, 1120, 180, 2410, 1100, 1120), '0.13878'),
    # 1,120 × 2 + 2,000 × 120 + (7 + 180) × 12
    'pro-4k-with-words': ('gemini', 'gemini-3-pro-image', Usage(1120, 2007, 180, 3307, 1100, 2000), '0.244484'),
    # 1,110 × 1.5 + 1,120 × 30 + 180 × 7.5
    'nano-banana': ('gemini', 'gemini-nano-banana-2.1', Usage(1110, 1120, 180, 2410, 1100, 1120), '0.036615'),
    # 1,000 × 0.25 + 1,120 × 30
    'flash-lite': ('gemini', 'gemini-3.1-flash-lite-image', Usage(1000, 1120, None, 2120, 990, 1120), '0.03385'),
    # 1,000 × 0.5 + 747 × 60
    'flash-3.1': ('gemini', 'gemini-3.1-flash-image', Usage(1000, 747, None, 1747, 990, 747), '0.04532'),
    # 260 × 0.3 + 1,290 × 30
    'flash-2.5': ('gemini', 'gemini-2.5-flash-image', Usage(260, 1290, None, 1550, 258, 1290), '0.038778'),
    # 10 × 5 + 581 × 8 + 1,056 × 30
    'gpt-image-2': ('openai', 'gpt-image-2', Usage(591, 1056, None, 1647, 581, 1056), '0.036378'),
    'gpt-image-2.6': ('openai', 'gpt-image-2.6-sunburst', Usage(591, 1056, None, 1647, 581, 1056), '0.036378'),
    # 10 × 5 + 581 × 8 + 1,056 × 32 + 20 × 10
    'gpt-image-1.5': ('openai', 'gpt-image-1.5', Usage(591, 1076, None, 1667, 581, 1056), '0.03869'),
    # 10 × 5 + 581 × 10 + 4,160 × 40
    'gpt-image-1': ('openai', 'gpt-image-1', Usage(591, 4160, None, 4751, 581, 4160), '0.17226'),
    # 10 × 2 + 581 × 2.5 + 272 × 8
    'gpt-image-1-mini': ('openai', 'gpt-image-1-mini', Usage(591, 272, None, 863, 581, 272), '0.0036485'),
}


@pytest.mark.parametrize(('api_format', 'model', 'usage', 'usd'), COSTS.values(), ids=COSTS)
@pytest.mark.parametrize('billed', BILLED)
def test_cost_of_tokens(api_format, model, usage, usd, billed):
    assert find_price(api_format, model).cost_usd(usage, 1, billed, True) == float(usd)


UNSPLIT = {
    # Where one price holds for text and images it makes no difference.
    'gemini-answer-with-images': (PRO, Usage(1110, 1120, 180, 2410), True, '0.13878'),
    # 1,110 × 2 + (300 + 180) × 12
    'gemini-answer-in-words': (PRO, Usage(1110, 300, 180, 1590), False, '0.00798'),
    # 260 × 2
    'gemini-refusal': (PRO, Usage(260, None, None, 260), False, '0.00052'),
    # 260 × 2 + 40 × 12
    'gemini-refusal-after-a-thought': (PRO, Usage(260, None, 40, 300), False, '0.001'),
    # 591 × 8 + 1,056 × 32
    'openai-answer-with-images': (GPT_1_5, Usage(591, 1056, None, 1647), True, '0.03852'),
    # 591 × 8 + 20 × 10
    'openai-answer-in-words': (GPT_1_5, Usage(591, 20, None, 611), False, '0.004928'),
    # 10 × 5 + 581 × 8 + 1,056 × 32: only the answer's split is missing.
    'openai-half-split': (GPT_1_5, Usage(591, 1056, None, 1647, input_image=581), True, '0.03849'),
}


@pytest.mark.parametrize(('price', 'usage', 'has_images', 'usd'), UNSPLIT.values(), ids=UNSPLIT)
@pytest.mark.parametrize('billed', BILLED)
def test_cost_where_images_are_not_told_apart(price, usage, has_images, usd, billed):
    assert price.cost_usd(usage, 1, billed, has_images) == float(usd)


INCOMPLETE = {
    # 1,110 × 2 + 1,120 × 120 + 180 × 12, each from the total less the others.
    'no-output': (Usage(1110, None, 180, 2410), '0.13878'),
    'no-input': (Usage(None, 1120, 180, 2410), '0.13878'),
    'no-thinking': (Usage(1110, 1120, None, 2410), '0.13878'),
    # 2,410 × 120
    'only-a-total': (Usage(total=2410), '0.2892'),
    # 1,110 × 2 + 1,120 × 120
    'no-total': (Usage(1110, 1120), '0.13662'),
    'total-below-its-parts': (Usage(1110, 1120, None, 5), '0.13662'),
    'total-above-its-parts': (Usage(1110, 1120, 0, 999_999), '0.13662'),
    'images-beyond-all': (Usage(1110, 1120, 0, 2230, 10**18, 10**18), '0.13662'),
}


@pytest.mark.parametrize(('usage', 'usd'), INCOMPLETE.values(), ids=INCOMPLETE)
def test_cost_of_counts_that_do_not_fit_together(usage, usd):
    assert PRO.cost_usd(usage, 1, 'yes', True) == float(usd)


@pytest.mark.parametrize('usage', [None, Usage(), Usage(0, 0, 0, 0, 0, 0)], ids=['none', 'blank', 'zeros'])
@pytest.mark.parametrize(('billed', 'usd'), [('yes', None), ('maybe', None), ('no', 0.0)])
@pytest.mark.parametrize('has_images', [True, False])
def test_cost_without_tokens_is_known_only_if_nothing_is_billed(usage, billed, usd, has_images):
    assert PRO.cost_usd(usage, 1, billed, has_images) == usd


@pytest.mark.parametrize('usage', [Usage(input=1110), Usage(1110, 0, 0, 1110), Usage(1110, None, 180, 1290)])
def test_cost_of_images_without_their_tokens_is_not_known(usage):
    assert PRO.cost_usd(usage, 1, 'yes', True) is None


COUNT = st.none() | st.integers(0, 2**63 - 1)


@given(usage=st.builds(Usage, *[COUNT] * 6), billed=st.sampled_from(BILLED), has_images=st.booleans())
def test_cost_of_any_counts_is_a_number_or_not_known(usage, billed, has_images):
    for price in (PRO, FLARE, GPT_1_5):
        usd = price.cost_usd(usage, 1, billed, has_images)
        assert usd is None or 0 <= usd < float('inf')
