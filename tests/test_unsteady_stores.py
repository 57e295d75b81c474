"""Whole jobs on stores that fail now and then, or answer slowly: every row is edited, and no call is bought twice."""

import hashlib
import json
import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import fsspec
import pytest
import requests
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms.storage import Storage
from tests.serving import serving

TURNS = [['Blur it'], ['Mirror it'], ['Invert it'], ['Rotate it', 'Make it sepia']]


@pytest.fixture
def emulator():
    with Emulator(pixels='64x64') as running:
        yield running


class Unsteady(MemoryFileSystem):
    """Fails with a share of all operations, before or after they have happened, and takes its time for the others."""

    protocol = 'unsteady'
    cachable = False
    share = 0.0
    slowness_s = 0.0
    draws: ClassVar = random.Random(0)
    failed: ClassVar = Counter()
    lock: ClassVar = threading.Lock()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace('unsteady://', 'memory://', 1))

    def _strike(self, name, do):
        with self.lock:
            fate = self.draws.random()
            pause_s = self.draws.random() * self.slowness_s
        threading.Event().wait(pause_s)
        done = do() if fate > self.share / 2 else None
        if fate < self.share:
            self.failed[name] += 1
            raise TimeoutError(f'{name} timed out') if self.failed[name] % 2 else OSError(f'{name}: please slow down')
        return done

    def pipe_file(self, path, value, mode='overwrite', **_):
        self._strike('pipe_file', lambda: super(Unsteady, self).pipe_file(path, value, mode=mode))

    def cat_file(self, path, start=None, end=None, **_):
        return self._strike('cat_file', lambda: super(Unsteady, self).cat_file(path, start, end))

    def info(self, path, **_):
        return self._strike('info', lambda: super(Unsteady, self).info(path))

    def ls(self, path, detail=True, **_):
        return self._strike('ls', lambda: super(Unsteady, self).ls(path, detail))

    def rm_file(self, path):
        self._strike('rm_file', lambda: super(Unsteady, self).rm_file(path))


@pytest.fixture
def unsteady(monkeypatch):
    monkeypatch.setitem(_registry, 'unsteady', Unsteady)
    monkeypatch.setattr(Unsteady, 'draws', random.Random(4711))
    monkeypatch.setattr(Unsteady, 'failed', Counter())
    monkeypatch.setattr('beam_image_edit.transforms.persistence._DELAYS_S', (0.0, 0.0, 0.0))
    monkeypatch.setattr('beam_image_edit.transforms.storage._RETRY_DELAYS_S', (0.0, 0.0))
    return f'unsteady://{uuid.uuid4().hex}/out'


@pytest.fixture
def run_job(monkeypatch, photos, emulator):
    """Runs the job on 24 rows, six of them conversations; gives its exit code."""
    source = photos / 'rows.jsonl'
    rows = [{'images': 'a.png', 'conversations': TURNS[index % 4], 'variant': index} for index in range(24)]
    source.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.setenv('DF_BASE_URL', emulator.url)

    def run(cache_path):
        return main([f'--input={source}', f'--cache_path={cache_path}', '--max_in_flight=8', '--report=off'])

    return run


def check_edited(cache_path, calls):
    filesystem, path = fsspec.url_to_fs(cache_path)
    rows = [json.loads(line) for line in filesystem.cat_file(f'{path}/manifest.jsonl').splitlines()]
    assert [row['edit']['error'] for row in rows if row['edit']['status'] != 'edited'] == []
    sizes = [filesystem.info(path)['size'] for row in rows for path in row['output_image']]
    assert sizes == [image['bytes'] for row in rows for image in row['edit']['images']]
    assert len(sizes) == len({path for row in rows for path in row['output_image']}) == 30
    assert calls == 30
    assert sum(row['edit']['possibly_double_billed'] for row in rows) == 0


@pytest.mark.parametrize(('share', 'slowness_s'), [(0.05, 0.0), (0.0, 0.05)], ids=['failing', 'slow'])
def test_every_row_is_edited_for_one_call_each_on_an_unsteady_store(
    unsteady, run_job, emulator, monkeypatch, share, slowness_s
):
    monkeypatch.setattr(Unsteady, 'share', share)
    monkeypatch.setattr(Unsteady, 'slowness_s', slowness_s)
    code = run_job(unsteady)
    monkeypatch.setattr(Unsteady, 'share', 0.0)
    assert (Unsteady.failed.total() > 5) == bool(share)
    check_edited(unsteady, emulator.count)
    assert code == 0


class Proxy(ThreadingHTTPServer):
    """Passes requests on to an S3 server, but for a share that it refuses, cuts off or keeps waiting."""

    daemon_threads = True

    def __init__(self, behind):
        super().__init__(('127.0.0.1', 0), _PassOn)
        self.behind = behind
        self.share = 0.0
        self.draws = random.Random(4711)
        self.struck = Counter()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}'

    def choose(self):
        fate = self.draws.choice(('503', 'reset', 'slow')) if self.draws.random() < self.share else None
        self.struck[fate] += 1
        return fate


class _PassOn(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        fate = self.server.choose()
        if fate == '503':
            self._answer(
                503, {}, b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
            )
            return
        if fate == 'slow':
            threading.Event().wait(0.3)
        status, headers, content = self._ask(body)
        if fate == 'reset':
            # What was asked for has happened, and nobody is told.
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self._answer(status, headers, content)

    do_PUT = do_HEAD = do_DELETE = do_POST = do_GET  # noqa: N815

    def _ask(self, body):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ('connection', 'expect')}
        with closing(HTTPConnection(*self.server.behind)) as connection:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        length = headers.pop('Content-Length', None)
        for name, value in headers.items():
            if name.lower() not in ('connection', 'transfer-encoding'):
                self.send_header(name, value)
        self.send_header('Content-Length', length if self.command == 'HEAD' and length else str(len(content)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def unsteady_s3(monkeypatch):
    """A proxy before moto's S3 server, with the bucket `edits`."""
    moto = pytest.importorskip('moto.server')
    s3fs = pytest.importorskip('s3fs')
    server = moto.ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    # All its servers of one process have the same buckets.
    requests.post('http://{}:{}/moto-api/reset'.format(*server.get_host_and_port()), timeout=60)
    with serving(Proxy(server.get_host_and_port())) as proxy:
        for name, value in {
            'AWS_ENDPOINT_URL': proxy.url,
            'AWS_ACCESS_KEY_ID': 'any',
            'AWS_SECRET_ACCESS_KEY': 'any',
            'AWS_DEFAULT_REGION': 'us-east-1',
            'AWS_EC2_METADATA_DISABLED': 'true',
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir('edits')
        yield proxy
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_every_row_is_edited_for_one_call_each_on_an_unsteady_s3(unsteady_s3, run_job, emulator):
    unsteady_s3.share = 0.1
    code = run_job('s3://edits/out')
    unsteady_s3.share = 0.0
    assert unsteady_s3.struck.keys() == {None, '503', 'reset', 'slow'}
    check_edited('s3://edits/out', emulator.count)
    assert code == 0
    assert run_job('s3://edits/out') == 0
    assert emulator.count == 30


def test_a_thousand_objects_that_many_threads_write_at_once_are_there_and_whole(unsteady_s3):
    contents = {f'sample_{number}/{number}.png': bytes([number % 256]) * (number + 1) for number in range(1000)}
    unsteady_s3.share = 0.05
    storage = Storage('s3://edits/bulk')
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda item: storage.write(*item), contents.items()))
    unsteady_s3.share = 0.0
    assert unsteady_s3.struck.keys() == {None, '503', 'reset', 'slow'}
    found = fsspec.filesystem('s3', use_listings_cache=False).find('edits/bulk', detail=True)
    digests = {path.removeprefix('edits/bulk/'): entry['ETag'].strip('"') for path, entry in found.items()}
    assert digests == {path: hashlib.md5(content).hexdigest() for path, content in contents.items()}
