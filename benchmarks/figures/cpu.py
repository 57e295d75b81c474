"""CPU: what an image of 1 MB in and 1.5 MB out takes, start-up taken off."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cases_of, clients_of, cpu_per_image_s, ratios
from benchmarks.runs import BARE, GENAI_SDK, JOB, OPENAI_SDK, REQUEST_RESPONSE, RUN_INFERENCE, TUNED, Run
from benchmarks.sections import Section, at_most, write_table
from benchmarks.server import Behaviour
from benchmarks.workloads import Workload

_MB = 1024 * 1024
_BEAM = (RUN_INFERENCE, REQUEST_RESPONSE)
_CLIENTS = {'gemini': (JOB, BARE, TUNED, GENAI_SDK), 'openai': (JOB, BARE, OPENAI_SDK)}
_TARGET = 0.6


def measure(bench: Bench) -> Iterator[Run]:
    """Runs each client with few rows and with more, in turns."""
    counts = bench.choose((32, 332), (8, 48))
    for _ in range(bench.choose(3, 1)):
        for api_format, clients in _CLIENTS.items():
            for client in clients:
                for rows in counts:
                    yield bench.run(api_format, client, _workload(rows, api_format, latency_s=0.5))
    # With one call in flight the server's time would be all there is to wait for.
    for client in _BEAM:
        for rows in counts:
            yield bench.run('gemini', client, _workload(rows, 'gemini', latency_s=0.0))


def _workload(rows: int, api_format: str, latency_s: float) -> Workload:
    behaviour = Behaviour(latency_s, image_bytes=3 * _MB // 2)
    return Workload(rows, 16, _MB, behaviour=behaviour, api_format=api_format)


def describe(runs: Sequence[Run]) -> Section:
    """What the runs say."""
    costs = {
        (case, client): cpu_per_image_s(runs, case, client)
        for case in cases_of(runs)
        for client in clients_of(runs, case)
    }
    beside = {(case, client): ratios(cost, costs[case, BARE]) for (case, client), cost in costs.items()}
    rows = [[*key, f'{1000 * Spread.of(cost).median:.1f}', beside[key]] for key, cost in costs.items()]
    own = beside['gemini', JOB]
    seconds = Spread.of(costs['gemini', JOB]).median
    return Section(
        title='CPU of an image',
        text='1 MB in, 1.5 MB out, with 16 calls in flight; user and system time of the process and its children, of '
        'many rows less that of few rows, so that the start does not count. All read the picture, call, decode the '
        'answer and write the picture; only the job keeps its promises besides. The tuned client is the bare one with '
        'every copy taken out by hand. RunInference and RequestResponseIO have one call in flight.',
        table=write_table(['API', 'client', 'CPU ms an image', '× bare'], rows),
        verdicts=(at_most('CPU of an image, 1 MB in and 1.5 MB out, × bare', _TARGET, own.median, own),),
        advice=(
            f'**How many cores?** An image of 1 MB in and 1.5 MB out took {1000 * seconds:.0f} ms of CPU here: a core '
            f'is busy at {1 / seconds:.0f} images a second, far above what most accounts allow.',
        ),
    )
