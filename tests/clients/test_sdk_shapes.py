"""Our requests beside those of the official SDKs for the same edit, both as a server on loopback receives them."""

import base64
import email.parser
import email.policy
import json
from io import BytesIO

import openai as openai_sdk
import pytest
from google import genai
from google.genai import types

from beam_image_edit.transforms.clients import gemini, openai
from beam_image_edit.transforms.clients.calls import Call, Exchange
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.rows import Parameters

KEY = 'key-for-tests'
MODEL = 'gpt-image-2.5-flare'
GEMINI_MODEL = 'gemini-nano-banana-2.1'


@pytest.fixture
def send_ours(server):
    """Sends a call with our client; what the server received."""

    def send(api_format, call):
        client = HttpClient(1, 5, 5)
        client.post(api_format.to_request(call, server.url), api_format.auth_headers(KEY))
        client.close()
        return server.exchanges[-1]

    return send


@pytest.fixture
def send_openai_sdk(server):
    """Sends an edit with the openai SDK; what the server received."""

    def send(**asked):
        server.answer = lambda exchange: exchange.send(body=b'{"data": []}', content_type='application/json')
        with openai_sdk.OpenAI(api_key=KEY, base_url=f'{server.url}/v1', max_retries=0) as client:
            method = client.images.edit if 'prompt' in asked else client.images.create_variation
            method(**asked)
        return server.exchanges[-1]

    return send


@pytest.fixture
def send_gemini_sdk(server):
    """Sends a call with the google-genai SDK; what the server received."""

    def send(contents, **config):
        server.answer = lambda exchange: exchange.send(content_type='application/json')
        options = types.HttpOptions(base_url=server.url, api_version='v1beta')
        client = genai.Client(api_key=KEY, http_options=options)
        client.models.generate_content(
            model=GEMINI_MODEL, contents=contents, config=types.GenerateContentConfig(**config)
        )
        client.close()
        return server.exchanges[-1]

    return send


def parts_of(exchange):
    """The parts of a form: name, content type, whether it is a file, and content of each."""
    head = f'Content-Type: {exchange.headers["content-type"]}\r\n\r\n'.encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + exchange.body)
    return [
        (
            part.get_param('name', header='content-disposition'),
            part.get('content-type'),
            part.get_filename() is not None,
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def as_file(image, name='a'):
    return (f'{name}.{image.info.extension}', BytesIO(image.content), image.info.mime)


OPENAI_EDITS = {
    'one-image': {},
    'several-images': {'count': 3},
    'mask': {'has_mask': True},
    'parameters': {
        'n': 2,
        'size': '1536x1024',
        'quality': 'high',
        'background': 'opaque',
        'output_format': 'webp',
        'output_compression': 80,
        'input_fidelity': 'high',
    },
    'raw-fields': {'extra_body': {'svg': {'model': 'm', 'reasoning': {'effort': 'low'}}, 'flag': True, 'number': 7}},
}


@pytest.mark.parametrize('asked', OPENAI_EDITS.values(), ids=OPENAI_EDITS)
def test_openai_edit_is_sent_as_the_sdk_sends_it(send_ours, send_openai_sdk, picture, asked):
    asked = dict(asked)
    images = [picture(image_format) for image_format in ('PNG', 'JPEG', 'WEBP')[: asked.pop('count', 1)]]
    mask = picture(colour='black') if asked.pop('has_mask', False) else None
    ours = send_ours(openai, Call(MODEL, 'make it red', tuple(images), Parameters(**asked), mask))
    files = [as_file(image) for image in images]
    sdk = send_openai_sdk(
        model=MODEL,
        prompt='make it red',
        image=files[0] if len(files) == 1 else files,
        **({'mask': as_file(mask)} if mask else {}),
        **asked,
    )
    assert (ours.command, ours.path) == (sdk.command, sdk.path)
    assert ours.headers['Authorization'] == sdk.headers['Authorization']
    ours_parts, sdk_parts = parts_of(ours), parts_of(sdk)
    # The order of the texts is the SDK's own affair; that of the files is not.
    assert sorted(part for part in ours_parts if not part[2]) == sorted(part for part in sdk_parts if not part[2])
    assert [part for part in ours_parts if part[2]] == [part for part in sdk_parts if part[2]]
    assert [is_file for *_, is_file, _ in ours_parts] == sorted(is_file for *_, is_file, _ in sdk_parts)


def test_openai_variation_is_sent_as_the_sdk_sends_it(send_ours, send_openai_sdk, picture):
    image = picture()
    call = Call('dall-e-2', None, (image,), Parameters(n=2, size='256x256', use_variations=True))
    ours = send_ours(openai, call)
    with pytest.warns(DeprecationWarning, match='deprecated'):
        sdk = send_openai_sdk(model='dall-e-2', image=as_file(image), n=2, size='256x256', response_format='b64_json')
    assert ours.path == sdk.path
    assert sorted(parts_of(ours), key=str) == sorted(parts_of(sdk), key=str)


def test_openai_file_names_are_ours(send_ours, picture):
    # The SDK sends the user's file names. Ours are fixed: those of a user may be in any alphabet.
    ours = send_ours(openai, Call(MODEL, 'x', (picture(), picture('JPEG')), Parameters(), picture()))
    for name in ('image_0.png', 'image_1.jpg', 'mask.png'):
        assert f'filename="{name}"'.encode() in ours.body


def to_camel_case(value):
    """JSON with the names as protobuf writes them; the SDK mixes both spellings in one request."""
    if isinstance(value, list):
        return [to_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {to_camel(name): to_camel_case(item) for name, item in value.items()}


def to_camel(name):
    first, *rest = name.split('_')
    return first + ''.join(word.capitalize() for word in rest)


def normalised(exchange):
    """A Gemini body without the differences that we make on purpose.

    The SDK writes base64 in the URL-safe alphabet and gives the system instruction a role. We write the standard
    alphabet, which is what answers have and which every server understands, and no role, which means nothing there.
    """
    body = to_camel_case(json.loads(exchange.body))
    for content in body['contents']:
        for part in content['parts']:
            if 'inlineData' in part:
                part['inlineData']['data'] = base64.urlsafe_b64decode(
                    part['inlineData']['data'].replace('+', '-').replace('/', '_')
                )
    if 'systemInstruction' in body:
        body['systemInstruction'].pop('role', None)
    return body


def as_part(image):
    return types.Part.from_bytes(data=image.content, mime_type=image.info.mime)


GEMINI_EDITS = {
    'one-image': ({}, {}),
    'two-images': ({'count': 2}, {}),
    'aspect-ratio': ({'aspect_ratio': '16:9'}, {'image_config': {'aspect_ratio': '16:9'}}),
    'resolution': ({'resolution': '2K'}, {'image_config': {'image_size': '2K'}}),
    'both': (
        {'aspect_ratio': '1:1', 'resolution': '4K'},
        {'image_config': {'aspect_ratio': '1:1', 'image_size': '4K'}},
    ),
    'raw-fields': (
        {'extra_body': {'generationConfig': {'seed': 7, 'thinkingConfig': {'thinkingLevel': 'HIGH'}}}},
        {'seed': 7, 'thinking_config': {'thinking_level': 'HIGH'}},
    ),
    'system': ({'system': 'Be bold.'}, {'system_instruction': 'Be bold.'}),
}


@pytest.mark.parametrize(('asked', 'config'), GEMINI_EDITS.values(), ids=GEMINI_EDITS)
def test_gemini_edit_is_sent_as_the_sdk_sends_it(send_ours, send_gemini_sdk, picture, asked, config):
    asked = dict(asked)
    images = tuple(picture(image_format) for image_format in ('PNG', 'JPEG')[: asked.pop('count', 1)])
    system = asked.pop('system', None)
    ours = send_ours(gemini, Call(GEMINI_MODEL, 'make it red', images, Parameters(**asked), system=system))
    contents = [*(as_part(image) for image in images), 'make it red']
    sdk = send_gemini_sdk(contents, response_modalities=['IMAGE'], **config)
    assert (ours.command, ours.path) == (sdk.command, sdk.path)
    assert ours.headers['x-goog-api-key'] == sdk.headers['x-goog-api-key'] == KEY
    assert ours.headers['content-type'] == sdk.headers['content-type']
    assert normalised(ours) == normalised(sdk)


def test_gemini_conversation_is_sent_as_the_sdk_sends_it(send_ours, send_gemini_sdk, picture):
    first, made = picture(), picture('JPEG')
    signature = base64.b64encode(b'signature\xff\xfe').decode()
    parts = ({'text': 'Here'}, {'image': 0, 'mimeType': 'image/jpeg', 'thoughtSignature': signature})
    history = (Exchange('add a hat', (first,), parts, (made.content,)),)
    ours = normalised(send_ours(gemini, Call(GEMINI_MODEL, 'now in red', (), Parameters(), history=history)))
    sdk = normalised(
        send_gemini_sdk(
            [
                types.UserContent([as_part(first), 'add a hat']),
                types.ModelContent(
                    [
                        types.Part(text='Here'),
                        types.Part(
                            inline_data=types.Blob(data=made.content, mime_type='image/jpeg'),
                            thought_signature=base64.b64decode(signature),
                        ),
                    ]
                ),
                types.UserContent('now in red'),
            ],
            response_modalities=['IMAGE'],
        )
    )
    # The SDK decodes a signature and writes it in its own alphabet; ours goes back as the text that came.
    assert ours['contents'][1]['parts'][1]['thoughtSignature'] == signature
    sdk_signature = sdk['contents'][1]['parts'][1].pop('thoughtSignature')
    assert base64.urlsafe_b64decode(sdk_signature.replace('+', '-').replace('/', '_')) == base64.b64decode(
        ours['contents'][1]['parts'][1].pop('thoughtSignature')
    )
    assert ours == sdk
