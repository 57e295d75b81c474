"""What the tests of the emulator share: a server, pictures to send, and the plain HTTP requests of both APIs."""

import base64
import io

import openai
import pytest
import requests
from google import genai
from google.genai import types
from PIL import Image, ImageDraw

from beam_image_edit.pipeline.emulator import Emulator

GEMINI_MODEL = 'gemini-nano-banana-2.1'
OPENAI_MODEL = 'gpt-image-2.5-flare'


def draw_picture(size=(96, 64), image_format='PNG', mode='RGB', colour=(200, 120, 60)):
    """A small picture with something on it, encoded."""
    image = Image.new('RGB', size, colour)
    ImageDraw.Draw(image).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill=(30, 90, 200))
    encoded = io.BytesIO()
    image.convert(mode).save(encoded, image_format)
    return encoded.getvalue()


def draw_mask(size=(96, 64)):
    """A mask whose left half may change."""
    mask = Image.new('RGBA', size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    encoded = io.BytesIO()
    mask.save(encoded, 'PNG')
    return encoded.getvalue()


class Wire:
    """The two APIs as plain HTTP requests: one that is accepted, and changes to it."""

    def __init__(self, url):
        self.url = url
        self.timeout_s = 20

    def generate(self, text='make it red', model=GEMINI_MODEL, version='v1beta', headers=None, **body):
        """Posts a generateContent request; `body` replaces its top-level fields."""
        parts = [{'inlineData': {'mimeType': 'image/png', 'data': encode(draw_picture())}}, {'text': text}]
        return requests.post(
            f'{self.url}/{version}/models/{model}:generateContent',
            json={'contents': [{'role': 'user', 'parts': parts}], **body},
            headers={'x-goog-api-key': 'key-of-a-test'} if headers is None else headers,
            timeout=self.timeout_s,
        )

    def edit(self, prompt='make it red', files=None, path='/v1/images/edits', headers=None, **fields):
        """Posts a multipart images/edits request; a field that is None is left out."""
        fields = {'model': OPENAI_MODEL, 'prompt': prompt, **fields}
        return requests.post(
            f'{self.url}{path}',
            data={name: value for name, value in fields.items() if value is not None},
            files=[('image', ('a.png', draw_picture(), 'image/png'))] if files is None else files,
            headers={'Authorization': 'Bearer key-of-a-test'} if headers is None else headers,
            timeout=self.timeout_s,
        )

    def edit_json(self, **body):
        """Posts a JSON images/edits request."""
        headers = {'Authorization': 'Bearer key-of-a-test'}
        return requests.post(f'{self.url}/v1/images/edits', json=body, headers=headers, timeout=self.timeout_s)


def encode(content):
    """Standard base64."""
    return base64.b64encode(content).decode()


@pytest.fixture
def emulator():
    with Emulator() as server:
        yield server


@pytest.fixture
def wire(emulator):
    return Wire(emulator.url)


@pytest.fixture
def wire_to():
    return Wire


@pytest.fixture
def openai_client(emulator):
    with openai.OpenAI(api_key='key-of-a-test', base_url=f'{emulator.url}/v1', max_retries=0) as client:
        yield client


@pytest.fixture
def gemini_client(emulator):
    client = genai.Client(api_key='key-of-a-test', http_options=types.HttpOptions(base_url=emulator.url))
    yield client
    client.close()


@pytest.fixture
def picture():
    return draw_picture


@pytest.fixture
def mask():
    return draw_mask


@pytest.fixture
def as_base64():
    return encode
