"""Answers that every further call would get as well: no key, no credit, no such model. They stop the job for now."""

import json
from contextlib import closing

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.samples import Sample
from tests.conftest import KEY
from tests.fault_cases import DOUBTFUL, FATAL, Ending, each_case
from tests.fault_jobs import Job


@pytest.fixture(scope='module')
def emulator():
    with Emulator(pixels='32x32') as running:
        yield running


@pytest.fixture
def make_job(tmp_path, emulator):
    """Makes a job whose emulator has forgotten the calls before."""
    emulator.reset()
    yield lambda api_format: Job(api_format, tmp_path, emulator)
    emulator.set_faults([])


@each_case(lambda case: case.kind is FATAL)
def test_fatal_answer_stops_what_comes_after_it(make_job, api_format, case):
    """Without Beam, so that it is known which row comes after which."""
    job = make_job(api_format)
    numbers = [job.add(), job.add(case.rule), job.add()]
    job.emulator.set_faults(job.rules)
    assert submit_in_turn(job, numbers, 'first') == ['edited', 'failed', 'stopped']
    assert job.emulator.count == 2
    job.emulator.set_faults([])
    assert submit_in_turn(job, numbers, 'second') == ['edited'] * 3
    assert job.emulator.count == 4


@each_case(lambda case: case.kind is DOUBTFUL)
def test_answer_of_a_proxy_is_one_rows_until_three_rows_get_it_in_a_row(make_job, api_format, case):
    job = make_job(api_format)
    good, bad = (lambda: job.add()), (lambda: job.add(case.rule))
    numbers = [bad(), bad(), good(), bad(), bad(), good(), bad(), bad(), bad(), good()]
    job.emulator.set_faults(job.rules)
    ends = submit_in_turn(job, numbers, 'first')
    assert ends == ['failed', 'failed', 'edited', 'failed', 'failed', 'edited', 'failed', 'failed', 'failed', 'stopped']


def submit_in_turn(job, numbers, run_id):
    return submit_rows(job, [job.row(number) for number in numbers], run_id)


def submit_rows(job, rows, run_id):
    place = str(job.folder / 'out')
    config = EditorConfig(job.api_format, place, base_url=job.emulator.url, run_id=run_id, max_in_flight=1)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('DF_API_KEY', KEY)
        editor = Editor(config)
    with closing(editor):
        samples = [Sample(json.dumps(row), folder=str(job.folder)) for row in rows]
        return [editor.submit(sample).result(timeout=30).status for sample in samples]


@pytest.mark.parametrize(
    ('api_format', 'fault'),
    [
        ('gemini', 'billing'),
        ('gemini', 'daily_quota'),
        ('openai', 'billing'),
        ('openai', 'model_gone'),
        ('openai', 'org_not_verified'),
    ],
)
def test_fatal_answer_ends_the_job_with_1(make_job, api_format, fault):
    job = make_job(api_format)
    numbers = [job.add({'fault': fault}), *(job.add() for _ in range(8))]
    job.emulator.set_faults(job.rules)
    run = job.run(numbers, '--max_in_flight=1', '--batch_size=1')
    [hit, *others] = [run.ending(number) for number in numbers]
    assert run.code == 1
    assert hit == Ending('failed', 1)
    assert set(others) <= {Ending('edited', 1), Ending('stopped', 0)}
    assert others[-1] == Ending('stopped', 0)


def test_address_that_a_server_does_not_have_fails_only_the_rows_that_go_there(make_job):
    job = make_job('openai')
    variations = [{'images': 'a.png', 'use_variations': True, 'variant': str(number)} for number in range(4)]
    rows = [*variations, job.row(job.add()), job.row(job.add())]
    # In the API's own words, and yet about one address; variations have no prompt.
    job.emulator.set_faults([{'fault': 'model_gone', 'match': {'call': [1, 4]}, 'times': None}])
    assert submit_rows(job, rows, 'first') == ['failed'] * 4 + ['edited'] * 2


def test_pages_for_some_rows_do_not_stop_the_others_that_take_longer(make_job):
    job = make_job('openai')
    page = {'fault': 'status', 'status': 403, 'body': 'html'}
    numbers = [job.add(page if number % 4 == 0 else {'fault': 'slow', 'seconds': 0.5}) for number in range(24)]
    job.emulator.set_faults(job.rules)
    run = job.run(numbers, '--max_in_flight=12')
    assert run.code == 3
    assert [run.ending(number).status for number in numbers] == ['failed', 'edited', 'edited', 'edited'] * 6
