"""API keys: read where they are used, and taken out of whatever a server says."""

import base64
import json
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, quote_plus

import grpc
import pytest
from google.cloud import secretmanager
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.api_keys import check_reference, read_api_key, redact
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.storage import Storage

KEY = 'sk-Proj+4/7=abcDEF0123456789xyz'
SECRET = 'projects/p/secrets/s/versions/1'


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


@pytest.mark.parametrize('where', ['path', 'file://', 'memory://'])
def test_read_api_key_takes_it_from_a_file_without_white_space(tmp_path, where):
    folder = f'memory://{uuid.uuid4().hex}' if where == 'memory://' else f'{where.removeprefix("path")}{tmp_path}'
    Storage(folder).write('key', f' {KEY}\r\n'.encode())
    assert read_api_key(f'file:{folder}/key') == KEY


@pytest.mark.parametrize(
    ('content', 'words'),
    [(None, 'FileNotFoundError'), (b' \n', 'is empty'), (b'sk-\xffsecret', 'copy it again')],
    ids=['missing', 'empty', 'no text'],
)
def test_read_api_key_names_the_file_that_holds_none(tmp_path, content, words):
    if content is not None:
        (tmp_path / 'key').write_bytes(content)
    with pytest.raises(ConfigurationError, match=f'{tmp_path}/key.*{words}') as caught:
        read_api_key(f'file:{tmp_path}/key')
    assert 'secret' not in str(caught.value)


def answer_with_the_secret(request, context):
    if request.name != SECRET:
        context.abort(grpc.StatusCode.NOT_FOUND, f'no {request.name}')
    return secretmanager.AccessSecretVersionResponse(name=SECRET, payload={'data': f'{KEY}\n'.encode()})


@pytest.fixture
def secret_manager(monkeypatch):
    """Google's own client, which needs no account here since the service is on loopback."""
    handler = grpc.unary_unary_rpc_method_handler(
        answer_with_the_secret,
        secretmanager.AccessSecretVersionRequest.deserialize,
        secretmanager.AccessSecretVersionResponse.serialize,
    )
    service = grpc.method_handlers_generic_handler(
        'google.cloud.secretmanager.v1.SecretManagerService', {'AccessSecretVersion': handler}
    )
    server = grpc.server(ThreadPoolExecutor(1), handlers=[service])
    port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    with grpc.insecure_channel(f'127.0.0.1:{port}') as channel:
        client = partial(
            secretmanager.SecretManagerServiceClient, transport=SecretManagerServiceGrpcTransport(channel=channel)
        )
        monkeypatch.setattr(secretmanager, 'SecretManagerServiceClient', client)
        yield
    server.stop(None).wait()


@pytest.mark.usefixtures('secret_manager')
def test_read_api_key_takes_it_from_secret_manager():
    assert read_api_key(f'gcp-secret:{SECRET}') == KEY


@pytest.mark.usefixtures('secret_manager')
def test_read_api_key_names_the_secret_that_is_not_there():
    with pytest.raises(ConfigurationError, match=r'projects/p/secrets/other/versions/1 can not be read: .*404 no proj'):
        read_api_key('gcp-secret:projects/p/secrets/other/versions/1')


def test_read_api_key_names_the_extra_for_secret_manager(monkeypatch):
    monkeypatch.setitem(sys.modules, 'google.cloud.secretmanager', None)
    with pytest.raises(ConfigurationError, match=r'pip install google-cloud-secret-manager .*beam-image-edit\[gcp\]'):
        read_api_key(f'gcp-secret:{SECRET}')


@pytest.mark.parametrize(
    'reference',
    [
        '',
        'sk-hidden',
        'env:',
        'env:sk-hidden',
        'ENV:hidden',
        'file:',
        'file: /hidden',
        'gcp-secret:',
        'gcp-secret:hidden',
        'gcp-secret:projects/p/secrets/hidden',
        'hidden:projects/p/secrets/s/versions/1',
    ],
)
def test_check_reference_refuses_a_key_and_does_not_show_it(reference):
    with pytest.raises(ConfigurationError, match='env:DF_API_KEY') as caught:
        check_reference(reference)
    assert 'hidden' not in str(caught.value)


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


@pytest.mark.parametrize('key', ['[[[[', '\\\\\\\\', '[API key]', '.*.*', 'fake'])
def test_redact_takes_odd_keys(key):
    assert redact('abcde', key) == 'abcde'
    assert redact(f'x {key} y', key) == 'x [API key] y'


@pytest.mark.parametrize('key', ['', 'e', '.*', 'any'])
def test_redact_leaves_texts_whole_if_the_key_is_too_short_to_be_one(key):
    text = 'any model that is not the one… .*'
    assert redact(text, key) == text


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4), before=st.text(), after=st.text())
def test_redact_never_leaves_the_key(key, before, after):
    assert key not in redact(f'{before}{key}{after}', key).replace('[API key]', '')
