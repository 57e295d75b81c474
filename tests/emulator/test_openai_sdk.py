"""The official openai SDK against the emulator: what it can do must work."""

import base64
import io

import openai
import pytest
import requests
from PIL import Image, ImageChops, ImageStat

MODEL = 'gpt-image-2.5-flare'


def edit(client, *images, prompt='make it black and white', model=MODEL, **fields):
    files = [(f'image_{number}.png', content, 'image/png') for number, content in enumerate(images)]
    return client.images.edit(model=model, image=files[0] if len(files) == 1 else files, prompt=prompt, **fields)


def open_image(item):
    return Image.open(io.BytesIO(base64.b64decode(item.b64_json)))


def mean_difference(first, second):
    difference = ImageChops.difference(first.convert('RGB'), second.convert('RGB'))
    return sum(ImageStat.Stat(difference).mean) / 3


def test_single_image_comes_back_visibly_edited(openai_client, picture):
    sent = picture()
    edited = open_image(edit(openai_client, sent).data[0])
    assert edited.format == 'PNG'
    assert edited.size == (96, 64)
    assert mean_difference(edited, Image.open(io.BytesIO(sent))) > 15


def test_two_images_go_as_a_list(openai_client, emulator, picture):
    edit(openai_client, picture(), picture(colour=(1, 2, 3)))
    assert len({image.sha256 for image in emulator.calls[0].images}) == 2


def test_mask_keeps_what_is_opaque(openai_client, emulator, picture, mask):
    sent = picture()
    edited = open_image(edit(openai_client, sent, mask=('mask.png', mask(), 'image/png')).data[0])
    before = Image.open(io.BytesIO(sent))
    left, right = (0, 0, 48, 64), (48, 0, 96, 64)
    assert mean_difference(edited.crop(left), before.crop(left)) > 15
    assert mean_difference(edited.crop(right), before.crop(right)) == 0
    assert emulator.calls[0].mask.width == 96


def test_n_images_all_differ(openai_client, picture):
    answer = edit(openai_client, picture(), n=4)
    assert len({item.b64_json for item in answer.data}) == 4


@pytest.mark.parametrize(
    ('output_format', 'expected'), [('png', 'PNG'), ('jpeg', 'JPEG'), ('webp', 'WEBP')], ids=['png', 'jpeg', 'webp']
)
def test_output_format_is_honoured(openai_client, picture, output_format, expected):
    answer = edit(openai_client, picture(), output_format=output_format)
    assert open_image(answer.data[0]).format == expected
    assert answer.output_format == output_format


def test_compression_makes_smaller_files(openai_client, picture):
    def length(compression):
        return len(
            edit(openai_client, picture(), output_format='jpeg', output_compression=compression).data[0].b64_json
        )

    assert length(10) < length(95)


def test_size_quality_and_background_are_honoured_and_echoed(openai_client, picture):
    answer = edit(openai_client, picture(), size='1536x864', quality='xhigh', background='transparent')
    assert (answer.size, answer.quality, answer.background) == ('1536x864', 'xhigh', 'transparent')
    image = open_image(answer.data[0])
    assert image.size == (1536, 864)
    assert image.getpixel((0, 0))[3] == 0


def test_usage_has_the_published_tokens(openai_client, picture):
    usage = edit(openai_client, picture(), size='1024x1024', quality='high', n=2).usage
    assert usage.output_tokens == 2 * 4160
    assert usage.input_tokens == usage.input_tokens_details.text_tokens + usage.input_tokens_details.image_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_answer_has_a_request_id(openai_client, picture):
    raw = openai_client.images.with_raw_response.edit(
        model=MODEL, image=('a.png', picture(), 'image/png'), prompt='warm', extra_body={'moderation': 'low'}
    )
    assert raw.headers['x-request-id'].startswith('req_')


@pytest.mark.parametrize(
    ('model', 'fields'),
    [
        ('gpt-image-1.5', {'input_fidelity': 'high'}),
        ('gpt-image-1-mini', {'input_fidelity': 'low'}),
        ('gpt-image-2.6-flare', {'extra_body': {'complexity': 'high'}}),
        ('gpt-image-2', {'size': '2048x2048', 'quality': 'low'}),
        ('emulated-anything', {'quality': 'max'}),
    ],
)
def test_field_that_a_model_takes_is_taken(openai_client, picture, model, fields):
    assert edit(openai_client, picture(), model=model, **fields).data


def test_legacy_model_answers_with_a_url(openai_client, emulator, picture):
    square = picture((64, 64), mode='RGBA')
    answer = edit(openai_client, square, model='dall-e-2', size='256x256')
    image = requests.get(answer.data[0].url, timeout=10)
    assert Image.open(io.BytesIO(image.content)).size == (256, 256)
    assert image.headers['content-type'] == 'image/png'
    assert emulator.visits[0].key_in == ''


def test_legacy_model_answers_with_base64_if_asked(openai_client, picture):
    square = picture((64, 64), mode='RGBA')
    answer = edit(openai_client, square, model='dall-e-2', size='512x512', response_format='b64_json')
    assert open_image(answer.data[0]).size == (512, 512)
    assert answer.usage is None


def test_variations_need_no_prompt(wire, picture):
    files = [('image', ('a.png', picture((64, 64)), 'image/png'))]
    answer = wire.edit(
        None, files, '/v1/images/variations', model='dall-e-2', n='2', size='256x256', response_format='b64_json'
    ).json()
    assert len({item['b64_json'] for item in answer['data']}) == 2


def test_model_can_be_looked_up(openai_client, emulator):
    assert openai_client.models.retrieve(MODEL).id == MODEL
    assert emulator.count == 0


@pytest.mark.parametrize('model', ['gpt-image-1', 'dall-e-3', 'gemini-3-pro-image', 'gpt-image-99'])
def test_model_that_is_not_served_is_not_found(openai_client, picture, model):
    with pytest.raises(openai.NotFoundError) as caught:
        edit(openai_client, picture(), model=model)
    assert caught.value.code == 'model_not_found'


@pytest.mark.parametrize(
    ('fault', 'kind', 'code'),
    [
        ('rate_limit', openai.RateLimitError, 'rate_limit_exceeded'),
        ('billing', openai.RateLimitError, 'insufficient_quota'),
        ('wrong_key', openai.AuthenticationError, 'invalid_api_key'),
        ('org_not_verified', openai.PermissionDeniedError, None),
        ('model_gone', openai.NotFoundError, 'model_not_found'),
        ('refused', openai.BadRequestError, 'moderation_blocked'),
        ('overloaded', openai.InternalServerError, 'server_error'),
        ('internal', openai.InternalServerError, 'server_error'),
    ],
)
def test_fault_is_an_error_of_the_sdk(openai_client, emulator, picture, fault, kind, code):
    emulator.set_faults([{'fault': fault}])
    with pytest.raises(kind) as caught:
        edit(openai_client, picture())
    assert caught.value.code == code


def test_reset_is_a_connection_error_of_the_sdk(openai_client, emulator, picture):
    emulator.set_faults([{'fault': 'reset'}])
    with pytest.raises(openai.APIConnectionError):
        edit(openai_client, picture())


def test_sdk_gets_through_after_its_own_retry(emulator, picture):
    emulator.set_faults([{'fault': 'rate_limit', 'retry_after_s': 0.05}])
    with openai.OpenAI(api_key='k', base_url=f'{emulator.url}/v1', max_retries=1) as client:
        assert edit(client, picture()).data
    assert [call.status for call in emulator.calls] == [429, 200]
    assert emulator.billed == 1
