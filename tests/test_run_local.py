"""The script that sets everything up and runs the job: here without the set-up, from this Python."""

import json
import os
import shutil
import signal
import subprocess
import sys

from tests.pages import ROOT
from tests.waiting import DEADLINE_S, wait_until

# In place of set_up.sh. The emulator gets a latency, so that calls are in flight when the interrupt comes.
_SET_UP = """
root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$root/python"
install() { :; }
"""
_PYTHON = f"""#!/bin/sh
case "$*" in *emulator*) set -- "$@" --latency_s 1 ;; esac
exec "{sys.executable}" "$@"
"""
_COMMAND = f"""#!/bin/sh
exec "{sys.executable}" -m beam_image_edit.pipeline "$@"
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_interrupt_of_all_processes_leaves_no_call_in_doubt(tmp_path, photos):
    """As a terminal sends Ctrl-C: to the job, to the emulator and to the shell between them."""
    folder = tmp_path / 'project'
    write_program(folder / 'python', _PYTHON)
    write_program(folder / '.venv' / 'bin' / 'beam-image-edit', _COMMAND)
    (folder / 'set_up.sh').write_text(_SET_UP)
    shutil.copy(ROOT / 'run_local.sh', folder)
    out = tmp_path / 'out'
    rows = [{'images': 'a.png', 'conversations': ['Blur it'], 'variant': number} for number in range(40)]
    (photos / 'rows.jsonl').write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    environment = {name: value for name, value in os.environ.items() if not name.startswith('DF_')}
    with subprocess.Popen(
        [folder / 'run_local.sh', f'--input={photos}/rows.jsonl', f'--cache_path={out}', '--report=off'],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A test that runs in the background may have been started with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as script:
        wait_until(lambda: len(list(out.glob('ledger/*/*.intent-*.json'))) >= 4 or script.poll() is not None)
        os.killpg(script.pid, signal.SIGINT)
        log, _ = script.communicate(timeout=DEADLINE_S)
    rows = json.loads((out / 'summary.json').read_bytes())['rows']
    assert script.returncode == 1, log
    assert rows['edited'] > 0
    assert rows['edited'] + rows['stopped'] == 40
