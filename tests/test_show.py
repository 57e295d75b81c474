import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from beam_image_edit.pipeline.curl import quote_argument
from beam_image_edit.pipeline.program import run
from tests.conftest import KEY

HOSTILE = "it's $(touch pwned) `touch pwned` \\ @x <y \x1b[2J é\nnew line"


@pytest.fixture
def show(capfd):
    def show(*arguments):
        capfd.readouterr()
        assert run(['show', *map(str, arguments)]) == 0
        return capfd.readouterr().out

    return show


@pytest.fixture
def run_script(tmp_path, emulator):
    """Runs a script of `show` in a shell; what its calls were answered."""
    program = tmp_path / 'bin' / 'beam-image-edit'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m beam_image_edit.pipeline "$@"\n')
    program.chmod(0o755)

    def run_script(text):
        path = f'{program.parent}:{os.environ["PATH"]}'
        done = subprocess.run(
            ['bash', '-c', text], cwd=tmp_path, capture_output=True, check=True, env={**os.environ, 'PATH': path}
        )
        return done.stdout.decode()

    return run_script


@pytest.mark.parametrize(('api_format', 'picture'), [('gemini', '"inlineData"'), ('openai', '"b64_json"')])
def test_commands_send_what_the_job_sent(edit, show, run_script, emulator, api_format, picture, tmp_path):
    # Two images, one of which is converted, and three turns.
    row = {'images': ['a.png', 'c.gif'], 'conversations': [HOSTILE, 'Make it night', 'Now fog']}
    Image.open(tmp_path / 'photos' / 'a.png').save(tmp_path / 'photos' / 'c.gif')
    result = edit([row], f'--api_format={api_format}')
    assert result.statuses == ['edited']
    text = show(result.folder, 0)
    assert text.count('the request that was sent') == 3
    assert KEY not in text
    assert '\x1b' not in text
    answers = run_script(text)
    assert answers.count(picture) >= 3
    assert '"error"' not in answers
    assert not list(Path(tmp_path).glob('**/pwned'))


@pytest.mark.parametrize('api_format', ['gemini', 'openai'])
def test_aspect_ratio_that_was_matched_is_in_the_request(edit, show, api_format):
    result = edit([{'images': 'a.png', 'conversations': ['Blur it']}], f'--api_format={api_format}', '--match_aspect')
    assert 'the request that was sent' in show(result.folder, 0)


@pytest.mark.parametrize('line', ['{"broken', '[]', '{"edit": 5}', '{"output_image": [], "edit": {}}'])
def test_damaged_line_of_the_manifest_is_told(edit, line, capfd):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red']}])
    (result.folder / 'manifest.jsonl').write_text(f'{line}\n')
    with pytest.raises(SystemExit) as end:
        run(['show', str(result.folder), '0'])
    assert end.value.code == 2
    assert 'row 0 of the manifest can not be read' in capfd.readouterr().err


@pytest.mark.parametrize('change', [{'sources': [{}]}, {'images': [5]}, {'request_keys': None}], ids=str)
def test_damaged_part_of_a_row_is_told(edit, change, capfd):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red']}])
    row = json.loads((result.folder / 'manifest.jsonl').read_text())
    row['edit'] |= change
    (result.folder / 'manifest.jsonl').write_text(f'{json.dumps(row)}\n')
    with pytest.raises(SystemExit) as end:
        run(['show', str(result.folder), '0'])
    assert end.value.code == 2
    assert 'row 0 of the manifest can not be read' in capfd.readouterr().err


def test_masked_edit_of_several_images(edit, show, run_script):
    result = edit([{'images': 'a.png', 'mask': 'mask.png', 'conversations': ['@b'], 'n': 2}], '--api_format=openai')
    assert run_script(show(result.folder, 0)).count('"b64_json"') == 2


def test_several_calls_of_one_turn(edit, show, run_script):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red'], 'n': 2}])
    text = show(result.folder, 0)
    assert text.count('the request that was sent') == 2
    assert run_script(text).count('"candidates"') == 2


def test_row_is_found_by_index_and_by_id(edit, show):
    rows = [{'images': 'a.png', 'conversations': [f'Edit {number}'], 'id': f'sku/{number}'} for number in range(2)]
    result = edit(rows)
    assert show(result.folder, 1) == show(result.folder, 'sku/1')


def test_other_rows_of_the_same_id_are_named(edit, show):
    rows = [{'images': 'a.png', 'conversations': [f'Edit {number}'], 'id': '2'} for number in range(4)]
    result = edit(rows)
    assert show(result.folder, 2).startswith('# the id 2 is that of another row too: give its index, 0, 1\n# row 2 of ')
    manifest = result.folder / 'manifest.jsonl'
    manifest.write_text(manifest.read_text().replace('"id": "2"', '"id": "bag"'))
    assert show(result.folder, 'bag').startswith(
        '# the id bag is that of another row too: give its index, 1, 2, 3\n# row 0'
    )


def test_row_tells_status_images_and_purchases(edit, show):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red'], 'price': 1.50}])
    text = show(result.folder, 0)
    edited = result.rows[0]['edit']
    for words in ('status     edited', '320x240 (4:3)', result.rows[0]['output_image'][0], edited['request_keys'][0]):
        assert words in text
    assert '"price": 1.5}' in text or '"price": 1.50' in text


def test_row_that_can_not_be_sent_says_why(edit, show):
    result = edit([{'images': 'none.png', 'conversations': ['Make it red']}])
    text = show(result.folder, 0)
    assert 'no such file' in text
    assert all(line.startswith('#') for line in text.splitlines() if line)


@pytest.mark.parametrize('line', ['{"broken', '[1, 2]', '"text"', 'no JSON at all'])
def test_line_that_is_no_row_is_told_as_what_it_is(edit, show, line):
    text = show(edit(f'{line}\n').folder, 0)
    assert f'# text       {line}\n' in text
    assert 'line 1: ' in text
    assert text.endswith('# nothing can be sent for a line that is no row\n')
    assert 'must be a path' not in text


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda path: path.unlink(), 'was bought, but is gone'),
        (lambda path: path.write_bytes(b'x'), 'was bought, but has 1 byte instead of'),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), 'was bought, but has been altered'),
    ],
    ids=['gone', 'cut', 'altered'],
)
def test_result_that_is_not_as_it_was_is_told(edit, show, change, told):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red']}])
    assert '--repair' not in show(result.folder, 0)
    change(result.folder / result.images[0][0])
    text = show(result.folder, 0)
    assert f'{result.images[0][0]} {told}' in text
    assert 'the request that was sent' in text


def test_changed_image_is_told(edit, show, photos):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red']}])
    (photos / 'a.png').write_bytes((photos / 'square.png').read_bytes())
    assert 'another request than was sent' in show(result.folder, 0)


def test_row_that_is_not_there_is_a_usage_error(edit, capfd):
    result = edit([{'images': 'a.png', 'conversations': ['Make it red']}])
    with pytest.raises(SystemExit) as end:
        run(['show', str(result.folder), '7'])
    assert end.value.code == 2
    assert "no row has the index or id '7': " in capfd.readouterr().err


def test_usage_of_the_command_is_its_own(capfd):
    with pytest.raises(SystemExit) as end:
        run(['show', 'edited'])
    assert end.value.code == 2
    assert '(see beam-image-edit show --help)' in capfd.readouterr().err


@pytest.mark.parametrize(
    'text', ['plain', "it's", 'a\nb', '\x1b[2J', "\x00'\\1".replace('\x00', '\x07'), '$(x) `y` "z"']
)
def test_quoted_argument_is_the_text(text):
    echoed = subprocess.run(['bash', '-c', f'printf %s {quote_argument(text)}'], capture_output=True, check=True)
    assert echoed.stdout.decode() == text
