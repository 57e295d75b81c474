"""The key in the hands of a server that repeats it, in every place and every spelling: none of it is to be found again.

The command runs as its users run it, with all logging and all warnings on. Then whatever it has printed and written is
searched: the manifest, Parquet's columns unpacked, the ledger, the summary.
"""

import base64
import html
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus

import pyarrow.parquet
import pytest
from PIL import Image

from tests.echoes import PICTURE, answers, respond
from tests.serving import serving

KEYS = {'plain': 'sk-Pq7Zr2Wm9Xv4Tn8Ls3Kd6Hf', 'odd': 'sk-O+d/d=&%"\'\\~Pq7Zr2Wm9Xv'}
BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])
BOTH_KEYS = pytest.mark.parametrize('key', KEYS.values(), ids=KEYS)


def spell(key):
    """The key as servers, proxies and libraries write it."""
    encoded = [base64.b64encode(f'{before}{key}'.encode()).decode() for before in ('', 'x:', 'Bearer ')]
    return {
        *(key, key.upper(), key.lower(), repr(key)[1:-1], repr(key.encode())[2:-1]),
        *(quote(key, safe=''), quote(key), quote_plus(key), quote(key, safe='').lower()),
        *(json.dumps(key)[1:-1], json.dumps(key)[1:-1].replace('/', '\\/'), html.escape(key), html.escape(key, False)),
        *(*encoded, *(text.translate(str.maketrans('+/', '-_')) for text in encoded)),
    }


def find_leaks(text, key):
    """The spellings of the key in a text, whatever case they have there, and pieces of it that were cut off."""
    lowered = text.lower()
    # The first and last characters of base64 belong to what stands beside it.
    forms = spell(key)
    pieces = {form[4:-4] for form in forms | set(map(quote, forms))} | {
        key[start : start + 10] for start in range(len(key) - 9)
    }
    return [piece for piece in pieces if piece.lower() in lowered]


class Echo(BaseHTTPRequestHandler):
    """Repeats the key that it got, in the way that the number in the instruction says."""

    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        key = self.headers.get('x-goog-api-key') or self.headers['Authorization'].removeprefix('Bearer ')
        number = int(re.search(rb'Blur it, #(\d+)\.', body)[1])
        self.wfile.write(self.server.answers(key)[number])
        self.close_connection = True

    def do_GET(self):
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        if self.path.startswith('/elsewhere'):
            self.wfile.write(respond('302 Found', '', f'Location: {self.server.elsewhere}{self.path}'))
        elif self.path.startswith('/image.png'):
            self.wfile.write(f'HTTP/1.1 200 OK\r\nContent-Length: {len(PICTURE)}\r\n\r\n'.encode() + PICTURE)
        else:
            self.wfile.write(respond(f'404 {self.path}', self.path))
        self.close_connection = True

    def log_message(self, *arguments):
        pass


@contextmanager
def serve(elsewhere=''):
    with serving(ThreadingHTTPServer(('127.0.0.1', 0), Echo)) as server:
        server.requests, server.elsewhere = [], elsewhere
        server.url = f'http://127.0.0.1:{server.server_port}'
        yield server


@pytest.fixture
def other():
    """A server that nothing has to do with."""
    with serve() as server:
        yield server


@pytest.fixture
def server(other):
    """A server whose answers a test sets: a list of them, made from the key."""
    with serve(elsewhere=other.url) as server:
        yield server


@pytest.fixture
def run(tmp_path, server):
    """Runs the command with the loudest settings; gives the exit code, what it printed and its folder."""
    Image.new('RGB', (8, 6)).save(tmp_path / 'a.png')
    netrc = tmp_path / 'netrc'
    netrc.write_text('default login someone password else\n')
    netrc.chmod(0o600)

    def run_command(key, api_format, rows=1, **environment):
        source, out = tmp_path / 'rows.jsonl', tmp_path / 'out'
        lines = [{'images': 'a.png', 'conversations': [f'Blur it, #{number}.']} for number in range(rows)]
        source.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
        flags = [f'--api_format={api_format}', f'--input={source}', f'--cache_path={out}', '--log_level=DEBUG']
        ended = subprocess.run(
            [sys.executable, '-m', 'beam_image_edit.pipeline', *flags, '--max_attempts=2'],
            env={
                **{name: value for name, value in os.environ.items() if 'proxy' not in name.lower()},
                'DF_API_KEY': key,
                'DF_BASE_URL': server.url,
                'NETRC': str(netrc),
                'PYTHONWARNINGS': 'always',
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        return ended.returncode, ended.stdout + ended.stderr, out

    return run_command


def read_all(folder):
    """The text of every file, Parquet unpacked; each also as its JSON strings, where escapes could hide something."""
    for path in folder.rglob('*'):
        if path.suffix == '.parquet':
            yield path.name, json.dumps(pyarrow.parquet.read_table(path).to_pylist(), ensure_ascii=False, default=str)
        elif path.is_file():
            yield path.name, path.read_bytes().decode('latin-1')


def leaks_of(key, printed, folder):
    texts = {'printed': printed, **{f'{number} {name}': text for number, (name, text) in enumerate(read_all(folder))}}
    return {name: found for name, text in texts.items() if (found := find_leaks(text, key))}


def spellings(key):
    """All spellings in one text, and the key alone, for places that other characters would break."""
    return [' '.join(sorted(spell(key))), key]


@BOTH_FORMATS
@BOTH_KEYS
def test_key_that_a_server_repeats_everywhere_is_nowhere(run, server, other, api_format, key):
    server.answers = lambda received: [
        answer for form in spellings(received) for answer in answers(form, (server.url, other.url))
    ]
    rows = len(server.answers(key))
    code, printed, folder = run(key, api_format, rows)
    assert code == 3
    assert len((folder / 'manifest.jsonl').read_text().splitlines()) == rows
    assert '"POST /' in printed  # the HTTP library has told what it did
    assert '"GET /image.png?key=[API key]' in printed
    assert not leaks_of(key, printed, folder)
    assert other.requests == []


@BOTH_FORMATS
def test_key_is_sent_to_its_own_server_alone_and_nothing_of_netrc(run, server, other, api_format):
    key = KEYS['plain']
    server.answers = lambda received: answers('x', (server.url, other.url))[-16:]
    run(key, api_format, len(server.answers(key)))
    header = {'gemini': ('x-goog-api-key', key), 'openai': ('Authorization', f'Bearer {key}')}[api_format]
    for method, path, headers in server.requests:
        sent = [(name, value) for name, value in headers.items() if name in ('x-goog-api-key', 'Authorization')]
        assert sent == ([header] if method == 'POST' else [])
        assert key not in path
    assert {method for method, _, _ in server.requests} == {'GET', 'POST'}
    assert other.requests == []


@pytest.mark.parametrize(('api_format', 'status'), [('gemini', 307), ('openai', 302)])
def test_redirect_is_not_followed_with_the_key(run, server, other, api_format, status):
    key = KEYS['plain']
    server.answers = lambda received: [respond(f'{status} Go', received, f'Location: {other.url}/?key={received}')]
    code, printed, folder = run(key, api_format)
    # A single row's redirect does not stop a job.
    assert (code, len(server.requests), other.requests) == (3, 1, [])
    assert 'redirects' in printed
    assert not leaks_of(key, printed, folder)


@BOTH_FORMATS
def test_fatal_answer_that_repeats_the_key_does_not_bring_it_into_log_and_stop_file(run, server, api_format):
    key = KEYS['odd']
    server.answers = lambda received: [respond('401 No', {'error': {'message': spellings(received)[0]}})]
    code, printed, folder = run(key, api_format)
    assert code == 1
    assert [path.name for path in folder.rglob('stop.json')] == ['stop.json']
    assert not leaks_of(key, printed, folder)


def test_proxy_of_the_environment_is_honoured(run, server, other):
    server.answers = lambda received: answers('x', (server.url, other.url))[-1:]
    run(KEYS['plain'], 'gemini', DF_BASE_URL='http://api.invalid', http_proxy=server.url)
    [(_, path, _)] = server.requests
    assert path.startswith('http://api.invalid/v1beta/models/')


@pytest.mark.parametrize('key', ['sk-Pq7Zr2Wm\u20ac9Xv4Tn8', 'sk-Pq7Zr2Wm\n9Xv4Tn8', 'Bearer sk-Pq7Zr2Wm'])
def test_key_that_no_header_can_hold_is_a_usage_error_and_not_shown(run, server, key):
    code, printed, folder = run(key, 'gemini')
    assert (code, server.requests, folder.exists()) == (2, [], False)
    assert 'DF_API_KEY' in printed.splitlines()[-1]
    assert 'Pq7Zr2Wm' not in printed
