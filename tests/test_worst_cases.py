"""The most that a call can cost, against every call that the emulator can bill."""

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.pipeline.emulator import gemini_answer, openai_answer
from beam_image_edit.pipeline.emulator.edits import Edit, ReceivedImage
from beam_image_edit.pipeline.emulator.models import GEMINI_MODELS, OPENAI_MODELS, PREFIX
from beam_image_edit.transforms.prices import CallSize, find_price
from beam_image_edit.transforms.usage import Usage

PRO = find_price('gemini', 'gemini-3-pro-image')
FLARE = find_price('openai', 'gpt-image-2.5-flare')
PRICED_GEMINI_MODELS = [name for name in GEMINI_MODELS if find_price('gemini', name)]
PRICED_OPENAI_MODELS = [name for name in OPENAI_MODELS if find_price('openai', name)]


def test_nearly_all_models_of_the_emulator_are_priced():
    assert list(GEMINI_MODELS) == PRICED_GEMINI_MODELS
    assert set(OPENAI_MODELS) - set(PRICED_OPENAI_MODELS) == {'gpt-image-2.6-flare', 'dall-e-2', 'dall-e-3'}


def usd_by_the_package(api_format, model, tokens):
    """What the emulator's tokens cost, priced by genai-prices itself."""
    usage = genai_prices.Usage(
        input_tokens=tokens.input,
        input_image_tokens=tokens.image_input,
        output_tokens=tokens.output + tokens.thinking,
        output_image_tokens=tokens.image_output,
    )
    provider = {'gemini': 'google', 'openai': 'openai'}[api_format]
    return float(genai_prices.calc_price(usage, model, provider_id=provider).total_price)


def check_bounds(api_format, edit, tokens, call):
    """The emulator's bill is what the package says it is, and no more than the worst case."""
    model = edit.model.removeprefix(PREFIX)
    price = find_price(api_format, model)
    usage = Usage(tokens.input, tokens.output, tokens.thinking, tokens.total, tokens.image_input, tokens.image_output)
    usd = price.cost_usd(usage, call.images_asked, 'yes', True)
    if model != 'gpt-image-2.6-sunburst':  # which the package does not have
        assert usd == usd_by_the_package(api_format, model, tokens)
    unsplit = Usage(tokens.input, tokens.output, tokens.thinking, tokens.total)
    assert usd <= price.cost_usd(unsplit, call.images_asked, 'yes', True) <= price.worst_case_usd(call)


def received(size=(0, 0)):
    return ReceivedImage(b'', 'image/png', '', *size)


@st.composite
def gemini_edits(draw):
    name = draw(st.sampled_from(PRICED_GEMINI_MODELS))
    model = GEMINI_MODELS[name]
    config = {
        'imageConfig': {'imageSize': draw(st.sampled_from(('', *(model.sizes or ()))))},
        'thinkingConfig': {'thinkingLevel': draw(st.sampled_from(('', *model.thinking_levels)))},
    }
    turns = tuple(draw(st.lists(st.text(max_size=50), min_size=1, max_size=5)))
    return Edit(
        model=PREFIX + name,
        prompt=turns[-1],
        images=(),
        sent_images=(received(),) * draw(st.integers(1, model.max_images)),
        answered_images=('',) * (len(turns) - 1),
        count=draw(st.integers(1, 3)),
        has_text=draw(st.booleans()),
        turns=turns,
        parameters={'generationConfig': config},
    )


@given(edit=gemini_edits())
def test_worst_case_holds_for_every_gemini_call(edit):
    pictures = len(edit.sent_images) + len(edit.answered_images)
    call = CallSize(sum(map(len, edit.turns)), ((0, 0),) * pictures, images_asked=1)
    check_bounds('gemini', edit, gemini_answer.count_tokens(edit), call)


SIDE = st.integers(1, 9_000)


@st.composite
def openai_edits(draw):
    name = draw(st.sampled_from(PRICED_OPENAI_MODELS))
    model = OPENAI_MODELS[name]
    any_size = st.tuples(st.integers(1, 240), st.integers(1, 135)).map(lambda size: (size[0] * 16, size[1] * 16))
    known = [tuple(map(int, size.split('x'))) for size in model.sizes if size != 'auto']
    quality = draw(st.sampled_from((*model.qualities, None)))
    return Edit(
        model=PREFIX + name,
        prompt=draw(st.text(min_size=1, max_size=200)),
        images=tuple(map(received, draw(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=model.max_images)))),
        count=draw(st.integers(1, 10)),
        size=draw(st.none() | st.sampled_from(known) | (any_size if model.has_any_size else st.nothing())),
        parameters={'quality': quality} if quality else {},
    )


@given(edit=openai_edits(), is_auto=st.booleans())
def test_worst_case_holds_for_every_openai_call(edit, is_auto):
    size = '{}x{}'.format(*edit.size) if edit.size else 'auto' if is_auto else None
    quality = edit.parameters.get('quality')
    call = CallSize(len(edit.prompt), tuple(image.size for image in edit.images), edit.count, size, quality)
    check_bounds('openai', edit, openai_answer.count_tokens(edit), call)


@pytest.mark.parametrize(
    ('price', 'call', 'usd'),
    [
        # 400 × 2 + 2 × 1,120 × 2 + 32,768 × 120
        pytest.param(PRO, CallSize(100, ((640, 480), (0, 0)), 1), '3.93744', id='pro'),
        # 4,096 × 30 + 1,120 × 0.25
        pytest.param(
            find_price('gemini', 'gemini-3.1-flash-lite-image'), CallSize(0, ((0, 0),), 1), '0.12316', id='lite'
        ),
        # 400 × 5 + (65 + 4 × 129 + 6,144) × 8 + 12,480 × 30
        pytest.param(FLARE, CallSize(100, ((1024, 1024),), 1), '0.4302', id='flare'),
        # (65 + 40 × 129 + 6,144) × 8 + 12,480 × 30
        pytest.param(FLARE, CallSize(0, ((0, 0),), 1), '0.465352', id='picture-of-an-earlier-turn'),
        # 3 × 816 × 30
        pytest.param(FLARE, CallSize(0, (), 3, '1024x1024', 'low'), '0.07344', id='low-quality'),
        pytest.param(FLARE, CallSize(0, (), 1, '1024x1024', 'max'), '0.3744', id='quality-without-a-figure'),
        # 4 × 12,480 × 30
        pytest.param(FLARE, CallSize(0, (), 1, '3072x2048', 'high'), '1.4976', id='four-times-as-large'),
        pytest.param(FLARE, CallSize(0, (), 1, '16x16'), '0.3744', id='smaller'),
        pytest.param(FLARE, CallSize(0, (), 1, '9' * 5000 + 'x1'), '0.3744', id='no-size'),
    ],
)
def test_worst_case(price, call, usd):
    assert price.worst_case_usd(call) == float(usd)


def test_worst_case_covers_scripts_of_many_bytes():
    text = '\U0001f9d1\U0001f3fd' * 1_000
    spare = PRO.worst_case_usd(CallSize(len(text), (), 1)) - PRO.worst_case_usd(CallSize(0, (), 1))
    assert round(spare, 12) == round(len(text.encode()) * 2e-6, 12)
