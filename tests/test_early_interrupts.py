"""Ctrl-C before a run has begun: one line and exit code 1, at whatever moment; ignored, it is heeded by a run only."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ctrl_c import ctrl_c_ends, ctrl_c_is_ignored
from tests.waiting import DEADLINE_S, wait_until

# The program as its console script starts it. Ctrl-C is pressed when it imports or opens what the first argument names.
PRESSED = """
import os, signal, sys

wanted = sys.argv.pop(1)

def press(event, arguments):
    global wanted
    if wanted is not None and event in ('import', 'open') and wanted in str(arguments[0]):
        wanted = None
        os.kill(os.getpid(), signal.SIGINT)

from beam_image_edit.pipeline.__main__ import main
sys.addaudithook(press)
sys.exit(main())
"""


def run(command, environment):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.fixture
def environment(emulator):
    return {**os.environ, 'DF_API_KEY': 'any', 'DF_BASE_URL': emulator.url}


@pytest.fixture
def flags(photos, tmp_path):
    rows = photos / 'rows.jsonl'
    rows.write_text('{"images": "a.png", "conversations": "Mirror it"}\n')
    return [f'--input={rows}', f'--cache_path={tmp_path}/out', '--report=off', '--log_level=WARNING', '--progress=off']


@pytest.mark.parametrize(
    'moment',
    [
        'logging',
        'beam_image_edit.pipeline.program',
        'apache_beam',
        'numpy',
        'grpc',
        'pyarrow',
        'beam_image_edit.pipeline.report',
        'rows.jsonl',
        'ledger/unfinished/',
    ],
)
def test_ctrl_c_before_the_run_ends_the_program_in_one_line(environment, flags, emulator, moment):
    command = [sys.executable, '-c', PRESSED, moment, *flags]
    with ctrl_c_ends():
        done = run(command, environment)
    assert (done.returncode, done.stdout, done.stderr) == (1, '', 'beam-image-edit: interrupted\n')
    assert emulator.count == 0


def test_ctrl_c_from_elsewhere_while_libraries_are_loaded(environment, flags, emulator):
    emulator.hold()  # so that it can't have ended before
    command = [sys.executable, '-m', 'beam_image_edit.pipeline', *flags]
    pipes = {'stderr': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
    with ctrl_c_ends(), subprocess.Popen(command, env=environment, **pipes) as job:
        libraries = Path(f'/proc/{job.pid}/maps')
        if not libraries.exists():
            job.kill()
            pytest.skip('this system does not tell what a process has loaded')
        wait_until(lambda: 'numpy' in libraries.read_text())
        job.send_signal(signal.SIGINT)
        emulator.release()
        _, told = job.communicate(timeout=DEADLINE_S)
    assert job.returncode == 1
    assert 'Traceback' not in told
    assert 'interrupted' in told


def test_ctrl_c_that_is_ignored_before_the_run_stays_so(environment, flags, emulator):
    command = [sys.executable, '-c', PRESSED, 'numpy', *flags]
    with ctrl_c_is_ignored():
        done = run(command, environment)
    assert (done.returncode, done.stderr) == (0, '')
    assert emulator.count == 1


def test_run_heeds_ctrl_c_even_so(environment, flags, emulator):
    """What was started in the background of a script must stop spending when it is told to."""
    emulator.hold()
    command = [sys.executable, '-m', 'beam_image_edit.pipeline', *flags]
    with ctrl_c_is_ignored(), subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as job:
        wait_until(lambda: emulator.in_flight == 1)
        job.send_signal(signal.SIGINT)
        told = next(line for line in job.stderr if 'stopping' in line or not line)
        emulator.release()
        job.communicate(timeout=DEADLINE_S)
    assert 'calls in flight are finished' in told
    assert job.returncode == 1
