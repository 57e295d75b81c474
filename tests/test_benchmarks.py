"""The benchmarks: what they count and say, tried on a handful of rows."""

import doctest
import json
import zlib
from dataclasses import replace
from importlib import import_module
from io import BytesIO

import pytest
import requests
from PIL import Image

from benchmarks.bench import Bench
from benchmarks.comparisons import Spread, cpu_per_image_s
from benchmarks.figures import NAMES, load_figure
from benchmarks.pictures import make_png
from benchmarks.report import Result, compose, load_results
from benchmarks.runs import (
    BARE,
    JOB,
    Run,
    fetch_calls,
    greedy_span_s,
    most_at_a_time,
    run_client,
    run_server,
    used_share,
)
from benchmarks.sections import at_most
from benchmarks.server import Behaviour, Call
from benchmarks.workloads import ROW_BYTES, Workload

RUN = Run(
    case='64',
    client=JOB,
    rows=100,
    span_s=2.0,
    wall_s=5.0,
    first_call_s=2.0,
    finish_s=1.0,
    cpu_s=3.0,
    peak_mb=200.0,
    calls=100,
    refused=0,
    lost=0,
    used=1.0,
    greedy_s=1.9,
    most_in_flight=64,
)
PATHS = ['/v1beta/models/any:generateContent', '/v1/images/edits']


@pytest.mark.parametrize('size_bytes', [512, 4096, 65_536, 1_572_864])
def test_picture_is_whole_and_as_long_as_asked_for(size_bytes):
    picture = make_png(size_bytes, 3)
    assert len(picture) == size_bytes
    Image.open(BytesIO(picture)).load()
    assert picture != make_png(size_bytes, 4)


@pytest.mark.parametrize('path', PATHS)
def test_server_answers_and_remembers(path):
    with run_server({'latency_s': 0.05, 'image_bytes': 512}) as url:
        answer = requests.post(url + path, data=b'x' * 300_000, timeout=10).json()
        (call,) = fetch_calls(url)
    assert 'candidates' in answer or 'data' in answer
    assert call.status == 200
    assert 0.05 <= call.end_s - call.start_s < 5


def test_server_turns_calls_away_above_the_quota_and_says_how_long():
    with run_server({'quota': [1, 60.0], 'says_wait': True, 'image_bytes': 512}) as url, requests.Session() as session:
        first, second = (session.post(url + PATHS[0], data=b'{}', timeout=10) for _ in range(2))
        calls = fetch_calls(url)
    assert [first.status_code, second.status_code] == [200, 429]
    assert second.json()['error']['details'][0]['retryDelay'].endswith('s')
    assert [call.status for call in calls] == [200, 429]


def test_rows_are_of_one_kilobyte(tmp_path):
    path = Workload(20, 1, 512, pictures=3).write_rows(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert {len(line) for line in lines} == {ROW_BYTES}
    assert len({json.loads(line)['images'] for line in lines}) == 3
    assert len(zlib.compress(b''.join(lines))) > 0.3 * ROW_BYTES * len(lines)


@pytest.mark.parametrize('api_format', ['gemini', 'openai'])
def test_client_edits_every_row(tmp_path, api_format):
    work = Workload(6, 3, 4096, behaviour=Behaviour(0.05, image_bytes=4096), api_format=api_format)
    run = run_client('few', BARE, work, tmp_path, tmp_path / 'output')
    assert (run.calls, run.refused, run.lost) == (6, 0, 0)
    assert run.most_in_flight <= 3
    assert run.greedy_s == pytest.approx(0.1)
    assert 0.1 <= run.span_s < run.wall_s
    assert run.cpu_s > 0
    assert run.peak_mb > 10


def test_rows_that_a_client_loses_are_counted(tmp_path):
    work = Workload(3, 1, 512, behaviour=Behaviour(image_bytes=512, quota=(1, 60.0)))
    run = run_client('few', BARE, work, tmp_path, tmp_path / 'output')
    assert (run.calls, run.refused, run.lost) == (1, 2, 2)


def test_job_edits_every_row_and_a_rerun_makes_no_call(tmp_path):
    bench = Bench(tmp_path, is_quick=True)
    work = Workload(6, 2, 512, behaviour=Behaviour(image_bytes=512))
    first = bench.run('first', JOB, work)
    assert (first.calls, first.lost) == (6, 0)
    again = bench.run('again', JOB, work, is_rerun=True)
    assert (again.calls, again.lost, again.span_s) == (0, 0, 0)


def test_client_that_fails_is_told_of(tmp_path):
    work = Workload(1, 1, 512, job_flags=('--no_such_flag',))
    with pytest.raises(RuntimeError, match='no_such_flag'):
        run_client('bad', JOB, work, tmp_path, tmp_path / 'output')


@pytest.mark.parametrize(
    ('places', 'span_s'), [(1, 9.0), (2, 6.0), (3, 5.0), (9, 5.0)], ids=['in turn', 'two', 'three', 'all at once']
)
def test_greedy_span(places, span_s):
    assert greedy_span_s([1, 1, 5, 1, 1], places) == span_s


def test_used_share_of_a_quota_and_of_a_cap():
    quota = Workload(9, 9, behaviour=Behaviour(quota=(2, 1.0)))
    evenly = [Call(number / 2, number / 2 + 1, 200, 1.0) for number in range(41)]
    assert used_share(evenly, quota) == pytest.approx(1.0)
    assert used_share(evenly[::2], quota) == pytest.approx(0.5)
    assert used_share([evenly[0], *evenly[22:]], quota) == pytest.approx(0.5, abs=0.03)  # idle for half of the time
    assert used_share(evenly[:1] * 50 + evenly[1:], quota) == pytest.approx(1.0)  # a burst at first does not count
    assert used_share(evenly, Workload(9, 9, behaviour=Behaviour(at_a_time=4))) == pytest.approx(0.5, abs=0.02)
    assert most_at_a_time(evenly) == 2


def test_cpu_of_an_image_has_the_start_taken_off():
    runs = [replace(RUN, rows=rows, cpu_s=2 + rows * 0.01) for rows in (10, 110, 10, 110)]
    assert cpu_per_image_s(runs, '64', JOB) == pytest.approx([0.01, 0.01])


@pytest.mark.parametrize(('measured', 'is_met'), [(1.05, True), (1.06, False)])
def test_target_is_met_up_to_its_bound(measured, is_met):
    assert at_most('time', 1.05, measured, Spread.of([measured])).is_met is is_met


@pytest.mark.parametrize('module', ['comparisons', 'pictures', 'runs', 'sections'])
def test_examples_in_docstrings_hold(module):
    told = doctest.testmod(import_module(f'benchmarks.{module}'))
    assert told.attempted
    assert not told.failed


@pytest.mark.parametrize('name', NAMES)
def test_every_figure_explains_itself(name):
    figure = load_figure(name)
    assert figure.__doc__
    assert callable(figure.measure)


def test_document_is_made_from_what_was_kept(tmp_path):
    runs = [RUN, replace(RUN, client=BARE, span_s=1.0)]
    Result.of('throughput', runs, is_quick=True).save(tmp_path)
    (result,) = load_results(tmp_path)
    assert result.runs == runs
    text = compose([result], {'throughput': load_figure('throughput').describe(result.runs)})
    assert '| time of job with 64 in flight, × bare | ≤ 1.05 | 2.00 | **missed** |' in text
    assert 'too few rows to judge by' in text


def test_document_says_what_was_measured_where():
    result = Result.of('throughput', [RUN, replace(RUN, client=BARE, span_s=1.0)], is_quick=False)
    sections = {'throughput': load_figure('throughput').describe(result.runs)}
    sections |= {name: replace(sections['throughput'], title=name) for name in ('stragglers', 'quotas')}
    here = [result, replace(result, name='quotas')]
    assert compose(here, sections).count('Measured on ') == 1
    text = compose([*here, replace(result, name='stragglers', versions='Python 2')], sections)
    assert f'- **Time, quotas** on {result.date}: ' in text
    assert f'- **stragglers** on {result.date}: {result.machine}; Python 2.\n\n' in text
    assert 'Measured on ' not in text
