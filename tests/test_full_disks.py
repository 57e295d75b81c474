"""Whole jobs on disks that are full or may not be written: what they cost, what they say, and what a rerun repays."""

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest
from PIL import Image

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.emulator import Emulator

IMAGE_BYTES = 2_000_000
PAID = 'it was paid for, but could not be stored: '


def rows(number):
    return [{'images': 'a.png', 'conversations': [f'Blur it {index} times']} for index in range(number)]


@pytest.fixture
def emulator():
    with Emulator(pixels='64x64', image_bytes=IMAGE_BYTES) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Stores are asked again at once, as often as ever."""
    monkeypatch.setattr('beam_image_edit.transforms.persistence._DELAYS_S', (0.0, 0.0, 0.0))
    monkeypatch.setattr('beam_image_edit.transforms.storage._RETRY_DELAYS_S', (0.0, 0.0))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own for the output folder; call it with another size to make it larger."""
    folder = tmp_path / 'out'
    folder.mkdir()
    if os.geteuid() or not shutil.which('mount'):
        pytest.skip('only root can mount a small disk')
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=12m', 'none', str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip('this system lets nobody mount a small disk')

    def resize(size):
        subprocess.run(['mount', '-o', f'remount,size={size}', str(folder)], check=True)

    yield resize
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def fill(folder):
    filler = os.open(folder / 'filler', os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(filler, bytes(4096))
    os.close(filler)


@contextmanager
def forbidden(folder):
    """Nothing can be put into a folder, not even by root."""
    if os.geteuid():
        folder.chmod(0o555)
    elif not shutil.which('chattr') or subprocess.run(['chattr', '+i', str(folder)], capture_output=True).returncode:
        pytest.skip('this file system can not keep root from writing (chattr +i)')
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            subprocess.run(['chattr', '-i', str(folder)], check=True)


def image_files(folder):
    return {str(path.relative_to(folder)) for path in folder.glob('sample_*/*')}


def check_whole(run):
    """Every image is known to the manifest and whole, and nothing unfinished is left."""
    listed = {path for paths in run.images for path in paths}
    assert image_files(run.folder) == listed
    for path in listed:
        with Image.open(run.folder / path) as image:
            image.load()
    assert list((run.folder / 'ledger' / 'unfinished').iterdir()) == []


def failures(run):
    return [row['edit']['error'] for row in run.rows if row['edit']['status'] == 'failed']


def test_nothing_is_sent_when_the_disk_is_full_from_the_start(edit, emulator, small_disk, tmp_path, capsys):
    fill(tmp_path / 'out')
    assert edit(rows(20)).code == 1
    assert emulator.count == 0
    assert 'the job failed: ' in (told := capsys.readouterr().err)
    assert 'No space left on device' in told
    (tmp_path / 'out' / 'filler').unlink()
    small_disk('200m')
    again = edit(rows(20))
    assert (again.code, set(again.statuses), emulator.count) == (0, {'edited'}, 20)
    check_whole(again)


def test_a_disk_that_fills_up_stops_the_job_and_a_rerun_repays_only_what_was_lost(edit, emulator, small_disk):
    run = edit(rows(30), '--max_in_flight=4')
    assert run.code == 1
    assert set(run.statuses) == {'edited', 'failed', 'stopped'}
    lost = failures(run)
    assert all(error.startswith(PAID) and 'No space left on device' in error for error in lost)
    assert emulator.count == run.statuses.count('edited') + len(lost)
    assert len(lost) <= 2 * 4
    check_whole(run)
    small_disk('200m')
    again = edit(rows(30), '--max_in_flight=4')
    assert (again.code, set(again.statuses)) == (0, {'edited'})
    assert emulator.count == 30 + len(lost)
    check_whole(again)


def test_images_that_are_too_large_for_the_disk_stop_the_job_before_all_are_paid_for(edit, emulator, photos, tmp_path):
    """A limit on the size of files: the ledger's small ones fit, the images do not."""
    source = photos / 'rows.jsonl'
    source.write_text(''.join(json.dumps(row) + '\n' for row in rows(30)))
    out = tmp_path / 'out'
    command = [
        sys.executable,
        '-m',
        'beam_image_edit.pipeline',
        f'--input={source}',
        f'--cache_path={out}',
        '--report=off',
    ]
    environment = {**os.environ, 'DF_API_KEY': 'any', 'DF_BASE_URL': emulator.url}
    limit = IMAGE_BYTES * 2 // 3
    done = subprocess.run(
        [*command, '--max_in_flight=4'],
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    paid = emulator.count
    assert 1 <= paid <= 2 * 4
    assert image_files(out) == set()
    statuses = [json.loads(line)['edit'] for line in (out / 'manifest.jsonl').read_text().splitlines()]
    assert {edit['status'] for edit in statuses} == {'failed', 'stopped'}
    lost = [edit['error'] for edit in statuses if edit['status'] == 'failed']
    assert len(lost) == paid
    assert all(error.startswith(PAID) and 'File too large' in error for error in lost)
    again = edit(rows(30))
    assert (again.code, emulator.count) == (0, 30 + paid)
    check_whole(again)


def test_a_disk_too_full_for_the_manifest_fails_the_job_and_a_rerun_pays_nothing(edit, emulator, small_disk, tmp_path):
    assert edit(rows(3)).code == 0
    before = (tmp_path / 'out' / 'manifest.jsonl').read_bytes()
    fill(tmp_path / 'out')
    assert edit(rows(3)).code == 1
    assert (tmp_path / 'out' / 'manifest.jsonl').read_bytes() == before
    (tmp_path / 'out' / 'filler').unlink()
    again = edit(rows(3))
    assert (again.code, emulator.count) == (0, 3)
    check_whole(again)


def test_a_folder_in_the_manifests_place_fails_the_job_in_one_line(edit, emulator, tmp_path, capsys):
    (tmp_path / 'out' / 'manifest.jsonl').mkdir(parents=True)
    assert edit(rows(2)).code == 1
    told = capsys.readouterr().err
    assert f'the job failed: {tmp_path}/out/manifest.jsonl could not be written: IsADirectoryError' in told
    (tmp_path / 'out' / 'manifest.jsonl').rmdir()
    again = edit(rows(2))
    assert (again.code, emulator.count) == (0, 2)
    check_whole(again)


@pytest.mark.parametrize('where', ['.', 'ledger'])
def test_a_folder_that_may_not_be_written_is_a_usage_error(edit, emulator, tmp_path, capsys, where):
    (tmp_path / 'out' / 'ledger').mkdir(parents=True)
    if where == '.':
        (tmp_path / 'out' / 'ledger').rmdir()
    with forbidden(tmp_path / 'out' / where), pytest.raises(SystemExit) as ended:
        edit(rows(2))
    assert ended.value.code == 2
    assert 'can not be written' in capsys.readouterr().err
    assert emulator.count == 0
    assert edit(rows(2)).code == 0


def test_a_folder_that_is_forbidden_in_mid_run_costs_at_most_what_was_in_flight(edit, emulator, tmp_path, photos):
    out = tmp_path / 'out'
    (out / 'ledger').mkdir(parents=True)
    emulator.hold()
    codes = []
    job = threading.Thread(target=lambda: codes.append(edit(rows(40), '--max_in_flight=4').code))
    job.start()
    while emulator.in_flight < 4:
        threading.Event().wait(0.01)
    with forbidden(out):
        emulator.release()
        job.join()
    assert codes == [1]
    paid = emulator.count
    assert 4 <= paid <= 2 * 4
    assert image_files(out) == set()
    again = edit(rows(40))
    assert (again.code, emulator.count) == (0, 40 + paid)
    check_whole(again)


def test_a_file_in_the_place_of_a_rows_folder_costs_nothing_more(edit, emulator, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'sample_0').write_bytes(b'of another tool')
    run = edit(rows(2))
    assert (run.code, emulator.count) == (0, 2)
    assert run.images[0][0].startswith('sample_0-')
    assert (run.folder / 'sample_0').read_bytes() == b'of another tool'
    assert main([f'--input={tmp_path}/photos/rows.jsonl', f'--cache_path={run.folder}']) == 0
    assert emulator.count == 2
