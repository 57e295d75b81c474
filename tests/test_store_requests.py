"""Tests of how many requests a store gets: they are what a rerun of a million rows takes its time for."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beam_image_edit.transforms.storage import Storage

CONTENT = b'0123456789'
NO_OBJECTS = (
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount></ListBucketResult>'
)


class Bucket(BaseHTTPRequestHandler):
    """Every object has the same content and no folder has any; the server takes note of what it is asked for."""

    def do_GET(self):
        self.server.asked.append((self.command, self.path))
        content = NO_OBJECTS if 'list-type' in self.path else CONTENT
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('Last-Modified', 'Sun, 22 Nov 2026 22:22:22 GMT')
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def asked(monkeypatch):
    server = ThreadingHTTPServer(('127.0.0.1', 0), Bucket)
    server.asked = []
    threading.Thread(target=server.serve_forever).start()
    for name, value in {
        'AWS_ENDPOINT_URL': f'http://127.0.0.1:{server.server_port}',
        'AWS_ACCESS_KEY_ID': 'x',
        'AWS_SECRET_ACCESS_KEY': 'x',
        'AWS_DEFAULT_REGION': 'us-east-1',
    }.items():
        monkeypatch.setenv(name, value)
    yield server.asked
    server.shutdown()
    server.server_close()


def test_reading_a_file_of_a_store_is_one_request(asked):
    storage = Storage(
        's3://bucket/out', {'s3': {'skip_instance_cache': True}}
    )  # or others' would be made to ask this server
    assert storage.read('ledger/a.json') == CONTENT
    assert asked == [('GET', '/bucket/out/ledger/a.json')]


def test_listing_a_folder_that_is_not_there_is_one_request_and_not_a_listing_of_all_its_neighbours(asked):
    storage = Storage('s3://bucket/out', {'s3': {'skip_instance_cache': True}})
    assert storage.list('sample_7') == []
    [(_, path)] = asked
    assert 'prefix=out%2Fsample_7%2F&' in path
