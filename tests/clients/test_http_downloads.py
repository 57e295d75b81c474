"""Images that an answer names by their address: from where they are fetched, how often, and without the key."""

import pytest

from beam_image_edit.transforms.clients import http as http_module

KEY = 'secret-key-0815'
PICTURE = bytes(range(256)) * 40


@pytest.fixture
def images(server):
    """A server that has an image."""
    server.answer = lambda exchange: exchange.send(body=PICTURE, content_type='image/png')
    return server


def test_download_brings_the_image_without_the_key(images, client, post):
    post(client, images.url)
    assert client.download(f'{images.url}/a.png?signature=s', images.host) == PICTURE
    assert images.exchanges[1].command == 'GET'
    assert images.exchanges[1].path == '/a.png?signature=s'
    assert KEY not in str(images.exchanges[1].headers)


@pytest.mark.parametrize(
    'url',
    [
        'http://127.0.0.1:1/a.png',
        'http://{host}.evil.invalid/a.png',
        'http://{host}@evil.invalid/a.png',
        'ftp://{host}/a.png',
        'file:///etc/passwd',
        '/a.png',
        'http://[',
        '',
    ],
)
def test_download_is_refused_elsewhere(images, client, url, error_of):
    error = error_of(client.download, url.format(host=images.host), images.host)
    assert (error.kind, error.may_be_billed) == ('permanent', True)
    assert images.exchanges == []


def test_download_is_tried_by_https_from_anywhere(images, client, error_of):
    error = error_of(client.download, f'https://{images.host}/a.png', 'api.invalid')
    assert 'SSL' in error.message


def test_download_follows_redirects_within_the_own_host(images, client):
    def answer(exchange):
        if exchange.path == '/a.png':
            return exchange.send(body=PICTURE)
        return exchange.send(302, location='/a.png' if exchange.path == '/2' else '/2')

    images.answer = answer
    assert client.download(f'{images.url}/1', images.host) == PICTURE


def test_download_follows_no_redirect_elsewhere(images, make_server, client, error_of):
    elsewhere = make_server()
    images.answer = lambda exchange: exchange.send(302, location=f'{elsewhere.url}/a.png')
    assert error_of(client.download, f'{images.url}/a.png', images.host).kind == 'permanent'
    assert elsewhere.exchanges == []


def test_download_follows_no_redirects_for_ever(images, client, error_of):
    images.answer = lambda exchange: exchange.send(302, location='/again')
    assert 'more than 3 redirects' in error_of(client.download, f'{images.url}/', images.host).message
    assert len(images.exchanges) == 4


def test_download_is_tried_again_because_it_is_paid_for(images, client):
    answers = iter(
        [
            lambda exchange: exchange.reset(),
            lambda exchange: exchange.send(503),
            lambda exchange: exchange.send(body=PICTURE),
        ]
    )
    images.answer = lambda exchange: next(answers)(exchange)
    assert client.download(f'{images.url}/a.png', images.host) == PICTURE


@pytest.mark.parametrize(
    ('answer', 'reason'),
    [
        pytest.param(lambda exchange: exchange.reset(), 'the answer was lost', id='reset'),
        pytest.param(lambda exchange: exchange.send(503), 'HTTP 503', id='503'),
        pytest.param(lambda exchange: exchange.send(429), 'HTTP 429', id='429'),
    ],
)
def test_download_is_given_up_after_three_tries(images, client, answer, reason, error_of):
    images.answer = answer
    error = error_of(client.download, f'{images.url}/a.png?signature=s', images.host)
    assert (error.kind, error.may_be_billed) == ('permanent', True)
    assert f"/a.png can't be fetched: {reason}" in error.message
    assert 'signature' not in error.message
    assert len(images.exchanges) == 3


@pytest.mark.parametrize('status', [304, 400, 403, 404, 410])
def test_download_that_is_not_there_is_given_up_at_once(images, client, status, error_of):
    images.answer = lambda exchange: exchange.send(status)
    assert error_of(client.download, f'{images.url}/a.png', images.host).message.endswith(f'HTTP {status}')
    assert len(images.exchanges) == 1


def test_download_over_the_limit_is_given_up_at_once(images, client, monkeypatch, error_of):
    monkeypatch.setattr(http_module, 'MAX_DOWNLOAD_BYTES', 1000)
    assert 'more than 1,000 bytes' in error_of(client.download, f'{images.url}/a.png', images.host).message
    assert len(images.exchanges) == 1


def test_download_that_drips_is_bounded(images, make_client, error_of):
    images.answer = lambda exchange: exchange.drip()
    error = error_of(make_client(0.1).download, f'{images.url}/a.png', images.host)
    assert 'no whole answer within 0.1 s' in error.message
