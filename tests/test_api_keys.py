"""API keys: read where they are used, and taken out of whatever a server says."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.api_keys import check_reference, read_api_key, redact
from beam_image_edit.transforms.errors import ConfigurationError

KEY = 'sk-Proj+4/7=abcDEF0123456789xyz'


def as_is(text):
    return text


def in_url(text):
    return quote(text, safe='')


def in_form(text):
    return quote_plus(text)


def in_lower_case(text):
    return text.lower()


def in_json(text):
    return json.dumps(text)


def in_repr(text):
    return repr(text.encode())


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def in_basic_auth(text):
    return base64.b64encode(f'u:{text}'.encode()).decode()


def in_url_safe_base64(text):
    return base64.urlsafe_b64encode(f'xy{text}z'.encode()).decode().rstrip('=')


FORMS = (as_is, in_url, in_form, in_lower_case, in_json, in_repr, in_base64, in_basic_auth, in_url_safe_base64)


def longest_shared(text, key):
    """The length of the longest piece of the key that is within a text."""
    return max(
        (end - start for start in range(len(key)) for end in range(start, len(key) + 1) if key[start:end] in text),
        default=0,
    )


def test_read_api_key_strips_the_variable(monkeypatch):
    monkeypatch.setenv('MY_KEY', f' {KEY}\n')
    assert read_api_key('env:MY_KEY') == KEY


@pytest.mark.parametrize('value', [None, '', '  \n'], ids=['unset', 'empty', 'blank'])
def test_read_api_key_names_the_variable_that_is_missing(monkeypatch, value):
    monkeypatch.delenv('MY_KEY', raising=False)
    if value is not None:
        monkeypatch.setenv('MY_KEY', value)
    with pytest.raises(ConfigurationError, match='set the environment variable MY_KEY'):
        read_api_key('env:MY_KEY')


@pytest.mark.parametrize('value', ['Bearer sk-secret', 'sk-secret\nx', 'sk-secret\u20ac', 'sk-secret\x7f'])
def test_read_api_key_refuses_what_is_no_key_and_does_not_show_it(monkeypatch, value):
    monkeypatch.setenv('MY_KEY', value)
    with pytest.raises(ConfigurationError, match='MY_KEY') as caught:
        read_api_key('env:MY_KEY')
    assert 'secret' not in str(caught.value)


@pytest.mark.parametrize('reference', ['', 'sk-secret', 'env:', 'file:/secret', 'ENV:secret'])
def test_check_reference_refuses_a_key_and_does_not_show_it(reference):
    with pytest.raises(ConfigurationError, match='env:DF_API_KEY') as caught:
        check_reference(reference)
    assert 'secret' not in str(caught.value)


@pytest.mark.parametrize('write', FORMS)
def test_redact_takes_the_key_out_in_every_form(write):
    text = redact(f'You sent {write(KEY)}, which is wrong; {write(KEY)}!', KEY)
    assert text.count('[API key]') == 2
    assert text.startswith('You sent ')
    assert longest_shared(text, write(KEY)) < 5


def test_redact_leaves_other_texts_alone():
    text = 'HTTP 400: the size must be one of 1K, 2K… got sk-'
    assert redact(text, KEY) == text


@pytest.mark.parametrize('length', range(4, len(KEY)))
def test_redact_takes_out_what_shortening_left_of_the_key(length):
    assert redact(f'wrong key {KEY[:length]}… (check it) {KEY[:length]}…', KEY) == (
        'wrong key [API key]… (check it) [API key]…'
    )


@pytest.mark.parametrize('key', ['', 'k', 'key', '[', '\\', '[API key]', '.*'])
def test_redact_takes_odd_keys(key):
    assert redact('abc', key) == 'abc'
    assert redact(f'x {key} y', key).replace('[API key]', '') != f'x {key} y' or not key


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), before=st.text(), after=st.text())
def test_redact_never_leaves_the_key(key, before, after):
    assert key not in redact(f'{before}{key}{after}', key).replace('[API key]', '')
