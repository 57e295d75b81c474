"""The editor of a process: what it hears of the run's other processes."""

import json

import pytest

from beam_image_edit.transforms import EditorConfig
from beam_image_edit.transforms.editor import open_editor, release_editor
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.stop_file import StopFile
from beam_image_edit.transforms.storage import Storage
from tests.waiting import wait_until


@pytest.fixture
def editor(tmp_path, emulator, monkeypatch):
    monkeypatch.setenv('DF_API_KEY', 'key-for-tests')
    config = EditorConfig(api_format='gemini', cache_path=str(tmp_path / 'out'), base_url=emulator.url, run_id='a-run')
    opened = open_editor(config)
    yield opened
    opened.stop('the test is over')
    release_editor(opened)


def test_a_call_that_waits_for_a_quota_hears_that_another_process_has_stopped_the_run(editor, emulator, photos):
    emulator.set_faults([{'fault': 'rate_limit', 'retry_after_s': 90, 'times': None}])
    row = {'images': str(photos / 'a.png'), 'conversations': ['Blur it']}
    waiting = editor.submit(Sample(text=json.dumps(row), name='sample_1'))
    wait_until(lambda: emulator.count)
    StopFile(Storage(editor.config.cache_path), 'a-run').write('wrong key')
    outcome = waiting.result(timeout=30)
    assert outcome.status == 'stopped'
    assert 'wrong key' in outcome.edit['error']
