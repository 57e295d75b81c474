"""Rows: what memory, CPU and time grow by from a thousand rows to a hundred thousand."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, clients_of, pick
from benchmarks.runs import BARE, JOB, Run
from benchmarks.sections import Chart, Section, at_most, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_PICTURE_BYTES = 512
_CLIENTS = (JOB, BARE)
_TARGET_KB = 3


def make_workload(rows: int, workers: int = 1) -> Workload:
    """Rows of 1 KB with tiny pictures, against a server that takes no time."""
    behaviour = Behaviour(image_bytes=_PICTURE_BYTES)
    return Workload(rows, 64, _PICTURE_BYTES, workers=workers, pictures=100, behaviour=behaviour)


def measure(bench: Bench) -> Iterator[Run]:
    """Runs both with more and more rows."""
    # Rows, repeats, and who: the bare client's line is known by its first two points.
    full = [(1000, 3, _CLIENTS), (10_000, 1, _CLIENTS), (100_000, 1, (JOB,))]
    for rows, repeats, clients in bench.choose(full, [(100, 1, _CLIENTS), (1000, 1, _CLIENTS), (2000, 1, (JOB,))]):
        yield from bench.alternate(f'{rows:,}', clients, make_workload(rows), repeats)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    cases = cases_of(runs)
    rows = [[case, client, *_show(pick(runs, case, client))] for case in cases for client in clients_of(runs, case)]
    growth_kb = _growth_kb(runs, JOB)
    lines = {
        client: [(_count(case), _peak_mb(runs, case, client)) for case in _cases_with(runs, client)]
        for client in _CLIENTS
    }
    return Section(
        title='Number of rows',
        text='Rows of 1 KB with pictures of 512 bytes, 64 calls in flight, against a server that answers at once: what '
        'a row takes besides its images. The peak is that of the process. From the smallest to the largest number of '
        f'rows it grows by {growth_kb:.2f} KB a row; the bare client, which holds every row in memory, grows by '
        f'{_growth_kb(runs, BARE):.2f} KB.',
        table=write_table(['rows', 'client', 'peak MB', 'CPU ms a row', 'seconds in all', 'ms a row in all'], rows),
        verdicts=(at_most('memory for each row of 1 KB', _TARGET_KB, growth_kb, f'{growth_kb:.2f} KB', ' KB'),),
        advice=(
            f'**How much memory for many rows?** {_peak_mb(runs, cases[0], JOB):.0f} MB, and '
            f'{max(0.1, growth_kb):.1f} MB more for every thousand rows of 1 KB.',
        ),
        charts=(Chart('rows', 'Peak memory by the number of rows', 'rows', 'MB', lines),),
    )


def _show(runs: Sequence[Run]) -> list[str]:
    middle = {
        name: Spread.of(getattr(run, name) for run in runs).median for name in ('peak_mb', 'cpu_s', 'wall_s', 'rows')
    }
    cpu_ms, wall_ms = 1000 * middle['cpu_s'] / middle['rows'], 1000 * middle['wall_s'] / middle['rows']
    return [f'{middle["peak_mb"]:.0f}', f'{cpu_ms:.2f}', f'{middle["wall_s"]:.1f}', f'{wall_ms:.2f}']


def _peak_mb(runs: Sequence[Run], case: str, client: str) -> float:
    return Spread.of(run.peak_mb for run in pick(runs, case, client)).median


def _cases_with(runs: Sequence[Run], client: str) -> list[str]:
    return cases_of(run for run in runs if run.client == client)


def _growth_kb(runs: Sequence[Run], client: str) -> float:
    few, *_, many = _cases_with(runs, client)
    grown_mb = _peak_mb(runs, many, client) - _peak_mb(runs, few, client)
    return 1024 * grown_mb / (_count(many) - _count(few))


def _count(case: str) -> int:
    return int(case.replace(',', ''))
