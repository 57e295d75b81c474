"""What the tests of crashes share: the job as a process that can be killed, and a look at all that it left behind."""

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.records import Record

DEADLINE_S = 120

# Runs the program in children, each in a process group of its own: importing Beam takes seconds, and is done once.
STARTER = """
import json, os, signal, sys
from beam_image_edit.pipeline.__main__ import main

# A shell that runs the tests in the background lets them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.exit(main(json.loads(line)))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Found:
    """What is below a cache path.

    Attributes:
        records: the outcomes, by request key.
        intents: all attempts, by request key and number.
        images: sha256 of every image file, by its path.
        names: which request key has claimed an image's name, by the name's hash.
    """

    records: dict[str, Record] = field(default_factory=dict)
    intents: dict[tuple[str, int], Intent] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def in_flight(self):
        """The attempts whose outcome is not stored, as key and number."""
        return {(key, number) for key, number in self.intents if key not in self.records}

    def assert_every_image_is_known(self):
        """Each image is a record's and unchanged, or has a name that a call in flight has claimed."""
        recorded = {image.path: image.sha256 for record in self.records.values() for image in record.images}
        assert recorded.items() <= self.images.items()
        in_flight = {key for key, _ in self.in_flight}
        for place in self.images.keys() - recorded.keys():
            stem = place.rpartition('.')[0].casefold()
            assert self.names.get(hashlib.sha256(stem.encode()).hexdigest()) in in_flight, place


class Job:
    """The program on one input file, as often as it is started.

    Attributes:
        rows: of the input file.
        out: the cache path.
        pid: of its process, and of the group with its workers.
        log: the file of all that it says.
    """

    def __init__(self, starter, rows, out, log, flags):
        self.rows = rows
        self.out = out
        self.log = log
        self.pid = None
        self._starter = starter
        self._flags = flags

    def start(self):
        self._starter.stdin.write(f'{json.dumps(self._flags)}\n'.encode())
        self.pid = self._read_number()

    def wait(self):
        """How it ended: its exit code, or the number of the signal that killed it with a minus."""
        return self._read_number()

    def run(self):
        self.start()
        return self.wait()

    @property
    def has_ended(self):
        return bool(select.select([self._starter.stdout], [], [], 0)[0])

    def signal(self, number):
        """Sends a signal to the program alone."""
        os.kill(self.pid, number)

    def signal_all(self, number):
        """Sends a signal to the program and its workers, as a terminal does."""
        os.killpg(self.pid, number)

    @property
    def manifest(self):
        return [json.loads(line) for line in (self.out / 'manifest.jsonl').read_text().splitlines()]

    @property
    def statuses(self):
        return Counter(line['edit']['status'] for line in self.manifest)

    def look(self):
        """Looks at every file below the cache path; one that nobody knows is an error."""
        found = Found()
        for path in sorted(path for path in self.out.rglob('*') if path.is_file()):
            place = path.relative_to(self.out).as_posix()
            key, _, number = path.stem.partition('.intent-')
            if place.startswith('ledger/names/'):
                found.names[path.stem] = path.read_text()
            elif number:
                found.intents[key, int(number)] = Intent.from_json(path.read_bytes())
            elif place == f'ledger/{key[:2]}/{key}.json':
                found.records[key] = Record.from_json(path.read_bytes())
            elif place.startswith('sample_'):
                found.images[place] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                known = ('manifest.jsonl', 'manifest.parquet', 'summary.json')
                assert place in known or place.startswith(('ledger/inputs/', 'ledger/runs/', 'ledger/unfinished/'))
        return found

    def prompts_by_key(self, api_format='gemini'):
        """Which instruction each purchase was for, as the manifest tells it."""
        prompts = {}
        for row, line in zip(self.rows, self.manifest, strict=True):
            sent = prompts_of(row) if api_format == 'gemini' else row['conversations']
            prompts |= zip(line['edit']['request_keys'], sent, strict=True)
        return prompts

    def assert_every_row_has_its_own_images(self, emulator):
        """The manifest has all rows in order, edited, with images that were made for their instructions alone."""
        made = {}
        for call in emulator.calls:
            made.setdefault(call.prompt, set()).update(call.produced)
        assert sum(map(len, made.values())) == len(set().union(*made.values()))
        for row, line in zip(self.rows, self.manifest, strict=True):
            assert (line['conversations'], line['edit']['status']) == (row['conversations'], 'edited')
            images = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in line['output_image']]
            assert len(images) == len(prompts_of(row))
            assert all(image in made[prompt] for image, prompt in zip(images, prompts_of(row), strict=True)), row

    def kill_what_is_left(self):
        with suppress(ProcessLookupError):
            if self.pid and not self.has_ended:
                self.signal_all(signal.SIGKILL)

    def _read_number(self):
        ready, _, _ = select.select([self._starter.stdout], [], [], DEADLINE_S)
        assert ready, f'no answer within {DEADLINE_S} s'
        return int(self._starter.stdout.readline())


def prompts_of(row):
    """The instruction behind each of a row's images."""
    return [turn for turn in row['conversations'] for _ in range(row.get('n', 1))]


@pytest.fixture
def make_rows():
    """Makes rows of every kind that costs something; each instruction stands for itself."""

    def make(count):
        rows = [{'images': 'a.png', 'conversations': [f'Blur it {number} times']} for number in range(count)]
        for number in range(3, count, 10):
            rows[number]['conversations'] += [f'Mirror it {number} times']
        for number in range(6, count, 10):
            rows[number]['n'] = 2
        # The last tenth is a copy of the first one.
        return rows[: count - count // 10] + rows[: count // 10]

    return make


@pytest.fixture
def emulator():
    with Emulator(pixels='128x128', latency_s=0.2, latency_tail='0.3:0.4') as running:
        yield running


@pytest.fixture
def make_job(emulator, tmp_path):
    """Makes a job of rows, to be started; all write to one cache path."""
    Image.new('RGB', (64, 64), 'orange').save(tmp_path / 'a.png')
    environment = {**os.environ, 'DF_API_KEY': 'any', 'DF_BASE_URL': emulator.url}
    log = tmp_path / 'log'
    command = [sys.executable, '-c', STARTER, str(log)]
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'bufsize': 0}
    with ExitStack() as ends:

        def make(rows, *flags):
            starter = ends.enter_context(subprocess.Popen(command, env=environment, **pipes))
            ends.callback(starter.kill)
            source = tmp_path / f'rows-{starter.pid}.jsonl'
            source.write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
            out = tmp_path / 'out'
            job = Job(starter, rows, out, log, [f'--input={source}', f'--cache_path={out}', '--report=off', *flags])
            ends.callback(job.kill_what_is_left)
            return job

        yield make
