"""Throughput: edits of 64 KB at 0.5 s each, with 1 to 512 in flight."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, clients_of, pick, ratios, values_of
from benchmarks.runs import BARE, GENAI_SDK, JOB, OPENAI_SDK, REQUEST_RESPONSE, RUN_INFERENCE, Run
from benchmarks.sections import Chart, Section, at_most, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_BEAM = (RUN_INFERENCE, REQUEST_RESPONSE)
_SDKS = (GENAI_SDK, OPENAI_SDK)
_LATENCY_S = 0.5
_TARGETS = {'64': 1.05, '256': 1.0}
_BASES = (JOB, BARE)
# Python runs one thread at a time; two processes have both of the machine's cores.
JOB_IN_TWO = 'job, 2 processes'
_IN_TWO = 256


def measure(bench: Bench) -> Iterator[Run]:
    """Runs all, those with targets several times."""
    # Calls in flight, rows, repeats.
    full = [(1, 20, 1), (4, 80, 1), (16, 320, 1), (64, 2000, 3), (256, 2000, 4), (512, 2000, 1)]
    for in_flight, rows, repeats in bench.choose(full, [(64, 200, 1), (256, 300, 1)]):
        for _ in range(repeats):
            yield from bench.alternate(str(in_flight), _BASES, _workload(rows, in_flight), 1)
            if in_flight == _IN_TWO:
                run = bench.run(str(in_flight), JOB, _workload(rows, in_flight, 2))
                yield replace(run, client=JOB_IN_TWO)
    yield from bench.alternate('64', _SDKS, _workload(bench.choose(2000, 100), 64), 1)
    yield from bench.alternate('64', _BEAM, _workload(bench.choose(20, 4), 64), 1)


def _workload(rows: int, in_flight: int, workers: int = 1) -> Workload:
    return Workload(rows, in_flight, workers=workers, behaviour=Behaviour(_LATENCY_S))


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    cases = cases_of(runs)
    rows = [
        [case, client, *_show(runs, case, client), *_compare(runs, case, client)]
        for case in cases
        for client in clients_of(runs, case)
    ]
    verdicts = tuple(
        at_most(f'time of {client} with {case} in flight, × bare', target, beside.median, beside)
        for case, target in _TARGETS.items()
        if case in cases
        for client in (JOB, JOB_IN_TWO)
        if client in clients_of(runs, case)
        for beside in [_beside(runs, case, client)]
    )
    return Section(
        title='Time',
        text='Edits of 64 KB, in and out, that take the server 0.5 s each. Time is from the first call to the last '
        'answer, as the server saw it; CPU is that of the whole command, its start included. The ideal rate is calls '
        'in flight / 0.5 s; the last calls, when fewer are out, cost a few per cent of it. google-genai, as it is '
        'shipped, opens 100 connections at the most. RunInference and RequestResponseIO have one call in flight, '
        'however many are allowed.',
        table=write_table(
            [
                'allowed in flight',
                'client',
                'most in flight',
                'of the ideal rate',
                'peak MB',
                'time / bare',
                'CPU / bare',
            ],
            rows,
        ),
        verdicts=verdicts,
        advice=_advise(runs, cases),
        charts=(_draw(runs, cases),),
    )


def _show(runs: Sequence[Run], case: str, client: str) -> list[str]:
    known = pick(runs, case, client)
    reached = _rate(runs, case, client) * _LATENCY_S / int(case)
    most, peak_mb = max(run.most_in_flight for run in known), max(run.peak_mb for run in known)
    return [f'{most:,}', f'{reached:.0%}', f'{peak_mb:.0f}']


def _compare(runs: Sequence[Run], case: str, client: str) -> list[str | Spread]:
    if client not in (JOB, JOB_IN_TWO):
        return ['', '']
    return [_beside(runs, case, client), _beside(runs, case, client, lambda run: run.cpu_s)]


def _beside(
    runs: Sequence[Run], case: str, client: str, measure_run: Callable[[Run], float] = lambda run: run.span_s
) -> Spread:
    return ratios(values_of(runs, case, client, measure_run), values_of(runs, case, BARE, measure_run))


def _rate(runs: Sequence[Run], case: str, client: str) -> float:
    return Spread.of(run.calls / run.span_s for run in pick(runs, case, client)).median


def _advise(runs: Sequence[Run], cases: Sequence[str]) -> tuple[str, ...]:
    rates = {int(case): _rate(runs, case, JOB) for case in cases}
    best = max(rates.values())
    enough = min(in_flight for in_flight, rate in rates.items() if rate >= 0.9 * best)
    return (
        '**How many in flight?** `--max_in_flight` = images a second that your account allows × seconds that an edit '
        'takes; more does not help. The rate that one process can hold is bounded by CPU, not by calls in flight: '
        f'here, with edits of 64 KB, {best:.0f} images a second, reached with {enough} in flight at 0.5 s each. An '
        'edit that takes 20 s needs 40 times as many in flight for the same rate. The peak of memory was '
        f'{_peak_mb(runs, cases[0]):.0f} MB with {cases[0]} in flight and {_peak_mb(runs, cases[-1]):.0f} MB with '
        f'{cases[-1]}.',
    )


def _peak_mb(runs: Sequence[Run], case: str) -> float:
    return max(run.peak_mb for run in pick(runs, case, JOB))


def _draw(runs: Sequence[Run], cases: Sequence[str]) -> Chart:
    lines = {client: [(int(case), _rate(runs, case, client)) for case in cases] for client in _BASES}
    lines['ideal'] = [(int(case), int(case) / _LATENCY_S) for case in cases]
    return Chart('throughput', 'Edits of 64 KB at 0.5 s each', 'calls in flight', 'images a second', lines, True)
