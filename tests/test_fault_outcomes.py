"""Every fault of the emulator, in whole jobs: how its row ends, what that costs, and that no other row notices.

All faults that do not stop a job are met in one run per format, each by rows of its own, once and with every call, with
untouched rows between them. Those that stop it are in `test_fatal_faults`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.pipeline.emulator.faults import FAULTS
from beam_image_edit.pipeline.emulator.gemini import Gemini
from beam_image_edit.pipeline.emulator.openai import OpenAi
from tests.fault_cases import CASES, DOUBTFUL, FATAL, Case, Ending, each_case
from tests.fault_jobs import Job, Run

APIS = {'gemini': Gemini, 'openai': OpenAi}
OF_THE_CONNECTION = {'reset', 'hang', 'slow', 'truncated', 'malformed'}


@pytest.fixture(scope='module')
def emulator():
    with Emulator(pixels='32x32') as running:
        yield running


@dataclass(frozen=True)
class Met:
    """A run in which all cases were met, once and always, and another one after the faults were over."""

    job: Job
    once: dict[Case, int]
    always: dict[Case, int]
    untouched: list[int]
    first: Run
    again: Run


@pytest.fixture(scope='module')
def meet(tmp_path_factory, emulator):
    """Runs a job with the cases of a format, the patient ones apart from the others; untouched rows are among them."""

    @cache
    def run(api_format, is_patient):
        job = Job(api_format, tmp_path_factory.mktemp(api_format), emulator)
        once, always, untouched = {}, {}, [job.add()]
        for position, case in enumerate(met_cases(api_format, is_patient)):
            once[case], always[case] = job.add(case.rule, 1), job.add(case.rule)
            if position % 8 == 7:
                untouched.append(job.add())
        untouched.append(job.add())
        emulator.set_faults(job.rules)
        first = job.run(range(len(job.prompts)), *(['--read_timeout_s=2'] if is_patient else []))
        emulator.set_faults([])
        again = job.run([*always.values(), *untouched])
        return Met(job, once, always, untouched, first, again)

    return run


def met_cases(api_format, is_patient):
    return [case for case in CASES[api_format] if case.kind not in (FATAL, DOUBTFUL) and case.is_patient is is_patient]


EACH_MET_CASE = each_case(lambda case: case.kind not in (FATAL, DOUBTFUL))
EACH_RUN = pytest.mark.parametrize(
    ('api_format', 'is_patient'),
    [(api_format, is_patient) for api_format in APIS for is_patient in (False, True)],
    ids=['gemini', 'gemini-patient', 'openai', 'openai-patient'],
)
BOTH_FORMATS = pytest.mark.parametrize('api_format', APIS)


@BOTH_FORMATS
def test_table_covers_every_fault_with_every_argument(api_format):
    api = APIS[api_format]
    covered = defaultdict(set)
    for case in CASES[api_format]:
        covered[case.rule['fault']] |= set(case.rule) - {'fault'}
    assert set(covered) == {*api.errors, *api.alterations, *OF_THE_CONNECTION}
    every = {name: covered[name] for name in FAULTS}
    for other in CASES.values():
        for case in other:
            every[case.rule['fault']] |= set(case.rule) - {'fault'}
    assert every == {name: set(arguments) for name, arguments in FAULTS.items()}


@EACH_MET_CASE
def test_row_ends_as_its_fault_says(meet, api_format, case):
    met = meet(api_format, case.is_patient)
    assert met.first.ending(met.once[case]) == case.kind.once
    assert met.first.ending(met.always[case]) == case.kind.always


@EACH_MET_CASE
def test_rerun_takes_up_what_failed_and_leaves_what_was_answered(meet, api_format, case):
    met = meet(api_format, case.is_patient)
    number, before = met.always[case], case.kind.always.status
    is_open = before in ('failed', 'in_doubt')
    assert met.again.rows[number]['edit']['status'] == ('edited' if is_open else before)
    assert len(met.again.calls[number]) == is_open


@EACH_RUN
def test_other_rows_are_edited_with_one_call_each(meet, api_format, is_patient):
    met = meet(api_format, is_patient)
    assert {met.first.ending(number) for number in met.untouched} == {Ending('edited', 1)}
    assert {len(met.again.calls[number]) for number in met.untouched} == {0}


@EACH_RUN
def test_every_line_is_a_row_in_its_place_with_its_own_images(meet, api_format, is_patient):
    met = meet(api_format, is_patient)
    assert (met.first.code, met.again.code) == (3, 0 if is_patient else 3)
    for number, row in met.first.rows.items():
        edit, calls = row['edit'], met.first.calls[number]
        is_edited = edit['status'] == 'edited'
        assert row['conversations'] == [met.job.prompts[number]]
        assert [image['sha256'] for image in edit['images']] == (list(calls[-1].produced) if is_edited else [])
        assert len(row['output_image']) == len(edit['images'])
        assert (edit['error'] is None) == is_edited


@EACH_RUN
def test_summary_adds_up(meet, api_format, is_patient):
    first = meet(api_format, is_patient).first
    assert first.summary['calls'] == sum(map(len, first.calls.values()))
    assert [edit['attempts'] for edit in first.edits] == [len(calls) for calls in first.calls.values()]
    assert first.summary['possibly_double_billed'] == sum(edit['possibly_double_billed'] for edit in first.edits)
    assert first.summary['rows'] == {**first.summary['rows'], **Counter(edit['status'] for edit in first.edits)}
