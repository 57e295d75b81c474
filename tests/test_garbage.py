"""A job of a thousand rows of garbage: a thousand rows with a reason, and not one call."""

import base64
import contextlib
import json
import os
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest
from PIL import Image

ROWS = 1000
GOOD_ROWS = 100


class Liar(BaseHTTPRequestHandler):
    """A web server that never gives a picture."""

    def do_GET(self):
        with contextlib.suppress(OSError):
            getattr(self, f'give_{self.path.strip("/").replace("-", "_")}')()

    def give_nothing(self):
        self.answer(404)

    def give_error(self):
        self.answer(500)

    def give_words(self):
        self.answer(200, b'<html>Please sign in</html>')

    def give_empty(self):
        self.answer(200)

    def give_round(self):
        self.answer(302, b'', {'Location': '/round'})

    def give_file(self):
        self.answer(302, b'', {'Location': 'file:///etc/hosts'})

    def give_huge(self):
        self.answer(200, b'', {'Content-Length': '1000000000000'})

    def give_half(self):
        self.answer(200, b'\x89PNG', {'Content-Length': '5000'})

    def give_lie(self):
        self.answer(200, b'\x89PNG', {'Content-Length': 'many'})

    def give_hang_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def give_nonsense(self):
        self.wfile.write(b'\0\xff' * 500)

    def give_drip(self):
        self.answer(200, b'', {'Content-Length': '5000'})
        self.drip(b'x')

    def give_dripping_headers(self):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nX-Long: ')
        self.drip(b'x')

    def drip(self, content):
        while not self.server.is_over.wait(0.05):
            self.wfile.write(content)

    def answer(self, status, content=b'', headers=None):
        self.send_response(status)
        for name, value in {'Content-Length': str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@pytest.fixture
def liar():
    server = Server(('127.0.0.1', 0), Liar)
    server.is_over = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def places(photos, liar, monkeypatch):
    """What rows name as an image, with a piece of the reason why none of them is one."""
    whole, jpeg = (photos / 'a.png').read_bytes(), (photos / 'b.jpg').read_bytes()
    damaged = {
        'cut.png': whole[:-30],
        'cut.jpg': jpeg[: len(jpeg) // 2],
        'empty.png': b'',
        'words.png': b'no picture',
        'flipped.png': whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
        'late.png': b'\n' + whole,
        'page.jpg': b'<!DOCTYPE html>',
        'document.png': b'%PDF-1.7',
        'zeros.jpg': bytes(5000),
    }
    for name, content in damaged.items():
        (photos / name).write_bytes(content)
    Image.new('1', (20_000, 20_000)).save(photos / 'bomb.png')
    (photos / 'folder.png').mkdir()
    (photos / 'round.png').symlink_to('round.png')
    (photos / 'device.png').symlink_to('/dev/zero')
    os.mkfifo(photos / 'pipe.png')
    monkeypatch.chdir(photos)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind('socket.png')
    encoded = base64.b64encode(whole).decode()
    return [
        *((name, name) for name in damaged),
        ('bomb.png', '20000x20000 is too large'),
        ('folder.png', 'folder.png: is a folder'),
        ('round.png', 'round.png: Too many levels'),
        ('device.png', 'device.png: is not a regular file'),
        ('pipe.png', 'pipe.png: is not a regular file'),
        ('socket.png', 'socket.png: is not a regular file'),
        ('missing.png', 'missing.png: no such file'),
        ('a.png/b.png', 'a.png/b.png: Not a directory'),
        ('/dev/zero', '/dev/zero: is not a regular file'),
        ('/dev/random', '/dev/random: is not a regular file'),
        ('/dev/stdin', '/dev/stdin: '),
        ('/proc/kmsg', '/proc/kmsg: '),
        ('/proc/self/mem', '/proc/self/mem: '),
        ('/proc/self/environ', '/proc/self/environ: '),
        ('file:///proc/kmsg', 'file:///proc/kmsg: '),
        ('local:///dev/zero', 'local:///dev/zero: '),
        ('x' * 5000 + '.png', 'File name too long'),
        ('nonsense://a.png', 'Protocol not known: nonsense'),
        ('smb://host/a.png', 'smb://host/a.png: '),
        ('ftp://127.0.0.1:1/a.png', 'ftp://127.0.0.1:1/a.png: '),
        ('memory://no/a.png', 'memory://no/a.png: no such file'),
        ('simplecache::file:///dev/zero', 'simplecache::file:///dev/zero: '),
        ('simplecache::memory://no/a.png', 'simplecache::memory://no/a.png: '),
        (f'zip://a.png::{photos}/a.png', 'zip://a.png::'),
        (f'zip://a.png::{photos}/absent.zip', 'zip://a.png::'),
        ('a::b::c://', 'a::b::c://'),
        ('http://', 'http://: could not be fetched'),
        ('http://127.0.0.1:1/a.png', 'Connection refused'),
        ('https://127.0.0.1:1/a.png', 'Connection refused'),
        ('http://[::1/a.png', 'could not be fetched'),
        (f'{liar}/nothing', 'HTTP 404'),
        (f'{liar}/error', 'HTTP 500'),
        (f'{liar}/words', '/words: not a picture'),
        (f'{liar}/empty', '/empty: the picture is empty'),
        (f'{liar}/round', 'more than 3 redirects'),
        (f'{liar}/file', '/file: could not be fetched'),
        (f'{liar}/huge', '1,000,000,000,000 bytes'),
        (f'{liar}/half', 'closed before all of it had come'),
        (f'{liar}/lie', '/lie: could not be fetched'),
        (f'{liar}/hang-up', '/hang-up: could not be fetched'),
        (f'{liar}/nonsense', '/nonsense: could not be fetched'),
        ('data:', 'no comma'),
        ('data:image/png;base64', 'no comma'),
        ('data:image/png;base64,', 'the picture is empty'),
        ('data:image/png;base64,!!!', 'can not be decoded'),
        (f'data:image/png;base64,{encoded[:-200]}', 'data:image/png;base64,'),
        (f'data:image/png;base64,{encoded[:99]}', 'data:image/png;base64,'),
        (f'data:image/png,{encoded}', 'not a picture'),
        ('data:image/png;base64,' + 'A' * 1_000_000, 'not a picture'),
    ]


WRONG_MEMBERS = [
    ('images', None, 'images must be'),
    ('images', [], 'images must be'),
    ('images', {'path': 'a.png'}, '{"path": "a.png"}'),
    ('images', 4711, 'got 4711'),
    ('images', ['a.png', None], 'images[1] must be'),
    ('images', '  ', 'got "  "'),
    ('images', 'a\0.png', r'a\u0000.png'),
    ('images', 'a\ud800.png', r'\ud800 at character 2'),
    ('images', ['a.png'] * 50, '50 images are too many'),
    ('conversations', None, 'conversations must hold'),
    ('conversations', [], 'conversations must hold'),
    ('conversations', 17, 'got 17'),
    ('conversations', [{'role': 'robot', 'content': 'x'}], 'the role "robot"'),
    ('conversations', [{'role': ['user'], 'content': 'x'}], 'the role ["user"]'),
    ('conversations', [{'role': 'user', 'content': ''}], 'conversations[0] must hold'),
    ('conversations', [{'role': 'user', 'content': [{'type': 'image_url'}]}], 'image_url'),
    ('conversations', [[['x']]], 'conversations[0] must be a turn'),
    ('conversations', ['x' * 1_000_000], '1000000 characters'),
    ('mask', 'mask.png', 'mask'),
    ('mask', 7, 'mask must be'),
    ('n', 0, 'got 0'),
    ('n', 1e300, 'got 1e+300'),
    ('n', '2', 'got "2"'),
    ('n', True, 'got true'),
    ('size', 1024, 'got 1024'),
    ('quality', [], 'got []'),
    ('use_variations', 'yes', 'got "yes"'),
    ('extra_body', 'x', 'got "x"'),
]

BROKEN_LINES = [
    (b'null', 'not a JSON object but null'),
    (b'4711', 'a number'),
    (b'"a.png"', 'a string'),
    (b'[{"images": "a.png"}]', 'an array'),
    (b'{', 'malformed JSON'),
    (b'{"images": "a.png", "conversations": ["x"]', 'malformed JSON'),
    (b'{"images": "a.png", "conversations": ["x"]}}', 'Extra data'),
    (b'{"images": "a.png", "conversations": ["x"], "weight": NaN}', 'NaN is not JSON'),
    (b'{"images": "a.png", "conversations": ["x"], "weight": -Infinity}', '-Infinity is not JSON'),
    (b'{"images": "a.png", "conversations": ["x"], "variant": 1e999}', 'variant has a number'),
    (b'{"images": "a.png", "images": 5, "conversations": ["x"]}', 'got 5'),
    (b'{"images": "caf\xe9.png", "conversations": ["x"]}', 'not valid UTF-8: byte 16 of the line is 0xe9'),
    (b'\xff\xfe{\0}\0', 'not valid UTF-8'),
    ('\ufeff\ufeff{}'.encode(), r'\ufeff'),
    (b'\0{}', r'\x00{}'),
    (b'{"images": "a.png"\r, "conversations": "x"', 'malformed JSON'),
    (b'[' * 100_000, 'nested more than'),
    (b'{"a":' * 5000 + b'1' + b'}' * 5000, 'nested more than'),
    (b'{"n": ' + b'9' * 4000 + b'}', 'got Infinity'),
    (b'"' + b'x' * 1_000_000, 'malformed JSON'),
    (b'images,conversations', 'malformed JSON'),
    (b'<xml/>', '<xml/>'),
]


def make_garbage(places, count):
    """Lines of a seeded mix of all of it, each with a piece of its reason."""
    chance = random.Random(20261122)
    lines = []
    for number in range(count):
        # Those that keep a call's thread busy for long, or are long, come less often.
        kind = chance.choice(['place', 'place', 'place', 'member', 'member', 'line', 'noise'])
        more = {'sku': number, 'id': chance.choice([None, number, '../../../etc/passwd', 'same', '\ud800', [1.10]])}
        row = {'images': 'a.png', 'conversations': ['Make it gray'], **more}
        if kind == 'place':
            place, reason = chance.choice(places)
            images = chance.choice([place, [place], ['a.png', place]])
            lines.append((json.dumps({**row, 'images': images}).encode(), reason))
        elif kind == 'member':
            name, value, reason = chance.choice(WRONG_MEMBERS)
            lines.append((json.dumps({**row, name: value}).encode(), reason))
        elif kind == 'line':
            lines.append(chance.choice(BROKEN_LINES))
        else:
            lines.append((b'\xff' + chance.randbytes(200).replace(b'\n', b'') + b'\xff', 'not valid UTF-8'))
    return lines


def read_parquet(run):
    table = pq.read_table(run.folder / 'manifest.parquet')
    return table['index'].to_pylist(), [edit['status'] for edit in table['edit'].to_pylist()]


def find_unexplained(errors, lines):
    """Errors that do not name their line and value on one line."""
    return [
        (error, reason)
        for number, (error, (_, reason)) in enumerate(zip(errors, lines, strict=True), 1)
        if reason and not (error.startswith(f'line {number}: ') and reason in error and error.isprintable())
    ]


def test_a_thousand_rows_of_garbage_end_with_a_thousand_reasons_and_no_call(edit, emulator, places, liar):
    lines = make_garbage(places, ROWS - 4)
    slow = [f'{liar}/drip', f'{liar}/dripping-headers']
    lines += [(json.dumps({'images': url, 'conversations': ['x']}).encode(), 'within 1 s') for url in slow * 2]
    began = time.monotonic()
    run = edit(b'\n'.join(line for line, _ in lines), '--read_timeout_s=1')
    assert time.monotonic() - began < 60
    assert (run.code, emulator.count) == (3, 0)
    assert run.statuses == ['invalid_input'] * ROWS
    assert find_unexplained([row['edit']['error'] for row in run.rows], lines) == []
    assert read_parquet(run) == (list(range(ROWS)), ['invalid_input'] * ROWS)
    assert run.images == [[]] * ROWS


def test_good_rows_among_garbage_are_edited_and_nothing_else(edit, emulator, places):
    lines = make_garbage(places, ROWS)
    chance = random.Random(7)
    for number in range(GOOD_ROWS):
        row = {'images': 'a.png', 'conversations': [f'Make it gray {number}'], 'id': f'good {number}'}
        lines.insert(chance.randrange(len(lines) + 1), (json.dumps(row).encode(), None))
    run = edit(b'\n'.join(line for line, _ in lines), '--read_timeout_s=20')
    expected = ['edited' if reason is None else 'invalid_input' for _, reason in lines]
    assert (run.code, run.statuses) == (3, expected)
    assert emulator.count == GOOD_ROWS
    assert find_unexplained([row['edit']['error'] for row in run.rows], lines) == []
    assert read_parquet(run) == (list(range(ROWS + GOOD_ROWS)), expected)
    names = [images[0] for images in run.images if images]
    assert sorted(names) == sorted(f'sample_good_{number}/sample_good_{number}_0.jpg' for number in range(GOOD_ROWS))


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read every file')
def test_an_image_without_permission_is_invalid_input(edit, emulator, photos):
    (photos / 'a.png').chmod(0)
    run = edit([{'images': 'a.png', 'conversations': ['x']}])
    assert (run.statuses, emulator.count) == (['invalid_input'], 0)
    assert 'no permission to read it' in run.rows[0]['edit']['error']
