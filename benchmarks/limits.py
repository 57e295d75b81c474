"""How much of a quota is used, and how many calls are wasted on it: a thread pool behind the limiter, over HTTP.

    python benchmarks/limits.py [CALLS]

The emulator answers half of the calls after 0.5 s and half after 2 s; 64 are in flight at the most. Each line is a run
against a new server: a quota of 1,200 calls in any minute, told and untold, and a cap of 24 calls at a time, untold.
Used is the share of the calls that could have begun by the time the last one did.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from beam_image_edit.transforms.clients.classify import classify
from beam_image_edit.transforms.limits.call_ends import end_of
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.limits.pace import ProcessPace
from beam_image_edit.transforms.limits.places import Limits
from beam_image_edit.transforms.scheduler import Scheduler

IN_FLIGHT = 64
LATENCY_S = 1.25
PER_MINUTE = 1200
CAP = 24
BODY = {'contents': [{'role': 'user', 'parts': [{'text': 'Edit'}]}]}


@contextmanager
def run_emulator(*flags: str) -> Iterator[str]:
    """The emulator in a process of its own; gives its URL."""
    command = [sys.executable, '-m', 'beam_image_edit.pipeline.emulator', '--fast', '--pixels=64x64']
    command += ['--latency_s=0.5', '--latency_tail=0.5:2', *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@dataclass
class Pool:
    """Threads that send calls, each until it is let in."""

    url: str
    limiter: Limiter
    begun: list[float] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.mount('http://', requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))

    def call(self, _: int) -> None:
        """Sends one call as often as it takes."""
        turn = None
        while True:
            turn = self.limiter.enter(earlier=turn).result()
            began = time.monotonic()
            path = f'{self.url}/v1beta/models/gemini-3-pro-image:generateContent'
            answer = self._session.post(path, json=BODY, headers={'x-goog-api-key': 'benchmark'}, timeout=60)
            error = None if answer.ok else classify(answer.status_code, answer.headers, answer.content)
            self.limiter.leave(turn, end_of(error))
            with self._lock:
                if error is None:
                    self.begun.append(began)
                    return
                self.refused += 1


def measure(name: str, calls: int, flag: str, limits: Limits) -> None:
    """Prints what one run has used and wasted."""
    scheduler = Scheduler(1)
    with run_emulator(flag) as url:
        limiter = Limiter(IN_FLIGHT, ProcessPace(limits) if limits else None, scheduler.resume_later)
        pool = Pool(url, limiter)
        with ThreadPoolExecutor(2 * IN_FLIGHT) as threads:
            list(threads.map(pool.call, range(calls)))
    scheduler.close()
    first = min(pool.begun)
    seconds = max(pool.begun) - first
    if limits:
        later = sum(began >= first + 2 for began in pool.begun)
        used = later / (PER_MINUTE / 60 * (seconds - 2))
    elif 'concurrent' in flag:
        used = calls / (CAP + seconds * CAP / LATENCY_S)
    else:
        minutes, rest_s = divmod(seconds, 60)
        used = calls / (minutes * PER_MINUTE + min(PER_MINUTE, IN_FLIGHT + rest_s * IN_FLIGHT / LATENCY_S))
    wasted = pool.refused / (calls + pool.refused)
    print(f'{name:28}{calls:6} calls {seconds:7.1f} s  used {used:6.1%}  wasted {wasted:6.2%}', flush=True)


def main() -> None:
    """Prints a line for each run."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    quota = f'--requests_per_minute={PER_MINUTE}'
    measure('a quota, told', calls, quota, Limits(requests_per_minute=PER_MINUTE))
    measure('a quota, untold', calls, quota, Limits())
    measure('a cap, untold', calls, f'--max_concurrent={CAP}', Limits())


if __name__ == '__main__':
    main()
