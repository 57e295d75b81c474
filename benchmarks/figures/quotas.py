"""Quotas: how much of a limit is used, and how many calls are wasted on it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.comparisons import cases_of, clients_of, pick
from benchmarks.runs import BARE, GENAI_SDK, JOB, Run
from benchmarks.sections import Section, Verdict, at_least_share, at_most_share, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_PICTURE_BYTES = 4096
_PER_SECOND = (20, 1.0)
_AT_A_TIME = 24
_TOLD = '20 a second, told'
_SAID = '20 a second, untold'
_UNSAID = '20 a second, untold, no hint'
_CAP = '24 at a time, untold'
# The least that is to be used and the most that may be wasted.
_TARGETS = {_TOLD: (0.97, 0.01), _SAID: (0.90, 0.05), _UNSAID: (0.90, 0.05), _CAP: (0.90, 0.05)}


def measure(bench: Bench) -> Iterator[Run]:
    """Runs the job against each limit, and two others, which know of none, against one of them."""
    rows = bench.choose(1000, 100)
    latency = Behaviour(0.5, slow=(0.5, bench.choose(2.0, 1.0)), image_bytes=_PICTURE_BYTES)
    quota = replace(latency, quota=_PER_SECOND, says_wait=True)
    yield from bench.alternate(_SAID, (JOB, BARE, GENAI_SDK), _workload(rows, quota), 1)
    yield bench.run(_UNSAID, JOB, _workload(rows, replace(quota, says_wait=False)))
    yield bench.run(_CAP, JOB, _workload(rows, replace(latency, at_a_time=_AT_A_TIME)))
    yield bench.run(_TOLD, JOB, replace(_workload(rows, quota), job_flags=('--requests_per_minute=1200',)))


def _workload(rows: int, behaviour: Behaviour) -> Workload:
    return Workload(rows, 64, _PICTURE_BYTES, behaviour=behaviour)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    rows = []
    verdicts: list[Verdict] = []
    for case in cases_of(runs):
        for client in clients_of(runs, case):
            (run,) = pick(runs, case, client)
            rows.append([case, client, f'{run.used:.1%}', f'{_wasted(run):.1%}', f'{run.lost:,} of {run.rows:,}'])
            if client == JOB:
                verdicts += _judge(case, run)
    return Section(
        title='Limits of the server',
        text='The server takes 20 calls in any second and answers others with 429 (with how long to wait, unless it '
        'says no hint), or takes 24 at a time. Half of the calls take 0.5 s, half 2 s; 64 may be in flight. Used is '
        'the share of what the limit allows, from 2 s after the first call to the beginning of the last one; wasted '
        'is calls answered with 429, divided by calls answered with a picture. The other clients try as often as they '
        'do by themselves. What the job does about limits, and what to tell it: [limits](limits.md).',
        table=write_table(['limit', 'client', 'used', 'wasted', 'rows lost'], rows),
        verdicts=tuple(verdicts),
        advice=(
            '**Do you know your limit?** Then tell it: `--requests_per_minute` or `--images_per_minute`. If you do '
            'not, the job finds it, at the price of some calls that are answered with 429; no row is lost.',
        ),
    )


def _wasted(run: Run) -> float:
    return run.refused / max(1, run.calls)


def _judge(case: str, run: Run) -> list[Verdict]:
    used, wasted = _TARGETS[case]
    return [
        at_least_share(f'{case}: used', used, run.used),
        at_most_share(f'{case}: wasted', wasted, _wasted(run)),
        Verdict(f'{case}: rows lost', '0', f'{run.lost:,}', not run.lost),
    ]
