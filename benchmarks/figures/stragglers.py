"""Stragglers: a tenth of the calls take ten times as long."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, clients_of, pick
from benchmarks.runs import BARE, JOB, Run
from benchmarks.sections import Section, at_most, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_WORKERS = {'one process': 1, 'two processes': 2}
_TARGET = 1.10


def measure(bench: Bench) -> Iterator[Run]:
    """Runs one process and two, with as many calls in flight in all."""
    rows, in_flight, latency_s = bench.choose((1200, 64, 0.5), (100, 16, 0.1))
    behaviour = Behaviour(latency_s=latency_s, slow=(0.1, 10 * latency_s))
    repeats = bench.choose(2, 1)
    for case, workers in _WORKERS.items():
        work = Workload(rows, in_flight, workers=workers, behaviour=behaviour)
        yield from bench.alternate(case, (JOB,) if workers > 1 else (JOB, BARE), work, repeats)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    spreads = {
        (case, client): Spread.of(run.span_s / run.greedy_s for run in pick(runs, case, client))
        for case in cases_of(runs)
        for client in clients_of(runs, case)
    }
    return Section(
        title='Slow calls among quick ones',
        text='A tenth of the calls take ten times as long. The greedy schedule begins each call, in the order in which '
        'the server got them, as soon as a place is free, with the very latencies that the server gave; it is what can '
        'be had if no call holds up another. Two processes have half of the places each.',
        table=write_table(['processes', 'client', 'time / greedy'], [[*key, value] for key, value in spreads.items()]),
        verdicts=tuple(
            at_most(f'a tenth ten times slower, {case}, × greedy', _TARGET, value.median, value)
            for (case, client), value in spreads.items()
            if client == JOB
        ),
        advice=(
            '**Several processes?** Only where one has not enough CPU: `--direct_running_mode=multi_processing '
            '--direct_num_workers=N`. `--max_in_flight` counts for each of them.',
        ),
    )
