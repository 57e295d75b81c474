"""Jobs on an engine: the command as its user runs it, in a process of its own, and what it left."""

import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

KEY_OF_THE_START = 'key-at-the-start-4711'
LIMIT_S = 500  # a busy machine is no fault


class Job:
    """The program on a file of rows.

    Attributes:
        out: the cache path.
        process: the program, once it is started.
    """

    def __init__(self, folder, emulator, source, *flags):
        self.out = folder / 'out'
        self._log = folder / 'job.log'
        self._command = [sys.executable, '-m', 'beam_image_edit.pipeline', f'--input={source}']
        self._command += [f'--cache_path={self.out}', '--report=off', *flags]
        self._environment = {**os.environ, 'DF_API_KEY': KEY_OF_THE_START, 'DF_BASE_URL': emulator.url}
        self.process = None

    def __enter__(self):
        with self._log.open('wb') as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def wait(self):
        """How it ended: its exit code."""
        return self.process.wait(LIMIT_S)

    @property
    def log(self):
        return self._log.read_text(errors='replace')

    @property
    def rows(self):
        return [json.loads(line) for line in (self.out / 'manifest.jsonl').read_text().split('\n')[:-1]]

    @property
    def summary(self):
        return json.loads((self.out / 'summary.json').read_bytes())

    @property
    def has_ended(self):
        return self.process.poll() is not None


@dataclass(frozen=True)
class Result:
    """What a job left, in a form that is the same on every engine.

    Attributes:
        code: the exit code.
        rows: the manifest's, without what differs from run to run.
        calls: how often each instruction was sent.
        summary: its figures that must not differ.
    """

    code: int
    rows: list[str]
    calls: Counter[str]
    summary: dict[str, object]


def run_job(folder, emulator, source, *flags):
    """Runs a job to its end, in a folder that is made for it."""
    folder.mkdir()
    emulator.reset()
    with Job(folder, emulator, source, *flags) as job:
        code = job.wait()
    assert code in (0, 3), job.log[-3000:]
    names = ('rows', 'calls', 'possibly_double_billed', 'tokens', 'cost_usd')
    return Result(
        code,
        rows=essence(job.rows, job.out),
        calls=Counter(call.prompt for call in emulator.calls),
        summary={name: job.summary[name] for name in names},
    )


def essence(rows, folder):
    """A manifest's rows without timings and request ids, and without the places of images that several rows share."""
    owners = Counter(key for row in rows for key in set(row['edit']['request_keys']))
    texts = []
    for row in rows:
        is_shared = any(owners[key] > 1 for key in row['edit']['request_keys'])
        places = [str(Path(place).relative_to(folder)) for place in row['output_image']]
        row['output_image'] = len(places) if is_shared else places
        row['edit'] |= {'latency_s': None, 'request_ids': None}
        texts.append(json.dumps(row, ensure_ascii=False))
    return texts


def mean_in_flight(calls):
    """How many calls were in flight on average, from a fifth to three fifths of all calls."""
    begin, end = _middle(calls)
    overlaps = (min(call.finished_s or end, end) - max(call.started_s, begin) for call in calls)
    return sum(overlap for overlap in overlaps if overlap > 0) / (end - begin)


def mean_of_fullest(calls):
    """The most calls in flight during the life of a call, on average over those from a fifth to three fifths of all.

    What is between two calls does not count, so that a busy machine gives the figure of an idle one; a window that
    is not filled while its calls are out does.
    """
    begin, end = _middle(calls)
    middle = [call for call in calls if begin <= call.started_s <= end]
    return sum(most_in_flight(calls, during=call) for call in middle) / len(middle)


def most_in_flight(calls, during=None):
    """How many calls were in flight at a time, at most: ever, or during one of them."""
    moments = [call.started_s for call in calls if during is None or _is_in_flight(during, call.started_s)]
    return max(sum(_is_in_flight(call, moment) for call in calls) for moment in moments)


def _is_in_flight(call, moment):
    return call.started_s <= moment < (call.finished_s or math.inf)


def _middle(calls):
    starts = sorted(call.started_s for call in calls)
    return starts[len(starts) // 5], starts[3 * len(starts) // 5]


def wait_for_calls(emulator, number, job):
    """Waits until the emulator got so many calls; an error if the job ends before."""

    def has_them():
        assert not job.has_ended, job.log[-3000:]
        return emulator.count >= number

    wait_until(has_them)
