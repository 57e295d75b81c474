"""Workers that somebody else has started: in a process, a folder and with an environment of their own.

Beam's own job service and worker pool run on this machine, as a cluster's would.
"""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import DEADLINE_S

ROWS = [{'images': 'a.png', 'conversations': [f'Blur it {number} times']} for number in range(6)]
JOB_SERVICE = """
import sys, tempfile
from apache_beam.runners.portability.local_job_service import LocalJobServicer
with tempfile.TemporaryDirectory() as folder:
    print(LocalJobServicer(folder).start_grpc_server(0), flush=True)
    sys.stdin.read()
"""
POOL = """
import os, sys
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
address, server = BeamFnExternalWorkerPoolServicer.start()
print(address, flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def started(script, folder, environment):
    """A process that says where it can be reached; it ends with its standard input."""
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'stderr': subprocess.DEVNULL, 'text': True}
    with subprocess.Popen([sys.executable, '-c', script], cwd=folder, env=environment, **pipes) as process:
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def run(photos, tmp_path, emulator):
    """Runs the job with workers in a pool: `worker_variables` are theirs, and their current folder is `elsewhere`."""
    (tmp_path / 'elsewhere').mkdir()
    (photos / 'rows.jsonl').write_text(''.join(f'{json.dumps(row)}\n' for row in ROWS))
    outside = {name: value for name, value in os.environ.items() if not name.startswith('DF_')}

    def run_job(*flags, **worker_variables):
        with (
            started(JOB_SERVICE, tmp_path, outside) as port,
            started(POOL, tmp_path / 'elsewhere', {**outside, **worker_variables}) as pool,
        ):
            remote = ['--runner=PortableRunner', f'--job_endpoint=localhost:{port}', '--environment_type=EXTERNAL']
            command = [sys.executable, '-m', 'beam_image_edit.pipeline', *remote, f'--environment_config={pool}']
            ended = subprocess.run(
                [*command, f'--input={photos / "rows.jsonl"}', *flags],
                cwd=tmp_path,
                env={**outside, 'DF_BASE_URL': emulator.url},
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
            )
        return ended.returncode, [line for line in ended.stderr.splitlines() if ' ERROR ' in line]

    return run_job


def test_workers_read_the_key_for_themselves(run, tmp_path, emulator):
    assert run(f'--cache_path={tmp_path}/out', '--api_key=env:POOL_KEY', POOL_KEY='any') == (0, [])
    assert emulator.count == len(ROWS)


def test_workers_without_the_key_say_so_once_and_nothing_is_sent(run, tmp_path, emulator):
    code, errors = run(f'--cache_path={tmp_path}/out', '--api_key=env:POOL_KEY')
    assert (code, len(errors), emulator.count) == (1, 1, 0)
    assert 'no API key: set the environment variable POOL_KEY' in errors[0]


@pytest.mark.skipif(not Path('/proc/self/cwd').exists(), reason='needs a path that is another one for each process')
def test_workers_that_find_another_folder_say_so_once_and_nothing_is_sent(run, tmp_path, emulator):
    code, errors = run('--cache_path=/proc/self/cwd/out', POOL_KEY='any', DF_API_KEY='any')
    assert (code, len(errors), emulator.count) == (1, 1, 0)
    assert 'does not see what the command has written to /proc/self/cwd/out' in errors[0]
    assert not (tmp_path / 'elsewhere' / 'out').exists()
