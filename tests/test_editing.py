"""Editing a sample: its pictures stay in memory while it waits only as far as there is room for them."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from beam_image_edit.transforms import EditorConfig
from beam_image_edit.transforms.editor import open_editor, release_editor
from beam_image_edit.transforms.samples import Sample
from benchmarks.pictures import make_png
from tests.serving import serving


class Handler(BaseHTTPRequestHandler):
    """Answers with a picture of as many bytes as the path says."""

    def do_GET(self):
        self.server.asked.append(self.path)
        content = make_png(int(self.path.strip('/')))
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with serving(HTTPServer(('127.0.0.1', 0), Handler)) as server:
        server.asked = []
        yield server


@pytest.fixture
def editor(tmp_path, emulator, monkeypatch):
    """An editor with memory for 1 MB of pictures, of which half is for calls in flight alone."""
    monkeypatch.setenv('DF_API_KEY', 'key-for-tests')
    config = EditorConfig(
        api_format='gemini', cache_path=str(tmp_path / 'out'), base_url=emulator.url, run_id='a-run', max_memory_mb=1
    )
    opened = open_editor(config)
    yield opened
    opened.stop('the test is over')
    release_editor(opened)


@pytest.mark.parametrize(('picture_bytes', 'reads'), [(400_000, 1), (600_000, 2)], ids=['room', 'no room'])
def test_pictures_without_room_in_memory_are_read_again_when_they_are_sent(editor, server, picture_bytes, reads):
    url = f'http://127.0.0.1:{server.server_port}/{picture_bytes}'
    row = {'images': url, 'conversations': ['Blur it']}
    outcome = editor.submit(Sample(text=json.dumps(row), name='sample_1')).result(timeout=60)
    assert outcome.status == 'edited'
    assert server.asked == [f'/{picture_bytes}'] * reads
