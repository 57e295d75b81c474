"""Gemini's wire format, inwards: what is made of every kind of answer."""

import base64
import contextlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.clients import gemini
from beam_image_edit.transforms.clients.calls import Answer
from beam_image_edit.transforms.clients.payloads import bad_image
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.usage import Usage
from tests.clients import answers
from tests.clients.answers import FIRST, SECOND, encode, shapes_of

parse = partial(answers.parse, gemini)
error_of = partial(answers.error_of, gemini)


def image_part(content=FIRST, mime='image/png', **more):
    return {'inlineData': {'mimeType': mime, 'data': encode(content)}, **more}


def answer_of(*parts, **candidate):
    return {'candidates': [{'content': {'role': 'model', 'parts': list(parts)}, 'finishReason': 'STOP', **candidate}]}


def test_answer_in_full():
    answer = answer_of({'text': 'Here', 'thoughtSignature': 'c2ln'}, image_part(thoughtSignature='+/=='))
    answer |= {
        'usageMetadata': {
            'promptTokenCount': 260,
            'candidatesTokenCount': 1120,
            'thoughtsTokenCount': 200,
            'totalTokenCount': 1580,
        },
        'modelVersion': 'gemini-x-001',
        'responseId': 'r1',
    }
    assert parse(answer) == Answer(
        images=(FIRST,),
        parts=(
            {'text': 'Here', 'thoughtSignature': 'c2ln'},
            {'image': 0, 'mimeType': 'image/png', 'thoughtSignature': '+/=='},
        ),
        usage=Usage(input=260, output=1120, thinking=200, total=1580),
        model_version='gemini-x-001',
        request_id='r1',
        finish_reason='STOP',
    )


def test_answer_in_snake_case():
    parts = [{'inline_data': {'mime_type': 'image/png', 'data': encode(FIRST)}, 'thought_signature': 's'}]
    answer = parse(
        {
            'candidates': [{'content': {'parts': parts}, 'finish_reason': 'STOP'}],
            'usage_metadata': {'prompt_token_count': 1, 'candidates_token_count': 2, 'total_token_count': 3},
            'model_version': 'v',
        }
    )
    assert answer.images == (FIRST,)
    assert answer.parts == ({'image': 0, 'mimeType': 'image/png', 'thoughtSignature': 's'},)
    assert (answer.finish_reason, answer.model_version) == ('STOP', 'v')
    assert answer.usage == Usage(1, 2, None, 3)


ANSWERS = {
    'one': ([image_part()], (FIRST,)),
    'several': ([image_part(), {'text': 'and'}, image_part(SECOND)], (FIRST, SECOND)),
    'thoughts-are-no-result': (
        [{'thought': True, 'text': 'hm'}, image_part(SECOND, thought=True), image_part()],
        (FIRST,),
    ),
    'no-mime': ([{'inlineData': {'data': encode(FIRST)}}], (FIRST,)),
    'url-safe': ([{'inlineData': {'data': base64.urlsafe_b64encode(SECOND).decode().rstrip('=')}}], (SECOND,)),
    'white-space': ([{'inlineData': {'data': f' {encode(SECOND)[:9]}\r\n{encode(SECOND)[9:]} '}}], (SECOND,)),
    'strange-parts': ([None, 7, 'x', [], {}, {'text': None}, {'functionCall': {}}, image_part()], (FIRST,)),
    'data-url-in-text': ([{'text': f'![image](data:image/png;base64,{encode(SECOND)})'}], (SECOND,)),
    'two-data-urls': (
        [{'text': f'data:image/png;base64,{encode(FIRST)} data:image/x+y;base64,AAAA'}],
        (FIRST, b'\0\0\0'),
    ),
    'empty-data': ([{'inlineData': {'mimeType': 'image/png', 'data': ''}}, image_part()], (FIRST,)),
}


@pytest.mark.parametrize(('parts', 'images'), ANSWERS.values(), ids=ANSWERS)
def test_answer_images(parts, images, no_download):
    assert parse(answer_of(*parts), no_download).images == images


@pytest.mark.parametrize('name', ['fileData', 'file_data'])
def test_answer_may_name_its_image_by_address(name):
    inner = {'fileUri' if name == 'fileData' else 'file_uri': 'https://h/a.png', 'mimeType': 'image/png'}
    answer = parse(answer_of({name: inner}), lambda url: url.encode())
    assert answer.images == (b'https://h/a.png',)
    assert answer.parts == ({'image': 0, 'mimeType': 'image/png'},)


def test_answer_text_is_kept_beside_its_image():
    parts = parse(answer_of({'text': 'Here'}, image_part(), {'text': 'done'})).parts
    assert parts == ({'text': 'Here'}, {'image': 0, 'mimeType': 'image/png'}, {'text': 'done'})


def test_answer_image_counts_whatever_the_finish_reason():
    assert parse(answer_of(image_part(), finishReason='IMAGE_SAFETY')).finish_reason == 'IMAGE_SAFETY'


def test_answer_may_have_its_image_in_a_later_candidate():
    answer = {'candidates': [{'finishReason': 'OTHER'}, *answer_of(image_part())['candidates']]}
    assert parse(answer).images == (FIRST,)


def test_answer_in_a_list():
    assert parse([answer_of(image_part())]).images == (FIRST,)


def test_answer_with_another_success():
    assert parse(answer_of(image_part()), status=201).images == (FIRST,)


def test_answer_with_images_is_no_error_whatever_else_it_says():
    assert parse({**answer_of(image_part()), 'error': {'code': 500}}).images == (FIRST,)


def test_request_id_may_come_in_a_header():
    assert parse(answer_of(image_part()), headers={'x-request-id': 'h'}).request_id == 'h'


@pytest.mark.parametrize(
    ('reason', 'kind'),
    [
        ('STOP', 'no_image'),
        ('NO_IMAGE', 'no_image'),
        ('IMAGE_OTHER', 'no_image'),
        ('OTHER', 'no_image'),
        ('MALFORMED_RESPONSE', 'no_image'),
        ('FINISH_REASON_UNSPECIFIED', 'no_image'),
        ('SOMETHING_NEW', 'no_image'),
        (None, 'no_image'),
        (7, 'no_image'),
        ('MAX_TOKENS', 'permanent'),
        ('MISSING_THOUGHT_SIGNATURE', 'permanent'),
        ('MALFORMED_FUNCTION_CALL', 'permanent'),
        ('UNEXPECTED_TOOL_CALL', 'permanent'),
        ('TOO_MANY_TOOL_CALLS', 'permanent'),
        ('CONTINUATION', 'permanent'),
        ('IMAGE_SAFETY', 'refused'),
        ('IMAGE_PROHIBITED_CONTENT', 'refused'),
        ('IMAGE_RECITATION', 'refused'),
        ('SAFETY', 'refused'),
        ('PROHIBITED_CONTENT', 'refused'),
        ('BLOCKLIST', 'refused'),
        ('SPII', 'refused'),
        ('RECITATION', 'refused'),
        ('LANGUAGE', 'refused'),
        ('ESCALATION', 'refused'),
        ('MODEL_ARMOR', 'refused'),
        ('PUP_LIMITED_DISABLED', 'fatal'),
    ],
)
def test_finish_reason_without_image(reason, kind):
    error = error_of({'candidates': [{'finishReason': reason, 'content': {'role': 'model'}}]})
    assert error.kind == kind
    assert not isinstance(reason, str) or reason in error.message
    assert not error.may_be_billed


@pytest.mark.parametrize(
    'reason',
    [
        'SAFETY',
        'OTHER',
        'BLOCKLIST',
        'PROHIBITED_CONTENT',
        'IMAGE_SAFETY',
        'MODEL_ARMOR',
        'JAILBREAK',
        'BLOCKED_REASON_UNSPECIFIED',
    ],
)
@pytest.mark.parametrize('candidates', [{}, {'candidates': []}, {'candidates': None}], ids=['absent', 'empty', 'null'])
def test_blocked_prompt_is_refused(reason, candidates):
    error = error_of({'promptFeedback': {'blockReason': reason}, **candidates})
    assert error.kind == 'refused'
    assert error.message == f'the prompt was blocked: {reason}'


def test_refusal_keeps_the_explanation():
    assert error_of({'promptFeedback': {'blockReason': 'SAFETY', 'blockReasonMessage': 'Too wild.'}}).message == (
        'the prompt was blocked: SAFETY: Too wild.'
    )
    assert error_of({'candidates': [{'finishReason': 'IMAGE_SAFETY', 'finishMessage': 'No.'}]}).message == (
        'the answer was blocked: IMAGE_SAFETY: No.'
    )


def test_answer_in_words_keeps_the_words_but_not_the_thoughts():
    error = error_of(answer_of({'thought': True, 'text': 'planning'}, {'text': 'I would rather'}, {'text': 'talk.'}))
    assert error.message == 'answered without an image: finish reason STOP: I would rather talk.'


def test_answer_of_thoughts_only_has_no_image():
    assert error_of(answer_of(image_part(thought=True))).kind == 'no_image'


def test_answer_without_image_reports_its_usage_and_id():
    usage = {'promptTokenCount': 260, 'thoughtsTokenCount': '40', 'totalTokenCount': 300}
    error = error_of({'promptFeedback': {'blockReason': 'OTHER'}, 'usageMetadata': usage, 'responseId': 'r'})
    assert error.usage == Usage(input=260, thinking=40, total=300)
    assert error.request_id == 'r'


def test_broken_image_may_be_billed_and_reports_its_usage():
    broken = {'inlineData': {'data': '***'}}
    error = error_of({**answer_of(broken), 'usageMetadata': {'totalTokenCount': 9}, 'responseId': 'r'})
    assert (error.kind, error.may_be_billed) == ('bad_image', True)
    assert (error.usage, error.request_id) == (Usage(total=9), 'r')


@pytest.mark.parametrize(
    ('body', 'status', 'kind', 'may_be_billed'),
    [
        pytest.param(b'{"candidates": [{"cont', 200, 'retry', True, id='cut'),
        pytest.param(b'<html></html>', 200, 'retry', True, id='page'),
        pytest.param(b'', 200, 'retry', True, id='empty'),
        pytest.param(b'', 204, 'retry', True, id='no-content'),
        pytest.param(b'null', 200, 'retry', True, id='null'),
        pytest.param(b'"text"', 200, 'retry', True, id='text'),
        pytest.param(b'[]', 200, 'retry', True, id='empty-list'),
        pytest.param(b'[[]]', 200, 'retry', True, id='list-in-list'),
        pytest.param(b'\xff', 200, 'retry', True, id='not-utf-8'),
        pytest.param(b'[' * 100_000, 200, 'retry', True, id='nesting'),
        pytest.param(b'{}', 200, 'no_image', False, id='empty-object'),
        pytest.param(b'{"error": {"code": 429}}', 200, 'quota', False, id='wrapped-error'),
        pytest.param(b'[{"error": {"code": "503"}}]', 200, 'retry', False, id='wrapped-error-in-a-list'),
        pytest.param(b'{"error": {"code": 429}}', 429, 'quota', False, id='error'),
    ],
)
def test_answer_that_is_none(body, status, kind, may_be_billed):
    error = error_of(body, status=status)
    assert (error.kind, error.may_be_billed) == (kind, may_be_billed)


NAMES = [
    *('candidates', 'content', 'parts', 'inlineData', 'inline_data', 'data', 'mimeType', 'text', 'thought', 'error'),
    *('thoughtSignature', 'fileData', 'fileUri', 'finishReason', 'finishMessage', 'promptFeedback', 'blockReason'),
    *('usageMetadata', 'promptTokenCount', 'modelVersion', 'responseId'),
]
SHAPES = shapes_of(NAMES)
PART = st.dictionaries(st.sampled_from(NAMES), SHAPES, max_size=4)
LIKELY = st.fixed_dictionaries(
    {'candidates': st.lists(st.fixed_dictionaries({'content': st.fixed_dictionaries({'parts': st.lists(PART)})}))},
    optional=dict.fromkeys(('usageMetadata', 'promptFeedback', 'modelVersion', 'responseId', 'error'), SHAPES),
)


@given(answer=SHAPES | LIKELY)
def test_answer_of_any_shape_is_an_answer_or_an_api_error(answer):
    def download(url):
        raise bad_image('none')

    with contextlib.suppress(ApiError):
        assert parse(answer, download).images
