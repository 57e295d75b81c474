"""The page on models: what it says of them is what the job and the emulator go by."""

import re
from dataclasses import fields

import pytest

from beam_image_edit.pipeline.emulator.models import find_gemini_model, find_openai_model
from beam_image_edit.transforms.clients import DEFAULT_MODELS
from beam_image_edit.transforms.models import RETIRED, facts_of
from beam_image_edit.transforms.prices import find_price
from beam_image_edit.transforms.rows import Parameters
from tests.pages import DOCS, follow

PAGE = (DOCS / 'models.md').read_text(encoding='utf-8')


def read_table(section):
    """A section's first table: each model with its cells by the row's name."""
    text = PAGE.split(f'\n## {section}', 1)[1].split('\n## ', 1)[0]
    header, _, *rows = [
        [cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')
    ]
    return {
        model.split('`')[1]: {row[0]: row[column] for row in rows}
        for column, model in enumerate(header)
        if '`' in model
    }


GEMINI = read_table('Gemini')
OPENAI = read_table('OpenAI')


@pytest.mark.parametrize('model', GEMINI)
def test_gemini_models(model):
    told, facts, emulated = GEMINI[model], facts_of('gemini', model), find_gemini_model(model)
    price = find_price('gemini', model)
    tokens = int(told['instructions and images, in tokens'].replace(',', ''))
    assert int(told['images in a call']) == facts.max_images == emulated.max_images
    assert tokens == emulated.max_input_tokens == facts.max_prompt_characters / 4
    assert set(emulated.ratios) == set(facts.aspect_ratios)
    assert ('long' in told['`aspect_ratio`']) == ('8:1' in facts.aspect_ratios)
    assert re.findall('`(.+?)`', told['`resolution`']) == list(emulated.sizes)
    made = [told['tokens of an image made: `1K`'], *filter(None, told['… `2K`, `4K`'].split(', '))]
    assert made == [f'{count:,}' for count in emulated.sizes.values()]
    assert [float(told[name]) for name in ('… of text and thoughts made', '… of images made')] == [
        price.text_output,
        price.image_output,
    ]
    assert float(told['US dollars for a million tokens: sent']) == price.text_input == price.image_input


@pytest.mark.parametrize('model', OPENAI)
def test_openai_models(model):
    told, facts, emulated = OPENAI[model], facts_of('openai', model), find_openai_model(model)
    assert int(told['images in a call']) == facts.max_images == emulated.max_images
    assert int(told['an instruction, in characters'].replace(',', '')) == facts.max_prompt_characters
    assert (told['`size`'] == 'any') == emulated.has_any_size == facts.takes_any_size
    assert (told['`quality`'] == 'to `max`') == ('max' in emulated.qualities)
    assert (told['mask'] == 'yes') == facts.takes_mask
    price = find_price('openai', model)
    known = [price.text_input, price.image_input, price.image_output] if price else ['not published'] * 3
    assert list(told.values())[-3:] == [str(cost).removesuffix('.00') for cost in known]


def test_ratios_and_default_models():
    short, all_ratios = (facts_of('gemini', model).aspect_ratios for model in ('gemini-3-pro', 'nano-banana-2'))
    assert f'are {", ".join(short)}; the long ones {", ".join(all_ratios[len(short) :])}.' in PAGE
    assert [f'`{model}` (default)' in PAGE for model in DEFAULT_MODELS.values()] == [True, True]


def test_retired_models_are_those_that_are_warned_of():
    told = re.findall(r'^\| `([^`]+)` \| (\d{4}-\d\d-\d\d) \| `([^`]+)` \|$', PAGE, re.MULTILINE)
    assert told == [(model, str(fact.on), fact.successor) for model, fact in RETIRED.items()]
    assert not set(RETIRED) & {*GEMINI, *OPENAI}


def test_every_parameter_has_its_place():
    table = PAGE.split('\n## Where parameters go', 1)[1]
    names = [each.name for each in fields(Parameters) if each.name != 'use_variations']
    assert [name for name in names if f'| `{name}` |' not in table and f'| `--{name}` |' not in table] == []


def test_requests_are_as_the_page_says(tmp_path):
    page = follow(DOCS / 'models.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    sent = page.out.replace(' ', '')
    assert '"imageConfig":{"aspectRatio":"16:9","imageSize":"2K"}' in sent
    assert '"thinkingConfig":{"thinkingLevel":"low"}' in sent
