"""OpenAI's wire format: what is asked, and what is made of every kind of answer."""

import base64
import contextlib
import email.parser
import email.policy
from functools import partial

import pytest
from hypothesis import given

from beam_image_edit.transforms.clients import openai
from beam_image_edit.transforms.clients.calls import Answer, Call
from beam_image_edit.transforms.clients.payloads import bad_image
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.rows import Parameters
from beam_image_edit.transforms.usage import Usage
from tests.clients import answers
from tests.clients.answers import FIRST, SECOND, encode, shapes_of

parse = partial(answers.parse, openai)
error_of = partial(answers.error_of, openai)


def request_of(*images, base_url=openai.default_base_url, model='gpt-image-9', prompt='make it red', mask=None, **more):
    return openai.to_request(Call(model, prompt, images, Parameters(**more), mask), base_url)


def parts_of(request):
    """The parts of a multipart body: name, file name, content type and content of each."""
    head = f'Content-Type: {request.content_type}\r\n\r\n'.encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + b''.join(request.blocks(1000)))
    return [
        (
            part.get_param('name', header='content-disposition'),
            part.get_filename(),
            part.get('content-type'),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def texts_of(request):
    return [(name, content.decode()) for name, filename, _, content in parts_of(request) if filename is None]


def files_of(request):
    return [part for part in parts_of(request) if part[1] is not None]


def test_key_is_a_bearer_token():
    assert openai.auth_headers('k') == {'Authorization': 'Bearer k'}


def test_request_of_one_image(picture):
    image = picture()
    request = request_of(image)
    assert request.url == 'https://api.openai.com/v1/images/edits'
    assert request.content_type.startswith('multipart/form-data; boundary=')
    assert parts_of(request) == [
        ('model', None, None, b'gpt-image-9'),
        ('prompt', None, None, b'make it red'),
        ('image', 'image_0.png', 'image/png', image.content),
    ]


def test_request_of_several_images_and_a_mask(picture):
    images = (picture('JPEG'), picture('WEBP'), picture())
    mask = picture(colour='black')
    assert files_of(request_of(*images, mask=mask)) == [
        ('image[]', 'image_0.jpg', 'image/jpeg', images[0].content),
        ('image[]', 'image_1.webp', 'image/webp', images[1].content),
        ('image[]', 'image_2.png', 'image/png', images[2].content),
        ('mask', 'mask.png', 'image/png', mask.content),
    ]


@pytest.mark.parametrize(
    ('base_url', 'url'),
    [
        ('https://h', 'https://h/v1/images/edits'),
        ('https://h/', 'https://h/v1/images/edits'),
        ('https://h/v1', 'https://h/v1/images/edits'),
        ('https://h/v1/', 'https://h/v1/images/edits'),
        ('https://h/openai/v1', 'https://h/openai/v1/images/edits'),
        ('http://127.0.0.1:8000', 'http://127.0.0.1:8000/v1/images/edits'),
    ],
)
def test_request_goes_to(base_url, url):
    assert request_of(base_url=base_url).url == url


def test_request_carries_every_parameter():
    asked = {
        'n': 3,
        'size': '1536x1024',
        'quality': 'high',
        'background': 'transparent',
        'output_format': 'webp',
        'output_compression': 0,
        'input_fidelity': 'low',
        'moderation': 'low',
    }
    texts = texts_of(request_of(**asked))
    assert texts[:2] == [('model', 'gpt-image-9'), ('prompt', 'make it red')]
    assert dict(texts[2:]) == {name: str(value) for name, value in asked.items()}


@pytest.mark.parametrize(
    ('extra_body', 'texts'),
    [
        pytest.param({'stream': True, 'safe': False}, [('stream', 'true'), ('safe', 'false')], id='booleans'),
        pytest.param({'seed': 7, 'strength': 0.5}, [('seed', '7'), ('strength', '0.5')], id='numbers'),
        pytest.param(
            {'svg': {'model': 'm', 'reasoning': {'effort': 'low'}}},
            [('svg[model]', 'm'), ('svg[reasoning][effort]', 'low')],
            id='objects',
        ),
        pytest.param({'tags': ['a', {'b': 1}]}, [('tags[]', 'a'), ('tags[][b]', '1')], id='lists'),
        pytest.param({'user': None}, [], id='null'),
    ],
)
def test_request_flattens_extra_fields(extra_body, texts):
    assert texts_of(request_of(extra_body=extra_body))[2:] == texts


def test_request_extra_fields_come_last_and_null_takes_out():
    texts = dict(texts_of(request_of(size='1024x1024', quality='low', extra_body={'size': 'auto', 'quality': None})))
    assert texts['size'] == 'auto'
    assert 'quality' not in texts


@pytest.mark.parametrize(
    ('model', 'response_format'),
    [
        ('dall-e-2', 'b64_json'),
        ('openai/dall-e-2', 'b64_json'),
        ('dall-e-3', 'b64_json'),
        ('gpt-image-2.5-flare', None),
        ('chatgpt-image-latest', None),
        ('stable-diffusion', None),
    ],
)
@pytest.mark.parametrize('use_variations', [False, True], ids=['edit', 'variation'])
def test_response_format_is_for_dall_e_only(model, response_format, use_variations):
    texts = dict(texts_of(request_of(model=model, use_variations=use_variations)))
    assert texts.get('response_format') == response_format


def test_request_of_variations_has_neither_prompt_nor_edit_parameters(picture):
    request = request_of(picture(), model='dall-e-2', use_variations=True, n=2, size='256x256', quality='high')
    assert request.url == 'https://api.openai.com/v1/images/variations'
    assert texts_of(request) == [
        ('model', 'dall-e-2'),
        ('n', '2'),
        ('size', '256x256'),
        ('response_format', 'b64_json'),
    ]
    assert [name for name, *_ in files_of(request)] == ['image']


def test_request_takes_any_text():
    assert ('prompt', 'grün "ï"\n— half ?') in texts_of(request_of(prompt='grün "ï"\n— half \ud800'))


def test_answer_in_full():
    answer = {
        'created': 1,
        'data': [{'b64_json': encode(FIRST), 'url': None, 'revised_prompt': None}, {'b64_json': encode(SECOND)}],
        'size': '1024x1024',
        'usage': {'input_tokens': 50, 'output_tokens': 1056, 'total_tokens': 1106},
    }
    assert parse(answer, headers={'x-request-id': 'req_1'}) == Answer(
        images=(FIRST, SECOND), usage=Usage(50, 1056, None, 1106), request_id='req_1'
    )


ENTRIES = {
    'base64': ({'b64_json': encode(SECOND)}, SECOND),
    'base64-url-safe': ({'b64_json': base64.urlsafe_b64encode(SECOND).decode().rstrip('=')}, SECOND),
    'base64-as-data-url': ({'b64_json': f'data:image/png;base64,{encode(SECOND)}'}, SECOND),
    'base64-before-url': ({'b64_json': encode(FIRST), 'url': 'https://h/a'}, FIRST),
    'data-url': ({'url': f'data:image/png;base64,{encode(SECOND)}'}, SECOND),
    'data-url-escaped': (
        {'url': 'data:image/png;base64,' + encode(SECOND).replace('+', '%2B').replace('=', '%3D')},
        SECOND,
    ),
    'url': ({'b64_json': None, 'url': 'https://h/a'}, b'fetched https://h/a'),
    'url-beside-empty-base64': ({'b64_json': '', 'url': 'https://h/a'}, b'fetched https://h/a'),
}


@pytest.mark.parametrize(('entry', 'image'), ENTRIES.values(), ids=ENTRIES)
def test_answer_images(entry, image):
    assert parse({'data': [None, 7, {}, entry]}, lambda url: f'fetched {url}'.encode()).images == (image,)


@pytest.mark.parametrize(
    'usage', [None, [], 'x', {'input_tokens': None}, {'input_tokens': 'many'}, {'input_tokens': 1e999}]
)
def test_answer_without_usable_usage(usage):
    assert parse({'data': [{'b64_json': encode(FIRST)}], 'usage': usage}).usage == Usage()


@pytest.mark.parametrize('data', [[], None, 7, 'x', {}, {'b64_json': 'AAAA'}, [{}], [None], [[]], [{'b64_json': ''}]])
def test_answer_without_image(data):
    error = error_of({'data': data, 'usage': {'input_tokens': 5}}, headers={'x-request-id': 'r'})
    assert (error.kind, error.may_be_billed) == ('no_image', False)
    assert (error.usage, error.request_id) == (Usage(input=5), 'r')


def test_answer_without_image_keeps_the_words():
    assert error_of({'message': 'try later'}).message == 'answered without an image: try later'


def test_broken_image_may_be_billed_and_reports_its_usage():
    error = error_of({'data': [{'b64_json': '***'}], 'usage': {'total_tokens': 9}})
    assert (error.kind, error.may_be_billed, error.usage) == ('bad_image', True, Usage(total=9))


def test_image_that_can_not_be_fetched_keeps_its_reason_and_usage():
    def download(url):
        raise bad_image(f'{url} is gone')

    error = error_of({'data': [{'url': 'https://h/a'}], 'usage': {'total_tokens': 9}}, download=download)
    assert (error.kind, error.may_be_billed, error.usage) == ('bad_image', True, Usage(total=9))
    assert 'https://h/a is gone' in error.message


@pytest.mark.parametrize(
    ('body', 'status', 'kind', 'may_be_billed'),
    [
        pytest.param(b'{"data": [{"b64_', 200, 'retry', True, id='cut'),
        pytest.param(b'<html></html>', 200, 'retry', True, id='page'),
        pytest.param(b'', 204, 'retry', True, id='no-content'),
        pytest.param(b'null', 200, 'retry', True, id='null'),
        pytest.param(b'{"error": {"code": "moderation_blocked"}}', 200, 'refused', False, id='wrapped-refusal'),
        pytest.param(b'{"error": {"code": "429"}, "data": []}', 200, 'quota', False, id='wrapped-error'),
        pytest.param(b'{"error": {"code": "429"}, "data": null}', 200, 'quota', False, id='wrapped-error-null'),
        pytest.param(b'{"error": null, "data": []}', 200, 'no_image', False, id='null-error'),
        pytest.param(b'{"error": {"code": "server_error"}}', 500, 'retry', False, id='error'),
    ],
)
def test_answer_that_is_none(body, status, kind, may_be_billed):
    error = error_of(body, status=status)
    assert (error.kind, error.may_be_billed) == (kind, may_be_billed)


NAMES = ['data', 'b64_json', 'url', 'usage', 'input_tokens', 'total_tokens', 'model', 'message', 'error', 'detail']
SHAPES = shapes_of(NAMES)


@given(answer=SHAPES)
def test_answer_of_any_shape_is_an_answer_or_an_api_error(answer):
    def download(url):
        raise bad_image('none')

    with contextlib.suppress(ApiError):
        assert parse(answer, download).images
