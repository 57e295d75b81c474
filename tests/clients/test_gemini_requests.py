"""Gemini's wire format, outwards: what is asked, and where."""

import base64
import json

import pytest

from beam_image_edit.transforms.clients import gemini
from beam_image_edit.transforms.clients.calls import Call, Exchange
from beam_image_edit.transforms.rows import Parameters

BASE = gemini.default_base_url


def encode(content):
    return base64.b64encode(content).decode()


def request_of(*images, base_url=BASE, model='gemini-x', **more):
    call = Call(model=model, prompt='make it red', images=images, **{'parameters': Parameters(), **more})
    return gemini.to_request(call, base_url)


def body_of(*images, **more):
    return json.loads(b''.join(request_of(*images, **more).blocks(1000)))


def test_key_goes_in_a_header():
    assert gemini.auth_headers('k') == {'x-goog-api-key': 'k'}


def test_request_of_one_image(picture):
    image = picture()
    request = request_of(image)
    assert request.url == f'{BASE}/v1beta/models/gemini-x:generateContent'
    assert request.content_type == 'application/json'
    assert json.loads(b''.join(request.blocks(1000))) == {
        'contents': [
            {
                'role': 'user',
                'parts': [
                    {'inlineData': {'mimeType': 'image/png', 'data': encode(image.content)}},
                    {'text': 'make it red'},
                ],
            }
        ],
        'generationConfig': {'responseModalities': ['IMAGE']},
    }


def test_request_keeps_images_in_order_before_the_text(picture):
    images = (picture('JPEG'), picture('WEBP'), picture())
    parts = body_of(*images)['contents'][0]['parts']
    assert [part['inlineData']['mimeType'] for part in parts[:-1]] == ['image/jpeg', 'image/webp', 'image/png']
    assert [part['inlineData']['data'] for part in parts[:-1]] == [encode(image.content) for image in images]
    assert parts[-1] == {'text': 'make it red'}


@pytest.mark.parametrize(
    ('base_url', 'model', 'url'),
    [
        ('https://h', 'x', 'https://h/v1beta/models/x:generateContent'),
        ('https://h/', 'x', 'https://h/v1beta/models/x:generateContent'),
        ('https://h/v1', 'x', 'https://h/v1/models/x:generateContent'),
        ('https://h/v1beta/', 'x', 'https://h/v1beta/models/x:generateContent'),
        ('https://h/gemini', 'x', 'https://h/gemini/v1beta/models/x:generateContent'),
        ('https://h/v1beta1', 'x', 'https://h/v1beta1/models/x:generateContent'),
        ('https://h', 'models/x', 'https://h/v1beta/models/x:generateContent'),
        ('https://h', 'tunedModels/x', 'https://h/v1beta/tunedModels/x:generateContent'),
        ('https://h/v1', 'publishers/google/models/x', 'https://h/v1/publishers/google/models/x:generateContent'),
        ('https://h', 'google/x', 'https://h/v1beta/models/google/x:generateContent'),
        ('https://h', 'x y?z', 'https://h/v1beta/models/x%20y%3Fz:generateContent'),
    ],
)
def test_request_goes_to(base_url, model, url):
    assert request_of(base_url=base_url, model=model).url == url


@pytest.mark.parametrize(
    ('parameters', 'config'),
    [
        pytest.param({}, {}, id='none'),
        pytest.param({'aspect_ratio': '16:9'}, {'imageConfig': {'aspectRatio': '16:9'}}, id='aspect-ratio'),
        pytest.param({'resolution': '2K'}, {'imageConfig': {'imageSize': '2K'}}, id='resolution'),
        pytest.param(
            {'aspect_ratio': '1:1', 'resolution': '4K'},
            {'imageConfig': {'aspectRatio': '1:1', 'imageSize': '4K'}},
            id='both',
        ),
        pytest.param({'n': 4}, {}, id='n-is-not-sent'),
        pytest.param(
            {'extra_body': {'generationConfig': {'seed': 7, 'imageConfig': {'imageSize': '1K'}}}},
            {'seed': 7, 'imageConfig': {'imageSize': '1K'}},
            id='extra-body-is-merged-deep',
        ),
    ],
)
def test_request_parameters(parameters, config):
    body = body_of(parameters=Parameters(**parameters))
    assert body['generationConfig'] == {'responseModalities': ['IMAGE'], **config}


def test_request_extra_body_comes_last_and_null_takes_out():
    extra = {'generationConfig': {'responseModalities': None}, 'safetySettings': []}
    body = body_of(parameters=Parameters(extra_body=extra))
    assert body['generationConfig'] == {}
    assert body['safetySettings'] == []


def test_request_carries_the_system_instruction():
    assert body_of(system='Be bold.')['systemInstruction'] == {'parts': [{'text': 'Be bold.'}]}


def test_request_repeats_the_conversation_with_its_signatures(picture, content):
    image = picture()
    parts = (
        {'text': 'Here', 'thoughtSignature': 'c2lnMQ=='},
        {'image': 0, 'mimeType': 'image/jpeg', 'thoughtSignature': 'c2lnMg=='},
        {'image': 1, 'mimeType': None},
    )
    contents = body_of(history=(Exchange('add a hat', (image,), parts, (b'first', content)),))['contents']
    assert [turn['role'] for turn in contents] == ['user', 'model', 'user']
    assert contents[0]['parts'][-1] == {'text': 'add a hat'}
    assert contents[1]['parts'] == [
        {'text': 'Here', 'thoughtSignature': 'c2lnMQ=='},
        {'inlineData': {'mimeType': 'image/jpeg', 'data': encode(b'first')}, 'thoughtSignature': 'c2lnMg=='},
        {'inlineData': {'mimeType': 'image/png', 'data': encode(content)}},
    ]
    assert contents[2]['parts'] == [{'text': 'make it red'}]


def test_request_takes_any_text():
    body = json.loads(b''.join(gemini.to_request(Call('x', 'half \ud800 "\n', (), Parameters()), BASE).blocks(1000)))
    assert body['contents'][0]['parts'] == [{'text': 'half \ud800 "\n'}]
