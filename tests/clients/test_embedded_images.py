"""Images within JSON: written and read as bytes, and whatever is odd is read as `json` reads it."""

import base64
import json

import pytest

from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.embedded_images import EmbeddedImage, parse_json, write_json

IMAGE = bytes(range(256)) * 20
LONG = base64.b64encode(IMAGE).decode()
OTHER = base64.b64encode(IMAGE[::-1]).decode()


def test_written_images_are_base64():
    value = {'text': 'half \ud800 "\n', 'images': [EmbeddedImage(IMAGE), {'data': EmbeddedImage(b'')}], 'n': 1}
    expected = {'text': 'half \ud800 "\n', 'images': [LONG, {'data': ''}], 'n': 1}
    request = HttpRequest('http://any', write_json(value), 'application/json')
    assert json.loads(b''.join(request.blocks(1000))) == expected
    assert len(request) == sum(map(len, request.blocks(10**9)))


@pytest.mark.parametrize('size', [4, 7, 1000, 10**6])
@pytest.mark.parametrize('length', [0, 1, 2, 3, 4, 5120])
def test_blocks_make_up_the_base64(size, length):
    image = EmbeddedImage(IMAGE[:length])
    blocks = list(image.blocks(size))
    assert b''.join(blocks) == base64.b64encode(IMAGE[:length])
    assert len(image) == sum(map(len, blocks))
    assert all(len(block) <= size for block in blocks)


@pytest.mark.parametrize('name', ['data', 'b64_json'])
@pytest.mark.parametrize('kind', [bytes, bytearray])
def test_images_are_read_as_bytes(name, kind):
    value = {'parts': [{'text': 'é'}, {name: LONG, 'mimeType': 'image/png'}, {name: OTHER}], 'n': 1.5}
    parts = [{'text': 'é'}, {name: IMAGE, 'mimeType': 'image/png'}, {name: IMAGE[::-1]}]
    assert parse_json(kind(json.dumps(value, ensure_ascii=False).encode())) == {'parts': parts, 'n': 1.5}


def test_other_fields_stay_texts():
    value = {'data': LONG, 'thoughtSignature': OTHER}
    assert parse_json(json.dumps(value).encode()) == {'data': IMAGE, 'thoughtSignature': OTHER}


@pytest.mark.parametrize(
    'text',
    [
        f'{{"data": ["{LONG}"]}}',
        f'"{LONG}"',
        f'{{"{LONG}": 1}}',
        f'{{"data": "{LONG}", "data": "{OTHER}"}}',
        f'{{"data": "{LONG[:-1]}"}}',
        f'{{"data": "{LONG[:-4]}-_=="}}',
        f'{{"data": "data:image/png;base64,{LONG}"}}',
        f'{{"data": "{LONG[:4000]} {LONG[4000:]}"}}',
        f'{{"data": "{LONG}\\n"}}',
        f'{{"data": "say \\"{LONG}\\" twice"}}',
        f'{{"data": "\\"{LONG}"}}',
        f'{{"data": "{LONG}\\""}}',
        '{"data": ' + '1' * 5000 + 'e-4998, "b": 1}',
        '{"a": 1, "data":' + ' ' * 5000 + '"b"}',
        '[' + '"a",' * 30_000 + '"b"]',
    ],
    ids=lambda text: f'{text[:20]}…{text[-12:]}',
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16', 'utf-32-be'])
def test_whatever_is_odd_is_read_as_json_reads_it(text, encoding):
    assert parse_json(text.encode(encoding)) == json.loads(text)


@pytest.mark.parametrize(
    'text',
    ['', '{', f'{{"data": "{LONG}"', f'"{LONG}" "{LONG}"', f'{{"data": "{LONG}}}', f'{{"data": {LONG}, "a": "b"}}'],
    ids=['empty', 'cut', 'cut after an image', 'two values', 'cut in an image', 'no quotes'],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(json.JSONDecodeError):
        parse_json(text.encode())
