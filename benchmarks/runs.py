"""Runs: a client as a process of its own, against a server of its own, and what it took."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapreplace
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.server import Call
from benchmarks.workloads import Workload

ROOT = Path(__file__).resolve().parent.parent
JOB, BARE, TUNED = 'job', 'bare', 'tuned'
OPENAI_SDK, GENAI_SDK = 'openai SDK', 'google-genai SDK'
RUN_INFERENCE, REQUEST_RESPONSE = 'RunInference', 'RequestResponseIO'
_MODULES = {
    BARE: 'bare',
    TUNED: 'tuned',
    OPENAI_SDK: 'openai_sdk',
    GENAI_SDK: 'genai_sdk',
    RUN_INFERENCE: 'run_inference',
    REQUEST_RESPONSE: 'request_response',
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        case: what was done, in the words of the figure.
        client: who did it.
        rows: how many there were.
        span_s: from the first call to the last answer, as the server saw it; 0: there was no call.
        wall_s: from the command to its end.
        first_call_s: from the command to the first call.
        finish_s: from the last answer to the command's end.
        cpu_s: CPU seconds, user and system, of the process and its children.
        peak_mb: the most memory that was resident, in the process or in the largest of its children.
        calls: how many were answered with a picture.
        refused: how many were answered with 429.
        lost: rows without a picture.
        used: the share of the server's limit that was used; 1: it has none.
        greedy_s: the span of a schedule that begins each call as soon as a place is free, with the same latencies.
        most_in_flight: calls in flight at a time.
    """

    case: str
    client: str
    rows: int
    span_s: float
    wall_s: float
    first_call_s: float
    finish_s: float
    cpu_s: float
    peak_mb: float
    calls: int
    refused: int
    lost: int
    used: float
    greedy_s: float
    most_in_flight: int


def run_client(case: str, client: str, workload: Workload, inputs: Path, output: Path) -> Run:
    """Runs a client.

    Args:
        case: what is done, in the words of the figure.
        client: who does it.
        workload: the work.
        inputs: where rows and pictures lie, or are put.
        output: where the client writes.
    """
    rows = workload.write_rows(inputs)
    with run_server(workload.server_settings) as url:
        usage = _execute(_command(client, workload, rows, output, url), url)
        calls = fetch_calls(url)
    good = [call for call in calls if call.status == 200]
    first_s = min((call.start_s for call in calls), default=usage['started_s'])
    last_s = max((call.end_s for call in good), default=first_s)
    return Run(
        case=case,
        client=client,
        rows=workload.rows,
        span_s=last_s - first_s,
        wall_s=usage['ended_s'] - usage['started_s'],
        first_call_s=first_s - usage['started_s'],
        finish_s=usage['ended_s'] - last_s,
        cpu_s=usage['cpu_s'],
        peak_mb=usage['peak_mb'],
        calls=len(good),
        refused=len(calls) - len(good),
        lost=workload.rows - count_pictures(output),
        used=used_share(good, workload),
        greedy_s=greedy_span_s([call.latency_s for call in sorted(good, key=_start_of)], workload.in_flight),
        most_in_flight=most_at_a_time(good),
    )


@contextmanager
def run_server(settings: Mapping[str, Any]) -> Iterator[str]:
    """The server in a process of its own; gives its URL."""
    command = [sys.executable, '-m', 'benchmarks.server', json.dumps(settings)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def fetch_calls(url: str) -> list[Call]:
    """The calls that a server has answered."""
    with urllib.request.urlopen(f'{url}/calls', timeout=60) as answer:
        return [Call(*values) for values in json.load(answer)]


def used_share(calls: Sequence[Call], workload: Workload) -> float:
    """The share of the server's limit that was used from 2 s after the first call to the beginning of the last one."""
    starts = sorted(call.start_s for call in calls)
    per_window, window_s = workload.behaviour.quota
    if not starts or starts[-1] <= starts[0] + 2 or not (per_window or workload.behaviour.at_a_time):
        return 1.0
    begin_s, end_s = starts[0] + 2, starts[-1]
    if per_window:
        return sum(start > begin_s for start in starts) / (per_window / window_s * (end_s - begin_s))
    busy_s = sum(max(0.0, min(call.end_s, end_s) - max(call.start_s, begin_s)) for call in calls)
    return busy_s / (workload.behaviour.at_a_time * (end_s - begin_s))


def greedy_span_s(latencies_s: Sequence[float], places: int) -> float:
    """The time that calls take which begin in order, each as soon as a place is free.

    >>> greedy_span_s([1, 1, 5, 1, 1], 2)
    6.0
    """
    free_s = [0.0] * places
    for latency_s in latencies_s:
        heapreplace(free_s, free_s[0] + latency_s)
    return max(free_s)


def most_at_a_time(calls: Sequence[Call]) -> int:
    """The most calls that were in flight at a time."""
    events = sorted([(call.start_s, 1) for call in calls] + [(call.end_s, -1) for call in calls])
    return max(accumulate(step for _, step in events), default=0)


def count_pictures(folder: Path) -> int:
    """How many edited pictures there are."""
    return sum(name.endswith('.png') for _, _, names in os.walk(folder) for name in names)


def _start_of(call: Call) -> float:
    return call.start_s


def _command(client: str, workload: Workload, rows: Path, output: Path, url: str) -> list[str]:
    if client == JOB:
        program, further = (
            'beam_image_edit.pipeline',
            # The others make no contact sheet, whose thumbnails take longer than the edits.
            [f'--cache_path={output}', '--log_level=WARNING', '--report=off', *workload.flags],
        )
    else:
        program = f'benchmarks.clients.{_MODULES[client]}'
        further = [f'--output={output}', f'--in_flight={workload.in_flight}', f'--url={url}']
    api_format = 'openai' if client == OPENAI_SDK else workload.api_format
    return [sys.executable, '-m', program, f'--input={rows}', f'--api_format={api_format}', *further]


def _execute(command: Sequence[str], url: str) -> Mapping[str, float]:
    """Runs a command to its end; gives what the launcher tells of it.

    Raises:
        RuntimeError: it failed; an exit code of 3 is no failure but says that some rows are not edited.
    """
    environment = {**os.environ, 'DF_API_KEY': 'benchmark', 'DF_BASE_URL': url}
    launcher = [sys.executable, str(ROOT / 'benchmarks' / 'launcher.py')]
    done = subprocess.run([*launcher, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    usage = json.loads(done.stdout)
    if usage['code'] not in (0, 3):
        raise RuntimeError(f'{" ".join(command)} ended with code {usage["code"]}: {done.stderr[-2000:]}')
    return usage
