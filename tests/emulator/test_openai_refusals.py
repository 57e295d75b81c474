"""What the real OpenAI API refuses, the emulator refuses."""

import io

import pytest
import requests
from PIL import Image

from beam_image_edit.pipeline.emulator import Emulator


def error(answer):
    assert answer.status_code == 400, answer.text
    return answer.json()['error']


@pytest.mark.parametrize(
    ('fields', 'code', 'param'),
    [
        ({'response_format': 'b64_json'}, 'unknown_parameter', 'response_format'),
        ({'seed': '1'}, 'unknown_parameter', 'seed'),
        ({'negative_prompt': 'x'}, 'unknown_parameter', 'negative_prompt'),
        ({'model': None}, 'missing_required_parameter', 'model'),
        ({'n': '0'}, 'integer_below_min_value', 'n'),
        ({'n': '11'}, 'integer_above_max_value', 'n'),
        ({'n': 'two'}, 'invalid_type', 'n'),
        ({'size': '1024x1000'}, 'invalid_value', 'size'),
        ({'size': '3200x1024'}, 'invalid_value', 'size'),
        ({'size': '3856x2160'}, 'invalid_value', 'size'),
        ({'size': '1K'}, 'invalid_value', 'size'),
        ({'size': '512x512', 'model': 'gpt-image-1.5'}, 'invalid_value', 'size'),
        ({'quality': 'standard'}, 'invalid_value', 'quality'),
        ({'quality': 'xhigh', 'model': 'gpt-image-2'}, 'invalid_value', 'quality'),
        ({'background': 'blue'}, 'invalid_value', 'background'),
        ({'background': 'transparent', 'output_format': 'jpeg'}, 'invalid_value', 'background'),
        ({'output_format': 'gif'}, 'invalid_value', 'output_format'),
        ({'output_compression': '50'}, 'invalid_value', 'output_compression'),
        ({'output_compression': '101', 'output_format': 'webp'}, 'integer_above_max_value', 'output_compression'),
        ({'input_fidelity': 'high', 'model': 'gpt-image-2'}, 'invalid_value', 'input_fidelity'),
        ({'input_fidelity': 'high', 'model': 'gpt-image-1-mini'}, 'invalid_value', 'input_fidelity'),
        ({'complexity': 'high', 'model': 'gpt-image-2'}, 'invalid_value', 'complexity'),
        ({'moderation': 'off'}, 'invalid_value', 'moderation'),
        ({'prompt': ' '}, 'missing_required_parameter', 'prompt'),
        ({'prompt': 'x' * 32_001}, 'string_above_max_length', 'prompt'),
        ({'image': 'text'}, 'invalid_type', 'image'),
    ],
)
def test_field_is_refused(wire, fields, code, param):
    refused = error(wire.edit(**fields))
    assert (refused['code'], refused['param'], refused['type']) == (code, param, 'invalid_request_error')


@pytest.mark.parametrize(
    ('file_name', 'mime_type', 'image_format', 'code'),
    [
        ('upload', 'application/octet-stream', 'PNG', 'unsupported_file_mimetype'),
        ('a.png', None, 'PNG', 'missing_file_mimetype'),
        ('a.gif', 'image/gif', 'GIF', 'unsupported_file_mimetype'),
        ('image', 'image/png', 'PNG', 'invalid_image_file'),
        ('a.png', 'image/png', 'JPEG', 'invalid_image_file'),
    ],
)
def test_file_part_is_refused(wire, picture, file_name, mime_type, image_format, code):
    content = picture(image_format=image_format)
    file = (file_name, content) if mime_type is None else (file_name, content, mime_type)
    assert error(wire.edit(files=[('image', file)]))['code'] == code


def test_cut_image_is_refused(wire, picture):
    content = picture()
    files = [('image', ('a.png', content[: len(content) // 2], 'image/png'))]
    assert error(wire.edit(files=files))['code'] == 'invalid_image_file'


def parts(names, content):
    return [(name, ('a.png', content, 'image/png')) for name in names]


@pytest.mark.parametrize(
    ('names', 'code'),
    [
        (['image', 'image'], 'duplicate_parameter'),
        (['image', 'image[]'], 'invalid_value'),
        (['images[]'], 'unknown_parameter'),
        (['mask'], 'missing_required_parameter'),
        (['image[]'] * 17, 'array_above_max_length'),
    ],
    ids=['image twice', 'both names', 'other name', 'no image', 'seventeen'],
)
def test_image_fields_are_refused(wire, picture, names, code):
    assert error(wire.edit(files=parts(names, picture())))['code'] == code


@pytest.mark.parametrize('names', [['image'], ['image[]'], ['image[]'] * 16], ids=['image', 'list of one', 'sixteen'])
def test_image_fields_are_taken(wire, picture, names):
    assert wire.edit(files=parts(names, picture((16, 16)))).status_code == 200


def opaque_png(size):
    encoded = io.BytesIO()
    Image.new('RGB', size).save(encoded, 'PNG')
    return encoded.getvalue()


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (opaque_png((96, 64)), 'missing alpha channel'),
        (None, 'size does not match'),
    ],
    ids=['no alpha', 'other size'],
)
def test_mask_is_refused(wire, picture, mask, content, expected):
    mask_part = ('mask', ('mask.png', content or mask((64, 64)), 'image/png'))
    refused = error(wire.edit(files=[*parts(['image'], picture()), mask_part]))
    assert expected in refused['message']
    assert refused['param'] == 'mask'


def test_mask_in_jpeg_is_refused(wire, picture):
    mask_part = ('mask', ('mask.jpg', picture(image_format='JPEG'), 'image/jpeg'))
    assert 'must be a PNG' in error(wire.edit(files=[*parts(['image'], picture()), mask_part]))['message']


@pytest.mark.parametrize(
    ('size', 'mode', 'image_format', 'expected'),
    [
        ((64, 32), 'RGBA', 'PNG', 'must be square'),
        ((64, 64), 'RGB', 'PNG', 'format must be in'),
        ((64, 64), 'RGB', 'JPEG', 'must be a PNG'),
    ],
)
def test_legacy_image_is_refused(wire, picture, size, mode, image_format, expected):
    mime_type = f'image/{image_format.lower()}'
    files = [('image', (f'a.{image_format.lower()}', picture(size, image_format, mode), mime_type))]
    assert expected in error(wire.edit(files=files, model='dall-e-2'))['message']


def test_legacy_image_of_4_megabytes_is_refused(wire):
    encoded = io.BytesIO()
    Image.new('RGBA', (1024, 1024)).save(encoded, 'PNG', compress_level=0)
    files = parts(['image'], encoded.getvalue())
    assert 'less than 4 MB' in error(wire.edit(files=files, model='dall-e-2'))['message']


@pytest.mark.parametrize(
    'fields',
    [{'size': '1536x1024'}, {'size': 'auto'}, {'prompt': 'x' * 1_001}, {'background': 'auto'}, {'quality': 'high'}],
    ids=str,
)
def test_legacy_field_is_refused(wire, picture, fields):
    files = parts(['image'], picture((64, 64), mode='RGBA'))
    error(wire.edit(files=files, **{'model': 'dall-e-2', **fields}))


def test_legacy_model_takes_one_image(wire, picture):
    files = parts(['image[]'] * 2, picture((64, 64), mode='RGBA'))
    assert error(wire.edit(files=files, model='dall-e-2'))['code'] == 'array_above_max_length'


@pytest.mark.parametrize(
    ('fields', 'size'),
    [({'model': 'gpt-image-2'}, (64, 64)), ({'prompt': 'x'}, (64, 64)), ({}, (64, 32))],
    ids=['model', 'prompt', 'not square'],
)
def test_variation_is_refused(wire, picture, fields, size):
    fields = {'prompt': None, 'model': 'dall-e-2', **fields}
    error(wire.edit(files=parts(['image'], picture(size)), path='/v1/images/variations', **fields))


@pytest.mark.parametrize(
    ('image', 'status'),
    [
        ({'image_url': 'data:image/png;base64,{}'}, 200),
        ({'image_url': 'https://example.com/a.png'}, 400),
        ({'image_url': 'data:image/png;base64,!!!'}, 400),
        ({'image_url': 'data:image/gif;base64,{}'}, 400),
        ({'image_url': 'data:image/png;base64,{}', 'file_id': 'file-a'}, 400),
        ({'file_id': 'file-a'}, 404),
        ({}, 400),
        ('data:image/png;base64,{}', 400),
    ],
    ids=['data url', 'https', 'no base64', 'gif', 'both', 'unknown file', 'neither', 'bare text'],
)
def test_json_images_are_read_strictly(wire, picture, as_base64, image, status):
    if isinstance(image, dict) and 'image_url' in image:
        image = {**image, 'image_url': image['image_url'].replace('{}', as_base64(picture()))}
    answer = wire.edit_json(model='gpt-image-2', prompt='warm', images=[image], n=1)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ('change', 'code'),
    [
        ({'n': 2, 'size': None}, 'ok'),
        ({'n': '2'}, 'invalid_type'),
        ({'size': 5}, 'invalid_value'),
        ({'quality': ['low']}, 'invalid_value'),
        ({'prompt': 5}, 'missing_required_parameter'),
        ({'images': 5}, 'invalid_type'),
        ({'n': 2.5}, 'invalid_type'),
        ({'image': 'x'}, 'unknown_parameter'),
        ({'response_format': 'b64_json'}, 'unknown_parameter'),
        ({'images': []}, 'missing_required_parameter'),
        ({'model': 'dall-e-2'}, 'invalid_value'),
    ],
    ids=str,
)
def test_json_fields_are_read_strictly(wire, picture, as_base64, change, code):
    url = f'data:image/png;base64,{as_base64(picture())}'
    answer = wire.edit_json(**{'model': 'gpt-image-2', 'prompt': 'warm', 'images': [{'image_url': url}], **change})
    assert answer.json().get('error', {'code': 'ok'})['code'] == code


@pytest.mark.parametrize(
    ('headers', 'status', 'code'),
    [
        ({}, 401, None),
        ({'x-goog-api-key': 'right'}, 401, None),
        ({'Authorization': 'Bearer wrong'}, 401, 'invalid_api_key'),
    ],
    ids=['missing', 'header of the other API', 'wrong'],
)
def test_key_is_checked(wire_to, headers, status, code):
    with Emulator(api_key='right') as emulator:
        answer = wire_to(emulator.url).edit(headers=headers)
    assert (answer.status_code, answer.json()['error']['code']) == (status, code)


@pytest.mark.parametrize('path', ['/images/edits', '/v1/v1/images/edits', '/v1beta/images/edits', '/v1/images/edits/'])
def test_path_that_does_not_exist_is_not_found(wire, emulator, path):
    answer = wire.edit(path=path)
    assert answer.status_code == 404
    assert 'Invalid URL (POST ' in answer.json()['error']['message']
    assert emulator.count == 0


@pytest.mark.parametrize('content_type', ['multipart/form-data; boundary=abc', 'application/json', 'text/plain'])
@pytest.mark.parametrize(
    'body', [b'', b'[]', b'garbage', b'\xff', b'--abc\r\n', b'--abc\r\nContent-Disposition: x\r\n\r\nhal']
)
def test_body_that_can_not_be_read_is_refused(emulator, content_type, body):
    headers = {'Authorization': 'Bearer k', 'Content-Type': content_type}
    error(requests.post(f'{emulator.url}/v1/images/edits', data=body, headers=headers, timeout=10))
