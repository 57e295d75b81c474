"""What both wire formats share: the address that a base URL stands for."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from beam_image_edit.transforms.clients.payloads import join_base_url
from beam_image_edit.transforms.errors import ConfigurationError

ADDRESSES = {
    'https://host': 'https://host/v1',
    'https://host/': 'https://host/v1',
    'https://host//': 'https://host/v1',
    'https://host/v1': 'https://host/v1',
    'https://host/v1/': 'https://host/v1',
    'https://host/v1beta': 'https://host/v1beta',
    'https://host/v2alpha1': 'https://host/v2alpha1',
    'https://host/very': 'https://host/very/v1',
    'https://host/openai/v1': 'https://host/openai/v1',
    'https://host/v1/openai': 'https://host/v1/openai/v1',
    'http://127.0.0.1:8000': 'http://127.0.0.1:8000/v1',
    'http://host:1': 'http://host:1/v1',
    'http://host:65535/x': 'http://host:65535/x/v1',
    'http://[::1]': 'http://[::1]/v1',
    'http://[::1]:8000/v1': 'http://[::1]:8000/v1',
    'http://image_editor': 'http://image_editor/v1',
    'http://gateway.example.': 'http://gateway.example./v1',
    'HTTPS://Host': 'HTTPS://Host/v1',
    'https://bücher.example': 'https://bücher.example/v1',
    'https://host/@team/x': 'https://host/@team/x/v1',
}
NO_ADDRESSES = {
    'bracket-left-open': 'http://[::1',
    'no-address-in-brackets': 'http://[host]',
    'after-brackets': 'http://[::1]x',
    'port-of-letters': 'http://host:abc',
    'port-too-large': 'http://host:99999',
    'port-0': 'http://host:0',
    'port-negative': 'http://host:-1',
    'port-empty': 'http://host:',
    'port-of-other-digits': 'http://host:\u0663',
    'two-ports': 'http://host:80:90',
    'no-host': 'http://',
    'no-host-but-a-port': 'http://:80',
    'no-host-but-a-path': 'https:///v1',
    'one-slash': 'http:/host',
    'space-in-the-host': 'http://my host',
    'space-before-the-port': 'http://host: 80',
    'space-in-the-path': 'http://host/a b',
    'other-space': 'http://host\u3000/v1',
    'line-end': 'http://host\n/v1',
    'line-end-at-the-end': 'http://host/v1\n',
    'tab': 'http://ho\tst',
    'control-character': 'http://host/\x00',
    'delete': 'http://host\x7f',
    'invisible': 'http://ho\u200bst',
    'half-of-a-surrogate-pair': 'http://host/\ud800',
    'backslash': 'http://host\\@evil.example',
    'backslash-in-the-path': 'http://host/a\\b',
    'two-dots': 'http://a..b',
    'dot-first': 'http://.host',
    'label-too-long': f'http://{"a" * 64}.example',
    'escape': 'http://ho%73t',
    'another-scheme': 'ftp://host',
    'no-scheme': 'host:80',
    'empty': '',
}


@pytest.mark.parametrize('base_url', ADDRESSES)
def test_base_url_gets_its_version_and_loses_its_slash(base_url):
    assert join_base_url(base_url, 'v1') == ADDRESSES[base_url]


@pytest.mark.parametrize('base_url', NO_ADDRESSES.values(), ids=NO_ADDRESSES)
def test_base_url_that_is_no_address_is_refused_in_one_line(base_url):
    with pytest.raises(ConfigurationError, match='DF_BASE_URL') as caught:
        join_base_url(base_url, 'v1')
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    'base_url',
    [
        'https://user:secret@host',
        'https://secret@host:abc',
        'secret@host',
        'https://host?key=secret',
        'https://host/v1?key=secret',
        'https://host#secret',
        'https://ho st/?key=secret',
        'secret',
        'sk-secret',
        'Bearer secret',
    ],
)
def test_base_url_that_may_hold_a_key_is_refused_and_not_shown(base_url):
    with pytest.raises(ConfigurationError, match='DF_BASE_URL') as caught:
        join_base_url(base_url, 'v1')
    assert 'secret' not in str(caught.value)


@pytest.mark.parametrize('base_url', ['127.0.0.1:8011', 'localhost', 'sk-secret'])
def test_base_url_without_a_scheme_is_told_so(base_url):
    with pytest.raises(ConfigurationError, match=r'characters without http:// or https:// before them') as caught:
        join_base_url(base_url, 'v1')
    assert base_url not in str(caught.value)


@given(rest=st.text('a1.:/@-_\\ %?#', max_size=12))
def test_base_url_is_refused_or_goes_where_it_says(rest):
    try:
        url = join_base_url(f'http://{rest}', 'v1')
    except ConfigurationError:
        return
    meant, sent_to = urlsplit(url), urlsplit(Request('POST', url).prepare().url)
    assert (sent_to.hostname, sent_to.port or 80) == (meant.hostname, meant.port or 80)
    assert sent_to.path.endswith('/v1')


@pytest.mark.parametrize('name', ['bracket-left-open', 'port-of-letters', 'line-end'])
def test_command_names_the_variable_in_one_line(name, tmp_path):
    environment = {**os.environ, 'DF_API_KEY': 'any', 'DF_BASE_URL': NO_ADDRESSES[name]}
    command = [sys.executable, '-m', 'beam_image_edit.pipeline', f'--cache_path={tmp_path / "out"}']
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stdout == ''
    [line] = ended.stderr.splitlines()
    assert 'DF_BASE_URL' in line
    assert not (tmp_path / 'out').exists()
