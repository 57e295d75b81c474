"""Sizes: CPU and memory for pictures of 64 KB to 16 MB."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, cpu_per_image_s, pick, ratios
from benchmarks.runs import BARE, JOB, Run
from benchmarks.sections import Chart, Section, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_KB = 1024
_CLIENTS = (JOB, BARE)
_IN_FLIGHT = 16
_LATENCY_S = 0.1


def measure(bench: Bench) -> Iterator[Run]:
    """Runs each size with few rows and with more, in turns."""
    # So many that an uneven start, of some tenths of a second of CPU, does not matter.
    full = {64: (32, 1632), 256: (32, 832), 1024: (32, 332), 4096: (32, 112), 16_384: (16, 48)}
    for size_kb, counts in bench.choose(full, {64: (8, 208), 1024: (8, 58)}).items():
        behaviour = Behaviour(latency_s=_LATENCY_S, image_bytes=size_kb * _KB)
        for client in _CLIENTS:
            for rows in counts:
                work = Workload(rows, _IN_FLIGHT, size_kb * _KB, behaviour=behaviour)
                yield bench.run(f'{size_kb:,} KB', client, work)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    cases = cases_of(runs)
    costs = {(case, client): cpu_per_image_s(runs, case, client) for case in cases for client in _CLIENTS}
    peaks = {key: max(run.peak_mb for run in pick(runs, *key)) for key in costs}
    rows = [
        [
            case,
            *(f'{1000 * Spread.of(costs[case, client]).median:.1f}' for client in _CLIENTS),
            ratios(costs[case, JOB], costs[case, BARE]),
            *(f'{peaks[case, client]:.0f}' for client in _CLIENTS),
        ]
        for case in cases
    ]
    lines = {
        client: [(_size_kb(case), 1000 * Spread.of(costs[case, client]).median) for case in cases]
        for client in _CLIENTS
    }
    smallest, largest = cases[0], cases[-1]
    more_mb = peaks[largest, JOB] - peaks[smallest, JOB]
    per_call_mb = more_mb / _IN_FLIGHT / ((_size_kb(largest) - _size_kb(smallest)) / _KB)
    return Section(
        title='Size of the images',
        text=f'Pictures of the same size in and out, {_IN_FLIGHT} calls in flight, {_LATENCY_S} s each. CPU as above; '
        'the peak is that of the process.',
        table=write_table(
            ['in and out', 'CPU ms, job', 'CPU ms, bare', 'job / bare', 'peak MB, job', 'peak MB, bare'], rows
        ),
        advice=(
            f'**How much memory for large images?** {peaks[smallest, JOB]:.0f} MB with pictures of {smallest}; for '
            f'each MB that they are larger, {per_call_mb:.1f} MB more for each call in flight.',
        ),
        charts=(Chart('sizes', 'CPU of an image by its size', 'KB in and out', 'CPU ms an image', lines, True),),
    )


def _size_kb(case: str) -> int:
    return int(case.removesuffix(' KB').replace(',', ''))
