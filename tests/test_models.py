"""What is known of the models: it may save a call that would fail, and must never stand in the way of a new name."""

from datetime import date

import pytest

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.models import RETIRED, facts_of, retirement_warning


@pytest.mark.parametrize(
    ('api_format', 'model', 'max_images', 'max_prompt_characters'),
    [
        ('gemini', 'gemini-3-pro-image', 14, 262_144),
        ('gemini', 'models/gemini-3-pro-image-preview', 14, 262_144),
        ('gemini', 'gemini-3.1-flash-lite-image', 14, 262_144),
        ('gemini', 'gemini-nano-banana-2.1', 14, 524_288),
        ('gemini', 'publishers/google/models/gemini-3.1-flash-image', 14, 524_288),
        ('gemini', 'gemini-2.5-flash-image', None, 131_072),
        ('gemini', 'something-new', None, None),
        ('openai', 'gpt-image-2.5-flare', 16, 32_000),
        ('openai', 'openai/GPT-image-2-2026-04-21', 16, 32_000),
        ('openai', 'something-new', 16, 32_000),
        ('openai', 'dall-e-2', 1, 1_000),
        ('openai', 'azure/dall-e-2', 1, 1_000),
    ],
)
def test_facts_of_finds_a_model_by_its_name(api_format, model, max_images, max_prompt_characters):
    facts = facts_of(api_format, model)
    assert (facts.max_images, facts.max_prompt_characters) == (max_images, max_prompt_characters)


def test_gemini_takes_heic_but_no_mask():
    facts = facts_of('gemini', 'gemini-3-pro-image')
    assert facts.accepted_mimes == {'image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'}
    assert not facts.takes_mask
    assert facts.max_request_bytes == 100 * 1024 * 1024


@pytest.mark.parametrize(
    ('model', 'is_dall_e', 'needs_dall_e_2_input'),
    [('gpt-image-2', False, False), ('dall-e-2', True, True), ('dall-e-3', True, False), ('FLUX.1', False, False)],
)
def test_only_the_old_family_is_treated_as_such(model, is_dall_e, needs_dall_e_2_input):
    facts = facts_of('openai', model)
    assert (facts.is_dall_e, facts.needs_dall_e_2_input) == (is_dall_e, needs_dall_e_2_input)
    assert facts.takes_mask


@pytest.mark.parametrize(
    ('api_format', 'model', 'max_output_tokens', 'max_image_tokens'),
    [
        ('gemini', 'gemini-3-pro-image', 32_768, 1_120),
        ('gemini', 'something-new', 32_768, 1_120),
        ('gemini', 'models/gemini-3.1-flash-lite-image', 4_096, 1_120),
        ('openai', 'gpt-image-2', None, None),
    ],
)
def test_facts_of_limits_the_tokens_of_a_call(api_format, model, max_output_tokens, max_image_tokens):
    facts = facts_of(api_format, model)
    assert (facts.max_output_tokens, facts.max_image_tokens) == (max_output_tokens, max_image_tokens)


def test_facts_of_refuses_an_unknown_format():
    with pytest.raises(ConfigurationError, match="api_format must be one of gemini, openai, got 'azure'"):
        facts_of('azure', 'gpt-image-2')


@pytest.mark.parametrize(
    ('model', 'words'),
    [
        ('dall-e-2', 'was shut down by its provider on 2026-05-12, use gpt-image-2.5-flare'),
        ('models/gemini-3-pro-image-preview', 'was shut down by its provider on 2026-06-25, use gemini-3-pro-image '),
        ('gpt-image-1.5-2025-12-16', 'will be shut down by its provider on 2026-12-01, use gpt-image-2.6-sunburst'),
        ('openai/gpt-image-1-mini', 'will be shut down by its provider on 2026-12-01, use gpt-image-2.6-flare'),
    ],
)
def test_retirement_warning_names_the_successor_and_the_date(model, words):
    warning = retirement_warning(model, date(2026, 11, 22))
    assert warning is not None
    assert warning.startswith(f'{model} {words}')


def test_retirement_warning_changes_on_the_day():
    assert 'was shut down' in str(retirement_warning('gpt-image-1.5', date(2026, 12, 1)))


@pytest.mark.parametrize('model', ['gpt-image-2.5-flare', 'gemini-3-pro-image', 'gemini-nano-banana-2.1', 'anything'])
def test_live_and_unknown_models_get_no_warning(model):
    assert retirement_warning(model) is None


def test_no_successor_is_itself_retired():
    assert not {retirement.successor for retirement in RETIRED.values()} & RETIRED.keys()
