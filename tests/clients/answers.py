"""Answers of an API, as the tests of its format write them, and what the format makes of them."""

import base64
import json

import pytest
from hypothesis import strategies as st

from beam_image_edit.transforms.clients.calls import HttpResponse
from beam_image_edit.transforms.errors import ApiError

FIRST, SECOND = b'first picture', b'second picture\xff\xfe'


def encode(content):
    return base64.b64encode(content).decode()


def parse(api, answer, download=None, status=200, headers=None):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return api.parse_response(HttpResponse(status, headers or {}, body), download)


def error_of(api, answer, **more):
    with pytest.raises(ApiError) as caught:
        parse(api, answer, **more)
    return caught.value


def shapes_of(names):
    """JSON of any shape, with the names that the API uses."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(encode(FIRST)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=6),
        max_leaves=30,
    )
