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
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.garbage import BROKEN_LINES, LIES, PLACES, WRONG_MEMBERS

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
    monkeypatch.chdir(photos)  # the address of a socket must be short
    make_odd_files()
    return [
        *((name, name) for name in make_damaged_files(photos)),
        *PLACES,
        (f'zip://a.png::{photos}/a.png', 'zip://a.png::'),
        (f'zip://a.png::{photos}/absent.zip', 'zip://a.png::'),
        *((f'{liar}/{path}', reason) for path, reason in LIES),
        *write_inline((photos / 'a.png').read_bytes()),
    ]


def make_damaged_files(photos):
    """Files that are no pictures, or not all of one; gives their names."""
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
    return list(damaged)


def make_odd_files():
    """What is a picture by its name, and nothing to be read: in the folder where the test is."""
    Image.new('1', (20_000, 20_000)).save('bomb.png')
    Path('folder.png').mkdir()
    Path('round.png').symlink_to('round.png')
    Path('device.png').symlink_to('/dev/zero')
    os.mkfifo('pipe.png')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind('socket.png')


def write_inline(whole):
    """Data URIs that hold no whole picture, each with a piece of the reason."""
    encoded = base64.b64encode(whole).decode()
    return [
        ('data:', 'no comma'),
        ('data:image/png;base64', 'no comma'),
        ('data:image/png;base64,', 'the picture is empty'),
        ('data:image/png;base64,!!!', 'can not be decoded'),
        (f'data:image/png;base64,{encoded[:-200]}', 'data:image/png;base64,'),
        (f'data:image/png;base64,{encoded[:99]}', 'data:image/png;base64,'),
        (f'data:image/png,{encoded}', 'not a picture'),
        ('data:image/png;base64,' + 'A' * 1_000_000, 'not a picture'),
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
