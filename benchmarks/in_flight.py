"""How full the window is: 200 edits at 0.5 s with 16 in flight, beside a bare thread pool that does the same calls.

    python benchmarks/in_flight.py [ROWS] [IN_FLIGHT] [LATENCY_S]

Prints the time from the first call to the last answer, as the server saw it, over the ideal ROWS × LATENCY / IN_FLIGHT.
The bare pool has no ledger, no files and no retries.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from PIL import Image


@contextmanager
def run_emulator(latency_s: float) -> Iterator[str]:
    """The emulator in a process of its own, so that it does not compete for the interpreter; gives its URL."""
    command = [sys.executable, '-m', 'beam_image_edit.pipeline.emulator', '--port=0', f'--latency_s={latency_s}']
    with subprocess.Popen([*command, '--fast', '--pixels=256x256'], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def measure_span_s(url: str, work: Callable[[], None]) -> float:
    """Seconds from the first call to the last answer of some work."""
    requests.post(f'{url}/_emulator/reset', timeout=10)
    work()
    calls = requests.get(f'{url}/_emulator/calls', timeout=60).json()['calls']
    return max(call['finished_s'] for call in calls) - min(call['started_s'] for call in calls)


def run_job(url: str, folder: Path, rows: int, in_flight: int) -> None:
    """The job, as its command runs it."""
    Image.new('RGB', (256, 256), 'orange').save(folder / 'a.png')
    lines = ({'images': 'a.png', 'conversations': [f'Edit {number}']} for number in range(rows))
    (folder / 'rows.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    flags = [f'--input={folder / "rows.jsonl"}', f'--cache_path={folder / "out"}', f'--max_in_flight={in_flight}']
    environment = {**os.environ, 'DF_API_KEY': 'benchmark', 'DF_BASE_URL': url}
    subprocess.run(
        [sys.executable, '-m', 'beam_image_edit.pipeline', *flags],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run_bare_pool(url: str, rows: int, in_flight: int) -> None:
    """The same number of calls from a thread pool."""
    body = {'contents': [{'role': 'user', 'parts': [{'text': 'Edit'}]}]}
    session = requests.Session()
    session.mount('http://', requests.adapters.HTTPAdapter(pool_maxsize=in_flight))

    def call(_: int) -> None:
        path = f'{url}/v1beta/models/gemini-3-pro-image:generateContent'
        session.post(path, json=body, headers={'x-goog-api-key': 'benchmark'}, timeout=60).json()

    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(call, range(rows)))


def main() -> None:
    """Prints both ratios."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    in_flight = int(sys.argv[2]) if len(sys.argv) > 2 else 16
    latency_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0.5
    ideal_s = rows * latency_s / in_flight
    print(f'{rows} rows, {latency_s} s each, {in_flight} in flight: ideal {ideal_s:.2f} s')
    with run_emulator(latency_s) as url, tempfile.TemporaryDirectory() as folder:
        job_s = measure_span_s(url, lambda: run_job(url, Path(folder), rows, in_flight))
        bare_s = measure_span_s(url, lambda: run_bare_pool(url, rows, in_flight))
    print(f'the job        {job_s:6.2f} s  {job_s / ideal_s:.3f} of the ideal')
    print(f'a bare pool    {bare_s:6.2f} s  {bare_s / ideal_s:.3f} of the ideal')


if __name__ == '__main__':
    main()
