"""The same rows on every engine: the same manifest, the same calls, and as many of them in flight as was asked for."""

from dataclasses import dataclass

import pytest

from tests.engines.engines import ENGINES
from tests.engines.jobs import Result, mean_in_flight, mean_of_fullest, run_job
from tests.engines.rows import COUNT, FAULTS, write_plain_rows

PLAIN = 'FnApiRunner in memory'
MAX_IN_FLIGHT = 4


@dataclass(frozen=True)
class Done:
    """What an engine has done.

    Attributes:
        result: of the rows of all kinds.
        in_flight: of all calls that could be in flight in the middle of a job, how many were: a share.
        fullest: the same, at the fullest moment of each call.
    """

    result: Result
    in_flight: float
    fullest: float


@pytest.fixture(scope='session')
def run_on(api, slow_api, source, tmp_path_factory):
    """Brings an engine up for two jobs: the rows of all kinds, and plain ones that cost a slow call each."""
    done = {}

    def run(name):
        if name not in done:
            folder = tmp_path_factory.mktemp('engine')
            plain_rows = write_plain_rows(folder, 10 * MAX_IN_FLIGHT, files=2)
            api.set_faults(FAULTS)
            with ENGINES[name](folder) as engine:
                result = run_job(folder / 'all', api, source, '--api_format=openai', *engine.flags)
                run_job(folder / 'plain', slow_api, plain_rows, f'--max_in_flight={MAX_IN_FLIGHT}', *engine.flags)
            wanted = MAX_IN_FLIGHT * engine.editors
            done[name] = Done(result, mean_in_flight(slow_api.calls) / wanted, mean_of_fullest(slow_api.calls) / wanted)
        return done[name]

    return run


@pytest.fixture(params=ENGINES)
def done(request, run_on):
    return run_on(request.param)


def test_rows_are_of_all_kinds(run_on):
    plain = run_on(PLAIN).result
    assert plain.code == 3
    assert set(plain.summary['rows']) >= {'edited', 'refused', 'invalid_input', 'failed'}
    assert len(plain.rows) == COUNT
    assert 0.5 * COUNT < plain.summary['rows']['edited'] < COUNT


def test_engine_makes_the_same_manifest(done, run_on):
    assert done.result.rows == run_on(PLAIN).result.rows


def test_engine_makes_the_same_calls(done, run_on):
    assert done.result.calls == run_on(PLAIN).result.calls
    assert sum(done.result.calls.values()) == done.result.summary['calls']


def test_engine_gives_the_same_figures(done, run_on):
    plain = run_on(PLAIN).result
    assert (done.result.code, done.result.summary) == (plain.code, plain.summary)


def test_engine_keeps_the_windows_full(done, record_property):
    record_property('share of --max_in_flight in flight', f'{done.in_flight:.0%}')
    assert done.fullest >= 0.9
