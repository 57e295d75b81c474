"""What the answers of both APIs say about the tokens that they took."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.clients import gemini, openai
from beam_image_edit.transforms.clients.calls import HttpResponse
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.usage import Usage

GEMINI_BODY = {'candidates': [{'content': {'parts': [{'inlineData': {'mimeType': 'image/png', 'data': 'AAAA'}}]}}]}
OPENAI_BODY = {'data': [{'b64_json': 'AAAA'}]}


def gemini_usage(counts, name='usageMetadata'):
    body = json.dumps({**GEMINI_BODY, name: counts}).encode()
    return gemini.parse_response(HttpResponse(200, {}, body), None).usage


def openai_usage(counts):
    body = json.dumps({**OPENAI_BODY, 'usage': counts}).encode()
    return openai.parse_response(HttpResponse(200, {}, body), None).usage


def test_gemini_tells_images_apart():
    counts = {
        'promptTokenCount': 1130,
        'candidatesTokenCount': 1127,
        'thoughtsTokenCount': 180,
        'totalTokenCount': 2437,
        'promptTokensDetails': [{'modality': 'TEXT', 'tokenCount': 10}, {'modality': 'IMAGE', 'tokenCount': 1120}],
        'candidatesTokensDetails': [{'modality': 'IMAGE', 'tokenCount': 1120}],
    }
    assert gemini_usage(counts) == Usage(1130, 1127, 180, 2437, input_image=1120, output_image=1120)


def test_gemini_tells_images_apart_in_snake_case():
    counts = {
        'prompt_token_count': 1130,
        'candidates_token_count': 1127,
        'prompt_tokens_details': [{'modality': 'image', 'token_count': 1120}],
        'candidates_tokens_details': [{'modality': 'Image', 'token_count': '1120'}],
    }
    assert gemini_usage(counts, 'usage_metadata') == Usage(1130, 1127, input_image=1120, output_image=1120)


def test_gemini_reports_the_tokens_of_an_answer_without_an_image():
    counts = {'promptTokenCount': 1130, 'promptTokensDetails': [{'modality': 'IMAGE', 'tokenCount': 1120}]}
    body = json.dumps({'promptFeedback': {'blockReason': 'OTHER'}, 'usageMetadata': counts}).encode()
    with pytest.raises(ApiError) as caught:
        gemini.parse_response(HttpResponse(200, {}, body), None)
    assert caught.value.usage == Usage(1130, input_image=1120)


DETAILS = {
    'several-images': ([{'modality': 'IMAGE', 'tokenCount': 5}, {'modality': 'IMAGE', 'tokenCount': 7}], 12),
    'text-only': ([{'modality': 'TEXT', 'tokenCount': 5}], 0),
    'no-modality-is-text': ([{'tokenCount': 5}], 0),
    'no-modality-beside-an-image': ([{'tokenCount': 5}, {'modality': 'IMAGE', 'tokenCount': 7}], 7),
    'other-modalities': ([{'modality': 'AUDIO', 'tokenCount': 5}, {'modality': None, 'tokenCount': 6}], 0),
    'zero-left-out': ([{'modality': 'IMAGE'}], 0),
    'count-as-text': ([{'modality': 'IMAGE', 'tokenCount': '258'}], 258),
    'none': (None, None),
    'empty': ([], None),
    'an-object': ({'modality': 'IMAGE', 'tokenCount': 5}, None),
    'a-text': ('IMAGE', None),
    'a-number': (258, None),
    'a-list-of-lists': ([['IMAGE', 5]], None),
    'negative': ([{'modality': 'IMAGE', 'tokenCount': -1}], None),
    'negative-beside-a-good-one': (
        [{'modality': 'IMAGE', 'tokenCount': -1}, {'modality': 'IMAGE', 'tokenCount': 5}],
        None,
    ),
    'no-number': ([{'modality': 'IMAGE', 'tokenCount': 'many'}], None),
    'a-list-for-a-number': ([{'modality': 'IMAGE', 'tokenCount': [5]}], None),
    'beyond-all-numbers': ([{'modality': 'IMAGE', 'tokenCount': 1e999}], None),
    'modality-of-another-kind': ([{'modality': ['IMAGE'], 'tokenCount': 5}], 0),
}


@pytest.mark.parametrize(('details', 'expected'), DETAILS.values(), ids=DETAILS)
def test_gemini_details_of_any_shape(details, expected):
    usage = gemini_usage({'promptTokensDetails': details, 'candidatesTokensDetails': details})
    assert (usage.input_image, usage.output_image) == (expected, expected)


def test_openai_tells_images_apart():
    counts = {
        'input_tokens': 591,
        'input_tokens_details': {'text_tokens': 10, 'image_tokens': 581},
        'output_tokens': 1076,
        'output_tokens_details': {'text_tokens': 20, 'image_tokens': 1056},
        'total_tokens': 1667,
    }
    assert openai_usage(counts) == Usage(591, 1076, None, 1667, input_image=581, output_image=1056)


@pytest.mark.parametrize(
    ('details', 'expected'),
    [
        pytest.param({'image_tokens': 0}, 0, id='zero'),
        pytest.param({'image_tokens': '258'}, 258, id='count-as-text'),
        pytest.param({}, None, id='empty'),
        pytest.param({'text_tokens': 5}, None, id='text-only'),
        pytest.param(None, None, id='none'),
        pytest.param([{'image_tokens': 5}], None, id='a-list'),
        pytest.param('image_tokens', None, id='a-text'),
        pytest.param({'image_tokens': -1}, None, id='negative'),
        pytest.param({'image_tokens': 'many'}, None, id='no-number'),
        pytest.param({'image_tokens': {'image_tokens': 5}}, None, id='an-object-for-a-number'),
    ],
)
def test_openai_details_of_any_shape(details, expected):
    usage = openai_usage({'input_tokens_details': details, 'output_tokens_details': details})
    assert (usage.input_image, usage.output_image) == (expected, expected)


NAMES = ('modality', 'IMAGE', 'tokenCount', 'token_count', 'image_tokens')
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(details=SHAPES, counts=SHAPES)
def test_details_of_any_shape_are_counts_or_unknown(details, counts):
    for usage in (
        gemini_usage(
            {'promptTokensDetails': details, 'candidatesTokensDetails': [details], 'promptTokenCount': counts}
        ),
        openai_usage({'input_tokens_details': details, 'output_tokens_details': [details], 'input_tokens': counts}),
    ):
        for count in (usage.input, usage.input_image, usage.output_image):
            assert count is None or count >= 0
