"""Start and finish: from the command to the first call, from the last answer to the end, and a rerun."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, clients_of, pick
from benchmarks.figures.rows import make_workload
from benchmarks.runs import BARE, GENAI_SDK, JOB, RUN_INFERENCE, Run
from benchmarks.sections import Section, write_table

_RERUN = 'again'


def measure(bench: Bench) -> Iterator[Run]:
    """Runs a few rows several times, many once, and the many again."""
    few, many = bench.choose((16, 10_000), (4, 100))
    yield from bench.alternate(
        f'{few:,} rows', (JOB, BARE, GENAI_SDK, RUN_INFERENCE), make_workload(few), bench.choose(3, 1)
    )
    yield bench.run(f'{many:,} rows', JOB, make_workload(many))
    for _ in range(bench.choose(2, 1)):
        yield bench.run(f'{many:,} rows, {_RERUN}', JOB, make_workload(many), is_rerun=True)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    cases = cases_of(runs)
    rows = [[case, client, *_show(pick(runs, case, client))] for case in cases for client in clients_of(runs, case)]
    again = pick(runs, cases[-1], JOB)
    seconds = Spread.of(run.wall_s for run in again).median
    return Section(
        title='Start and finish',
        text='Tiny pictures, against a server that answers at once. The first call comes after imports, the graph and '
        'the counting of rows; after the last answer the manifest is written. A rerun of a finished job asks the '
        'ledger about each row, and makes no call.',
        table=write_table(
            ['work', 'client', 'to the first call, s', 'from the last answer, s', 'in all, s', 'CPU s', 'calls'], rows
        ),
        advice=(
            f'**What does a rerun take?** {seconds:.0f} s for {again[0].rows:,} rows that are all done, and '
            f'{sum(run.calls for run in again)} calls. So run the same command again whenever in doubt.',
        ),
    )


def _show(runs: Sequence[Run]) -> list[str]:
    names = ('first_call_s', 'finish_s', 'wall_s', 'cpu_s')
    shown = [f'{Spread.of(getattr(run, name) for run in runs).median:.2f}' for name in names]
    if not runs[0].calls:
        shown[:2] = ['', '']
    return [*shown, f'{runs[0].calls:,}']
