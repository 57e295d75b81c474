"""Records, on which every rerun rests: read as they were written, by this version, an earlier or a later one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.outcomes import STATUSES
from beam_image_edit.transforms.records import Attempt, Record, StoredImage, count_double_billed
from beam_image_edit.transforms.usage import Usage

IMAGE = StoredImage('sample_0/sample_0_0.png', 3, 'ab' * 32, 640, 480, 'image/png')
RECORD = Record(
    key='0f' * 32,
    status='edited',
    error=None,
    name='sample_0',
    run_id='run',
    api_format='gemini',
    model='a-model',
    images=(IMAGE,),
    parts=({'text': 'Here it is \ud83d'}, {'image': 0, 'thoughtSignature': 'c2ln'}),
    usage=Usage(input=10, output=1290, total=1300),
    attempts=(Attempt(1, 'earlier', 'maybe', 'timed out'), Attempt(2, 'run', 'yes')),
    latency_s=1.5,
)
TEXT = st.text(st.characters(exclude_categories=()))
MAYBE_TEXT = st.none() | TEXT
USAGE = st.builds(Usage, *[st.none() | st.integers(0)] * 4)
RECORDS = st.builds(
    Record,
    key=TEXT,
    status=st.sampled_from(STATUSES),
    error=MAYBE_TEXT,
    name=TEXT,
    run_id=TEXT,
    api_format=TEXT,
    model=TEXT,
    images=st.lists(st.builds(StoredImage), max_size=2).map(tuple),
    parts=st.lists(st.dictionaries(TEXT, TEXT | st.integers()), max_size=3).map(tuple),
    usage=USAGE,
    attempts=st.lists(st.builds(Attempt), max_size=3).map(tuple),
    request_id=MAYBE_TEXT,
    model_version=MAYBE_TEXT,
    finish_reason=MAYBE_TEXT,
    latency_s=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@given(RECORDS)
def test_json_round_trip(record):
    assert Record.from_json(record.to_json()) == record


def test_members_of_a_later_version_are_left_out():
    fields = json.loads(RECORD.to_json())
    fields |= {'cost_usd': 0.04, 'usage': {**fields['usage'], 'cached': 5}}
    fields['images'][0]['colours'] = 'many'
    fields['attempts'][0]['began_at'] = 5
    assert Record.from_json(json.dumps(fields).encode()) == RECORD


def test_members_that_an_earlier_version_did_not_write_have_their_defaults():
    fields = json.loads(RECORD.to_json())
    del fields['latency_s']
    assert Record.from_json(json.dumps(fields).encode()) == replace(RECORD, latency_s=None)


@given(st.integers(0, len(RECORD.to_json()) - 1))
def test_cut_off_files_are_refused(length):
    with pytest.raises(ValueError):
        Record.from_json(RECORD.to_json()[:length])


@pytest.mark.parametrize(
    'changes',
    [{'status': None}, {'status': 'fine'}, {'images': [5]}, {'images': None}, {'usage': []}, {'attempts': {'a': 1}}],
    ids=str,
)
def test_wrong_members_are_refused(changes):
    with pytest.raises(ValueError, match='not a'):
        Record.from_json(json.dumps({**json.loads(RECORD.to_json()), **changes}).encode())


@pytest.mark.parametrize('content', [b'', b'null', b'[]', b'{}', b'\xff', b'\0' * 50, b'[' * 100_000], ids=repr)
def test_what_is_no_record_is_refused(content):
    with pytest.raises(ValueError):
        Record.from_json(content)


@pytest.mark.parametrize(
    ('attempts', 'run_id', 'expected'),
    [
        ([], None, 0),
        ([('a', 'yes')], None, 0),
        ([('a', 'maybe')], None, 0),
        ([('a', 'no'), ('a', 'yes')], None, 0),
        ([('a', 'maybe'), ('a', 'yes')], None, 1),
        ([('a', 'maybe'), ('b', 'maybe'), ('b', 'no')], None, 1),
        ([('a', 'maybe'), ('b', 'maybe'), ('b', 'no')], 'b', 1),
        ([('a', 'maybe'), ('a', 'maybe'), ('b', 'no')], 'b', 0),
        ([('a', 'maybe'), ('a', 'yes')], 'b', 0),
    ],
)
def test_count_double_billed(attempts, run_id, expected):
    made = tuple(Attempt(number, run, billed) for number, (run, billed) in enumerate(attempts, 1))
    assert count_double_billed(made, run_id) == expected
