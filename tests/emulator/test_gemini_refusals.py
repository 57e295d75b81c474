"""What the real Gemini API refuses, the emulator refuses."""

import pytest
import requests

from beam_image_edit.pipeline.emulator import Emulator


def user(*parts):
    return {'role': 'user', 'parts': list(parts)}


def message(answer):
    assert answer.status_code == 400, answer.text
    error = answer.json()['error']
    assert (error['code'], error['status']) == (400, 'INVALID_ARGUMENT')
    return error['message']


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ({'imageConfig': {'imageSize': '1k'}}, 'image_size must be'),
        ({'imageConfig': {'imageSize': '512'}}, 'image_size must be'),
        ({'imageConfig': {'aspectRatio': '7:5'}}, 'aspect_ratio must be'),
        (
            {'imageConfig': {'imageOutputOptions': {}}},
            'Unknown name "imageOutputOptions" at \'generation_config.image_c',
        ),
        ({'candidateCount': 2}, 'Multiple candidates is not enabled'),
        ({'responseModalities': ['image']}, "Invalid value at 'generation_config.response_modalities[0]'"),
        ({'responseModalities': ['TEXT']}, 'combination of response modalities'),
        ({'n': 2}, 'Unknown name "n" at \'generation_config\': Cannot find field.'),
        ({'temperature': 3}, "Invalid value at 'generation_config.temperature'"),
        ({'seed': 'x'}, "Invalid value at 'generation_config.seed'"),
        ({'thinkingConfig': {'thinkingLevel': 'EXTREME'}}, 'Thinking level'),
    ],
)
def test_generation_config_is_refused(wire, config, expected):
    assert expected in message(wire.generate(generationConfig=config))


@pytest.mark.parametrize(
    ('model', 'config'),
    [
        ('gemini-3.1-flash-lite-image', {'imageConfig': {'imageSize': '2K'}}),
        ('gemini-3-pro-image', {'imageConfig': {'aspectRatio': '8:1'}}),
        ('emulated-gemini-2.5-flash-image', {'imageConfig': {'imageSize': '1K'}}),
        ('emulated-gemini-2.5-flash-image', {'thinkingConfig': {'thinkingLevel': 'HIGH'}}),
    ],
)
def test_what_a_model_lacks_is_refused(wire, model, config):
    message(wire.generate(model=model, generationConfig=config))


def test_512_is_taken_where_it_exists(wire):
    config = {'imageConfig': {'imageSize': '512'}}
    assert wire.generate(model='emulated-gemini-3.1-flash-image', generationConfig=config).status_code == 200


def test_names_in_both_cases_are_taken(wire, as_base64, picture):
    part = {'inline_data': {'mimeType': 'image/png', 'data': as_base64(picture())}}
    config = {'response_modalities': ['IMAGE'], 'imageConfig': {'aspect_ratio': '1:1'}}
    answer = wire.generate(contents=[user(part, {'text': 'sepia'})], generation_config=config, systemInstruction=None)
    assert answer.status_code == 200


@pytest.mark.parametrize('change', [{'prompt': 'x'}, {'negativePrompt': 'x'}], ids=['prompt', 'negativePrompt'])
def test_unknown_top_level_name_is_refused(wire, change):
    name = next(iter(change))
    expected = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    assert message(wire.generate(**change)) == expected


@pytest.mark.parametrize(
    ('mime_type', 'image_format', 'expected'),
    [
        ('image/gif', 'GIF', 'Unsupported MIME type: image/gif'),
        ('image/bmp', 'BMP', 'Unsupported MIME type'),
        ('', 'PNG', 'Unsupported MIME type'),
        ('image/jpeg', 'PNG', 'Unable to process input image'),
    ],
)
def test_image_of_a_wrong_kind_is_refused(wire, picture, as_base64, mime_type, image_format, expected):
    content = as_base64(picture(image_format=image_format))
    part = {'inlineData': {'mimeType': mime_type, 'data': content}}
    assert expected in message(wire.generate(contents=[user(part, {'text': 'sepia'})]))


@pytest.mark.parametrize(
    ('encode', 'status'),
    [
        (lambda text: text.replace('+', '-').replace('/', '_'), 200),
        (lambda text: text.rstrip('='), 200),
        (lambda text: text[:20] + '\n' + text[20:], 400),
        (lambda text: text + '!', 400),
        (lambda text: text[: len(text) // 2], 400),
    ],
    ids=['url-safe', 'no padding', 'white space', 'other character', 'cut image'],
)
def test_base64_is_read_strictly(wire, picture, as_base64, encode, status):
    part = {'inlineData': {'mimeType': 'image/png', 'data': encode(as_base64(picture((33, 47))))}}
    assert wire.generate(contents=[user(part, {'text': 'sepia'})]).status_code == status


@pytest.mark.parametrize(
    ('contents', 'expected'),
    [
        ([], 'contents is not specified'),
        ([user()], 'must not be empty'),
        ([user({'text': ' '})], 'no text'),
        ([user({})], 'required oneof field'),
        ([{'role': 'assistant', 'parts': [{'text': 'x'}]}], 'Please use a valid role: user, model.'),
        ([user({'text': 'x'}), user({'text': 'y'})], 'alternate between user and model'),
        ([user({'text': 'x'}), {'role': 'model', 'parts': [{'text': 'y'}]}], 'end with a user role'),
        ([{'role': 'user', 'parts': [{'text': 'x', 'mask': 1}]}], 'Unknown name "mask" at \'contents[0].parts[0]\''),
        ([user({'text': 'x' * 600_000})], 'exceeds the maximum number of tokens'),
        ('make it red', "Invalid value at 'contents'"),
    ],
)
def test_contents_are_refused(wire, contents, expected):
    assert expected in message(wire.generate(contents=contents))


def test_too_many_images_are_refused(wire, picture, as_base64):
    part = {'inlineData': {'mimeType': 'image/png', 'data': as_base64(picture((8, 8)))}}
    assert wire.generate(contents=[user(*[part] * 14, {'text': 'x'})]).status_code == 200
    assert 'Too many images: 15' in message(wire.generate(contents=[user(*[part] * 15, {'text': 'x'})]))


def test_file_that_was_never_uploaded_is_forbidden(wire):
    part = {'fileData': {'fileUri': 'files/abc', 'mimeType': 'image/png'}}
    assert wire.generate(contents=[user(part, {'text': 'x'})]).status_code == 403


def test_too_large_a_request_is_refused(emulator):
    body = b'{"contents": "' + b'x' * (100 * 1024 * 1024) + b'"}'
    url = f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent'
    answer = requests.post(url, data=body, headers={'x-goog-api-key': 'k'}, timeout=20)
    assert 'Request payload size exceeds the limit' in message(answer)


def conversation(wire, change):
    """A second turn after an answer whose parts were changed."""
    first = user({'text': 'draw a house'})
    answer = wire.generate(contents=[first]).json()['candidates'][0]['content']
    return wire.generate(contents=[first, change(answer), user({'text': 'now blur it'})])


def without_signatures(content):
    return {
        **content,
        'parts': [{k: v for k, v in part.items() if k != 'thoughtSignature'} for part in content['parts']],
    }


def with_signature(signature):
    return lambda content: {**content, 'parts': [{**part, 'thoughtSignature': signature} for part in content['parts']]}


def test_conversation_goes_on_unchanged(wire):
    assert conversation(wire, lambda content: content).status_code == 200


def test_missing_signature_is_refused(wire):
    expected = 'Image part is missing a thought_signature in content position 2, part position 2.'
    assert expected in message(conversation(wire, without_signatures))


def test_wrong_signature_is_refused(wire):
    assert 'Corrupted thought signature' in message(conversation(wire, with_signature('c2lnbmF0dXJl')))


def test_signature_of_another_image_is_refused(wire, picture, as_base64):
    def swap(content):
        other = {'mimeType': 'image/png', 'data': as_base64(picture())}
        return {
            **content,
            'parts': [{**part, 'inlineData': other} for part in content['parts'] if 'inlineData' in part],
        }

    assert 'Corrupted thought signature' in message(conversation(wire, swap))


@pytest.mark.parametrize(
    ('headers', 'status', 'expected'),
    [
        ({}, 403, 'PERMISSION_DENIED'),
        ({'x-goog-api-key': 'wrong'}, 400, 'API_KEY_INVALID'),
        ({'Authorization': 'Bearer right'}, 401, 'UNAUTHENTICATED'),
        ({'x-goog-api-key': 'right'}, 200, 'STOP'),
    ],
    ids=['missing', 'wrong', 'bearer', 'right'],
)
def test_key_is_checked(wire_to, headers, status, expected):
    with Emulator(api_key='right') as emulator:
        answer = wire_to(emulator.url).generate(headers=headers)
    assert answer.status_code == status
    assert expected in answer.text


@pytest.mark.parametrize(
    'path',
    [
        '/models/gemini-3-pro-image:generateContent',
        '/v2/models/gemini-3-pro-image:generateContent',
        '/v1beta//models/gemini-3-pro-image:generateContent',
        '/v1beta/models/gemini-3-pro-image%3AgenerateContent',
        '/v1beta/models/gemini-3-pro-image:generateContent/',
        '/v1beta/models/models/gemini-3-pro-image:generateContent',
    ],
)
def test_path_that_does_not_exist_is_not_found(emulator, path):
    answer = requests.post(emulator.url + path, json={}, headers={'x-goog-api-key': 'k'}, timeout=10)
    assert answer.status_code == 404
    assert emulator.count == 0
    assert emulator.visits[0].status == 404


@pytest.mark.parametrize(
    'body', [b'', b'[]', b'null', b'\xff', b'{"contents": [null]}', b'{"contents": [{"parts": [{"text": 5}]}]}']
)
def test_body_that_can_not_be_read_is_refused(emulator, body):
    url = f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent'
    message(requests.post(url, data=body, headers={'x-goog-api-key': 'k'}, timeout=10))
