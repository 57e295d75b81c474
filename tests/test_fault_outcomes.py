"""Every fault of the emulator, in whole jobs: how its row ends, what that costs, and that no other row notices.

The table says for each fault how a row ends that meets it once, and one that meets it with every call. All that do not
stop a job are met in one run per format, each by rows of its own, with untouched rows between them.
"""

import json
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from PIL import Image

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.pipeline.emulator.faults import FAULTS
from beam_image_edit.pipeline.emulator.gemini import Gemini
from beam_image_edit.pipeline.emulator.openai import OpenAi
from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.samples import Sample

APIS = {'gemini': Gemini, 'openai': OpenAi}
KEY = 'key-for-tests-4711'
OF_THE_CONNECTION = {'reset', 'hang', 'slow', 'truncated', 'malformed'}


@dataclass(frozen=True)
class Ending:
    """How a row ends: its status, the calls made for it, and those sent though the one before may have been billed."""

    status: str
    calls: int
    doubled: int = 0


@dataclass(frozen=True)
class Kind:
    """How a fault ends a row that meets it once, and one that meets it always."""

    once: Ending
    always: Ending


CLEAN = Kind(Ending('edited', 2), Ending('failed', 5))
LOST = Kind(Ending('edited', 2, 1), Ending('in_doubt', 2, 1))
BROKEN = Kind(Ending('edited', 2, 1), Ending('failed', 2, 1))
WORDS = Kind(Ending('edited', 2), Ending('no_image', 2))
REFUSED = Kind(Ending('refused', 1), Ending('refused', 1))
PERMANENT = Kind(Ending('failed', 1), Ending('failed', 1))
HARMLESS = Kind(Ending('edited', 1), Ending('edited', 1))
FATAL = Kind(Ending('failed', 1), Ending('failed', 1))


@dataclass(frozen=True, eq=False)
class Case:
    """A fault and what it comes to; a patient one needs calls that wait no longer than seconds."""

    kind: Kind
    rule: dict[str, Any]
    is_patient: bool = False

    def __str__(self):
        return '-'.join(str(value)[:40] for value in self.rule.values()).replace(' ', '_')


# With the API's own error inside, and without: then it is a proxy that speaks, which may have lost a good answer.
OWN_BODIES, OTHER_BODIES = ('real', 'list', 'litellm'), ('html', 'fastapi', 'empty')
STATUSES = {
    **dict.fromkeys((400, 413, 422), PERMANENT),
    **dict.fromkeys((401, 402, 403, 404), FATAL),
    451: REFUSED,
    **dict.fromkeys((408, 409, 425, 429, 499, 500, 502, 503, 529), CLEAN),
    **dict.fromkeys((504, 520, 524), LOST),
}


def kind_of(status, body):
    """How a status ends with such a body: a page or nothing says that a proxy wrote it, whatever the status."""
    kind = STATUSES[status]
    if kind is LOST and body in OWN_BODIES:
        return CLEAN
    return LOST if status >= 500 and body in ('html', 'empty') else kind


def case(kind, fault, is_patient=False, **arguments):
    return Case(kind, {'fault': fault, **arguments}, is_patient)


BOTH = [
    *(
        case(kind_of(status, body), 'status', status=status, body=body)
        for status in STATUSES
        for body in (*OWN_BODIES, *OTHER_BODIES)
    ),
    case(CLEAN, 'status', status=500, when='after_work'),
    case(CLEAN, 'status', status=429, retry_after_s=0),
    case(PERMANENT, 'status', status=404, message='Cannot POST /v1beta/models'),
    case(CLEAN, 'rate_limit', retry_after_s=0),
    case(CLEAN, 'rate_limit', retry_after_s=0, when='after_work'),
    case(CLEAN, 'rate_limit', retry_after_s=0, message='Too many of them. Please retry in 0.1s.'),
    *(
        case(CLEAN, fault, **arguments)
        for fault in ('overloaded', 'internal')
        for arguments in ({}, {'when': 'after_work'}, {'message': 'Come back later.'})
    ),
    case(FATAL, 'daily_quota'),
    case(FATAL, 'daily_quota', message='Quota of images per day is reached.'),
    case(FATAL, 'wrong_key'),
    case(FATAL, 'billing'),
    case(FATAL, 'billing', status=402),
    case(FATAL, 'billing', message='Nothing is left.', status=402),
    case(FATAL, 'model_gone'),
    case(PERMANENT, 'echo_key'),
    case(CLEAN, 'echo_key', status=500),
    case(FATAL, 'echo_key', status=401),
    case(REFUSED, 'refused'),
    case(REFUSED, 'refused', message='This was rejected as a result of our safety system.'),
    case(LOST, 'reset'),
    case(LOST, 'reset', when='after_work'),
    case(LOST, 'hang', is_patient=True),
    case(LOST, 'hang', when='after_work', is_patient=True),
    case(LOST, 'slow', seconds=20, is_patient=True),
    case(HARMLESS, 'slow', seconds=0.1),
    case(LOST, 'truncated'),
    case(LOST, 'malformed'),
    case(WORDS, 'no_image'),
    case(WORDS, 'empty_data'),
    case(HARMLESS, 'several_images'),
    case(HARMLESS, 'several_images', count=3),
    case(BROKEN, 'corrupt_image'),
    case(HARMLESS, 'data_url'),
    case(HARMLESS, 'url'),
]
BLOCKS = ('SAFETY', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_SAFETY', 'MODEL_ARMOR', 'JAILBREAK', 'NEW_ONE')
FINISHES = {
    **dict.fromkeys(('IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'SAFETY', 'RECITATION'), REFUSED),
    **dict.fromkeys(('PROHIBITED_CONTENT', 'BLOCKLIST', 'SPII', 'LANGUAGE', 'ESCALATION', 'MODEL_ARMOR'), REFUSED),
    **dict.fromkeys(('STOP', 'NO_IMAGE', 'IMAGE_OTHER', 'OTHER', 'MALFORMED_RESPONSE', 'NEW_ONE'), WORDS),
    **dict.fromkeys(('MAX_TOKENS', 'MISSING_THOUGHT_SIGNATURE', 'MALFORMED_FUNCTION_CALL', 'CONTINUATION'), PERMANENT),
    **dict.fromkeys(('UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS'), PERMANENT),
    'PUP_LIMITED_DISABLED': FATAL,
}
CREDIT = (
    *('insufficient_quota', 'credit_balance_exhausted', 'organization_spend_limit_exceeded'),
    *('project_spend_limit_exceeded', 'organization_usage_limit_exceeded', 'billing_hard_limit_reached'),
)
CASES = {
    'gemini': [
        *BOTH,
        *(case(REFUSED, 'refused', stage='input', reason=reason) for reason in BLOCKS),
        *(case(kind, 'refused', stage='output', reason=reason) for reason, kind in FINISHES.items()),
        *(case(kind, 'no_image', reason=reason, text='') for reason, kind in FINISHES.items()),
        case(FATAL, 'billing', status=429),
        case(WORDS, 'thought_only'),
        case(HARMLESS, 'missing_signature'),
    ],
    'openai': [
        *BOTH,
        *(case(REFUSED, 'refused', reason=reason) for reason in ('sexual', 'violence', 'self-harm')),
        *(case(FATAL, 'billing', code=code) for code in CREDIT),
        case(FATAL, 'org_not_verified'),
        case(FATAL, 'org_not_verified', message='The organization must be verified.'),
    ],
}


@dataclass(frozen=True)
class Run:
    """What a run left: its exit code, the manifest's rows and the calls for each by the row's number, the summary."""

    code: int
    rows: dict[int, dict[str, Any]]
    calls: dict[int, list[Any]]
    summary: dict[str, Any]

    def ending(self, number):
        edit = self.rows[number]['edit']
        return Ending(edit['status'], len(self.calls[number]), edit['possibly_double_billed'])

    @property
    def edits(self):
        return [row['edit'] for row in self.rows.values()]


class Job:
    """A folder with rows, an emulator, and what is to happen to the rows there."""

    def __init__(self, api_format, folder, emulator):
        self.api_format = api_format
        self.folder = folder
        self.emulator = emulator
        self.prompts = []
        self.rules = []
        Image.new('RGB', (32, 24), 'orange').save(folder / 'a.png')

    def add(self, rule=None, times=None):
        """Adds a row, and what happens to its calls; gives its number."""
        number = len(self.prompts)
        self.prompts.append(f'Blur it, #{number}.')
        if rule:
            self.rules.append({**rule, 'times': times, 'match': f'#{number}.'})
        return number

    def row(self, number):
        return {'images': 'a.png', 'conversations': [self.prompts[number]]}

    def run(self, numbers, *flags):
        """Runs the job with some of the rows."""
        source, out, seen = self.folder / 'rows.jsonl', self.folder / 'out', self.emulator.count
        source.write_text(''.join(f'{json.dumps(self.row(number))}\n' for number in numbers))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv('DF_API_KEY', KEY)
            environment.setenv('DF_BASE_URL', self.emulator.url)
            code = main([f'--api_format={self.api_format}', f'--input={source}', f'--cache_path={out}', *flags])
        calls = defaultdict(list)
        for call in self.emulator.calls[seen:]:
            calls[call.prompt].append(call)
        manifest = [json.loads(line) for line in (out / 'manifest.jsonl').read_text().splitlines()]
        return Run(
            code,
            rows=dict(zip(numbers, manifest, strict=True)),
            calls={number: calls[self.prompts[number]] for number in numbers},
            summary=json.loads((out / 'summary.json').read_bytes()),
        )


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
    return [case for case in CASES[api_format] if case.kind is not FATAL and case.is_patient is is_patient]


def each_case(is_wanted):
    """Parametrizes a test with the formats and their cases."""
    return pytest.mark.parametrize(
        ('api_format', 'case'),
        [
            pytest.param(api_format, case, id=f'{api_format}-{case}')
            for api_format, cases in CASES.items()
            for case in cases
            if is_wanted(case)
        ],
    )


EACH_MET_CASE = each_case(lambda case: case.kind is not FATAL)
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


def submit_in_turn(job, numbers, run_id):
    config = EditorConfig(job.api_format, str(job.folder / 'out'), base_url=job.emulator.url, run_id=run_id)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('DF_API_KEY', KEY)
        editor = Editor(config)
    with closing(editor):
        samples = [Sample(json.dumps(job.row(number)), folder=str(job.folder)) for number in numbers]
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
