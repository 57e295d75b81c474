"""How a job ends: what was done is kept and told, whether all went well, a key was wrong or someone had enough."""

import json
import os
import signal
import subprocess
import sys

import pytest

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.program import exit_code
from tests.ctrl_c import ctrl_c_ends
from tests.waiting import DEADLINE_S, wait_until

BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])


def row(instruction='Make it black and white'):
    return {'images': 'a.png', 'conversations': [{'role': 'user', 'content': instruction}]}


def test_failed_rows_are_tried_again_by_a_rerun(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'status', 'status': 400}])
    first = edit([row('Blur it'), row('Mirror it')])
    assert (first.code, first.statuses) == (3, ['failed', 'edited'])
    emulator.set_faults([])
    second = edit([row('Blur it'), row('Mirror it')])
    assert (second.code, second.statuses) == (0, ['edited', 'edited'])


@BOTH_FORMATS
def test_wrong_key_stops_the_job(edit, emulator, api_format):
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'wrong_key'}])
    run = edit([row(f'Blur it {number} times') for number in range(200)], f'--api_format={api_format}')
    assert run.code == 1
    assert set(run.statuses) == {'failed', 'stopped'}
    assert emulator.count <= 32
    assert 'DF_API_KEY' in run.rows[0]['edit']['error'] + run.rows[199]['edit']['error']


def test_mended_key_lets_the_next_run_in_the_same_process_go_on(edit, emulator):
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'wrong_key'}])
    edit([row()])
    emulator.set_faults([])
    assert edit([row()]).statuses == ['edited']


def test_wrong_key_exits_with_1_however_few_rows(edit, emulator):
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'wrong_key'}])
    run = edit([row()])
    assert (run.code, run.statuses) == (1, ['failed'])


@BOTH_FORMATS
def test_calls_of_a_row_that_was_stopped_in_its_back_off_are_counted(edit, emulator, api_format):
    lost = {'match': 'Blur', 'times': None, 'fault': 'reset', 'when': 'after_work'}
    overloaded = {'match': 'Mirror', 'times': None, 'fault': 'status', 'status': 503, 'retry_after_s': 60}
    emulator.set_faults([lost, overloaded, {'match': 'Invert', 'times': None, 'fault': 'billing'}])
    flags = (f'--api_format={api_format}', '--max_in_flight=1', '--max_ambiguous_retries=5')
    run = edit([row('Blur it'), row('Mirror it'), row('Invert it'), row('Rotate it')], *flags)
    assert run.code == 1
    assert run.statuses == ['in_doubt', 'stopped', 'failed', 'stopped']
    assert run.rows[1]['edit']['attempts'] == 1
    assert run.summary['calls'] == emulator.count


def test_ctrl_c_keeps_what_is_in_flight(emulator, photos, tmp_path):
    """Interrupts a job as a terminal does: every process of its group gets the signal."""
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'slow', 'seconds': 1}])
    source, out = photos / 'rows.jsonl', tmp_path / 'out'
    source.write_text(''.join(json.dumps(row(f'Blur it {number} times')) + '\n' for number in range(400)))
    command = [
        sys.executable,
        '-m',
        'beam_image_edit.pipeline',
        f'--input={source}',
        f'--cache_path={out}',
        '--report=off',
    ]
    environment = {**os.environ, 'DF_API_KEY': 'any', 'DF_BASE_URL': emulator.url}
    pipes = {'stderr': subprocess.PIPE, 'text': True}
    with ctrl_c_ends(), subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as job:
        wait_until(lambda: emulator.count or job.poll() is not None)
        os.killpg(job.pid, signal.SIGINT)
        _, log = job.communicate(timeout=DEADLINE_S)
    rows = json.loads((out / 'summary.json').read_bytes())['rows']
    assert job.returncode == 1
    assert 'Traceback' not in log
    assert rows['edited'] + rows['stopped'] == 400
    assert rows['edited'] == emulator.count
    assert rows['stopped'] > 0


@pytest.mark.parametrize(
    ('rows', 'code'),
    [({'edited': 3}, 0), ({}, 0), ({'edited': 2, 'refused': 1}, 3), ({'edited': 1, 'stopped': 1, 'failed': 1}, 1)],
)
def test_exit_code(rows, code):
    assert exit_code(rows) == code


@pytest.mark.parametrize('runner', ['--runner=FnApiRunner', '--runner=BundleBasedDirectRunner'])
def test_job_that_can_not_be_done_says_why_in_one_line(photos, tmp_path, capfd, monkeypatch, runner):
    monkeypatch.setenv('DF_API_KEY', 'any')
    (photos / 'damaged.jsonl.gz').write_bytes(b'no gzip at all')
    assert main([f'--input={photos}/damaged.jsonl.gz', f'--cache_path={tmp_path}/out', runner]) == 1
    said = capfd.readouterr().err.splitlines()
    assert len([line for line in said if 'INFO' not in line]) == 1
    assert 'the job failed: ' in said[-1]
    assert 'damaged.jsonl.gz: can not be read' in said[-1]
    assert 'while running' not in said[-1]


def test_reader_who_has_seen_enough_is_no_failure(tmp_path, photos):
    rows = tmp_path / 'enough.jsonl'
    rows.write_text(json.dumps({'images': str(photos / 'a.png'), 'conversations': ['Edit it']}))
    program = [sys.executable, '-m', 'beam_image_edit.pipeline', '--dry_run', '--progress=off', '--log_level=ERROR']
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*program, f'--input={rows}', f'--cache_path={tmp_path / "out"}'],
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b'')
