"""The same rows on every engine: the same manifest, the same calls, and as many of them in flight as was asked for."""

from dataclasses import dataclass

import pytest

from tests.engines.engines import ENGINES
from tests.engines.jobs import Result, run_job
from tests.engines.rows import COUNT, FAULTS

MAX_IN_FLIGHT = 8
FLAGS = ('--api_format=openai', f'--max_in_flight={MAX_IN_FLIGHT}')
PLAIN = 'FnApiRunner in memory'


@dataclass(frozen=True)
class Done:
    """An engine's result, and how many windows of calls it had."""

    result: Result
    editors: int


@pytest.fixture(scope='session')
def run_on(api, source, tmp_path_factory):
    """Runs the rows on an engine, each once."""
    done = {}

    def run(name):
        if name not in done:
            folder = tmp_path_factory.mktemp('engine')
            api.set_faults(FAULTS)
            with ENGINES[name](folder) as engine:
                done[name] = Done(run_job(folder, api, source, *FLAGS, *engine.flags), engine.editors)
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
    wanted = MAX_IN_FLIGHT * done.editors
    share = done.result.in_flight / wanted
    record_property('share of --max_in_flight in flight', f'{share:.0%} of {wanted}')
    assert share >= 0.9
