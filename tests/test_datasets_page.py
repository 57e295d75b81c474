"""The page on data sets: its command and all its programs are run, and its table has the columns that there are."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.transforms.exports.parquet_shards import SCHEMA

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / 'docs' / 'datasets.md').read_text(encoding='utf-8')
PROGRAMS = re.findall(r'^```python\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE)
(COMMAND,) = re.findall(r'^beam-image-edit (.*)$', PAGE, re.MULTILINE)
(COLUMNS,) = re.findall(r'^## Columns\n(.*?)^## ', PAGE, re.DOTALL | re.MULTILINE)


def test_every_command_and_program_works(tmp_path, photos, emulator, monkeypatch):
    rows = [{'images': str(photos / 'a.png'), 'conversations': ['Blur it'], 'edit_type': 'blur'}] * 2
    (tmp_path / 'rows.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.setenv('DF_BASE_URL', emulator.url)
    assert main([*shlex.split(COMMAND), '--report=off']) == 0
    shutil.copy(ROOT / 'pipeline' / 'examples' / 'mug.jpg', tmp_path / 'edited')
    result = subprocess.run(
        [sys.executable, '-c', '\n'.join(PROGRAMS)],
        cwd=tmp_path / 'edited',
        env={**os.environ, 'HF_HOME': str(tmp_path / 'hugging_face'), 'HF_HUB_OFFLINE': '1'},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert '000000001 Blur it' in result.stdout
    assert (tmp_path / 'edited' / 'sketches' / 'export' / 'README.md').exists()


def test_table_has_every_column():
    assert re.findall(r'`(\w+)`', ''.join(re.findall(r'^\| ([^|]*)\|', COLUMNS, re.MULTILINE))) == SCHEMA.names


@pytest.mark.parametrize('name', ['parquet_images', 'webdataset'])
def test_card_tells_how_to_load(tmp_path, photos, edit, name):
    run = edit([{'images': 'a.png', 'conversations': ['Blur it']}], f'--export={name}')
    card = (run.folder / 'export' / 'README.md').read_text(encoding='utf-8')
    (program,) = re.findall(r'^```python\n(.*?)^```$', card, re.DOTALL | re.MULTILINE)
    result = subprocess.run(
        [sys.executable, '-c', program.replace('.show()', '.load()')],  # which would open a window
        cwd=run.folder / 'export',
        env={**os.environ, 'HF_HOME': str(tmp_path / 'hugging_face'), 'HF_HUB_OFFLINE': '1'},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr[-3000:]
