"""The `edit` field, which is all that a reader of the manifest learns of a row: what it cost, and why it failed.

It is made of pictures and records alone, so a rerun must make the same, byte by byte.
"""

from dataclasses import replace

import pytest

from beam_image_edit.transforms.edit_fields import make_outcome
from beam_image_edit.transforms.input_pictures import InputPicture
from beam_image_edit.transforms.manifest import EDIT_SCHEMA, blank_edit
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.pictures import PictureInfo
from beam_image_edit.transforms.records import Attempt, Record, StoredImage
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage
from beam_image_edit.transforms.usage import Usage

SAMPLE = Sample('{"id": 7}', index=3, line=4, name='sample_7')
FIRST = Record(
    key='0a' * 32,
    status='edited',
    error=None,
    name='sample_7',
    run_id='run',
    api_format='gemini',
    model='a-model',
    images=(
        StoredImage('sample_7/sample_7_0.png', 10, 'aa' * 32, 640, 480, 'image/png'),
        StoredImage('sample_7/sample_7_1.jpg', 20, 'bb' * 32, 64, 48, 'image/jpeg'),
    ),
    usage=Usage(input=100, output=1000, thinking=50, total=1150),
    attempts=(
        Attempt(1, 'earlier', 'maybe', 'timed out'),
        Attempt(2, 'run', 'no', 'HTTP 503'),
        Attempt(3, 'run', 'yes'),
    ),
    request_id='req-1',
    model_version='a-model-001',
    finish_reason='STOP',
    latency_s=1.25,
)
REFUSED = replace(
    FIRST,
    key='1b' * 32,
    status='refused',
    error='I can not draw that.',
    images=(),
    usage=Usage(input=200),
    attempts=(Attempt(1, 'run', 'no', 'I can not draw that.'),),
    request_id=None,
    finish_reason='SAFETY',
    latency_s=0.0005,
)
SHAPE = {'aspect_ratio': 1.3333, 'aspect_drift': -0.1111}
SOURCE = {'sha256': 'cc' * 32, 'bytes': 30, 'width': 6, 'height': 4, 'mime': 'image/gif'}
PICTURE = InputPicture('dd' * 32, 40, PictureInfo('PNG', 'image/png', 'png', 6, 4), 'GIF to PNG', SOURCE, lambda: None)


def outcome_of(records, status='edited', error=None, **rest):
    return make_outcome(
        SAMPLE, status, error, name='sample_7', records=records, storage=Storage('out'), **{'run_id': 'run', **rest}
    )


def test_a_row_that_nothing_was_sent_for():
    assert make_outcome(SAMPLE, 'invalid_input', 'line 4: no images') == Outcome(
        text='{"id": 7}',
        index=3,
        name='sample_7',
        output_image=(),
        edit=blank_edit('invalid_input', 'line 4: no images'),
        spent={
            'calls': 0,
            'possibly_double_billed': 0,
            'unpriced_calls': 0,
            'input_tokens': 0,
            'output_tokens': 0,
            'unpriced_calls_of_all_rows': 0,
        },
    )


def test_every_member_is_there_in_its_order():
    names = [member.name for member in EDIT_SCHEMA]
    for outcome in (make_outcome(SAMPLE, 'stopped', 'not sent'), outcome_of([(0, FIRST), (1, REFUSED)])):
        assert list(outcome.edit) == names


def test_an_edited_row():
    outcome = outcome_of(
        [(0, FIRST)], pictures=[replace(PICTURE, conversion=None, place='image 0'), replace(PICTURE, place='image 1')]
    )
    assert outcome.output_image == ('out/sample_7/sample_7_0.png', 'out/sample_7/sample_7_1.jpg')
    assert outcome.edit == blank_edit(
        'edited',
        api_format='gemini',
        model='a-model',
        model_version='a-model-001',
        request_keys=['0a' * 32],
        request_ids=['req-1'],
        attempts=3,
        possibly_double_billed=1,
        tokens={'input': 100, 'output': 1000, 'thinking': 50, 'total': 1150},
        latency_s=1.25,
        finish_reason='STOP',
        conversions=['image 1: GIF to PNG'],
        images=[
            {'sha256': 'aa' * 32, 'bytes': 10, 'width': 640, 'height': 480, 'mime': 'image/png', 'turn': 0, **SHAPE},
            {'sha256': 'bb' * 32, 'bytes': 20, 'width': 64, 'height': 48, 'mime': 'image/jpeg', 'turn': 0, **SHAPE},
        ],
        sources=[{'place': place, **SOURCE, 'aspect_ratio': 1.5} for place in ('image 0', 'image 1')],
    )


def test_a_turn_that_fails_keeps_what_the_earlier_ones_brought():
    outcome = outcome_of([(0, FIRST), (1, REFUSED)], 'refused', REFUSED.error)
    assert len(outcome.output_image) == 2
    assert [image['turn'] for image in outcome.edit['images']] == [0, 0]
    expected = {
        'status': 'refused',
        'error': 'I can not draw that.',
        'refusal': 'I can not draw that.',
        'request_keys': ['0a' * 32, '1b' * 32],
        'request_ids': ['req-1'],
        'attempts': 4,
        'tokens': {'input': 300, 'output': 1000, 'thinking': 50, 'total': 1150},
        'latency_s': 1.25,
        'finish_reason': 'SAFETY',
    }
    assert {name: outcome.edit[name] for name in expected} == expected


def test_images_tell_their_turn():
    second = replace(FIRST, images=(replace(FIRST.images[0], path='sample_7/sample_7_2.png'),))
    outcome = outcome_of([(0, FIRST), (1, second)])
    assert [image['turn'] for image in outcome.edit['images']] == [0, 0, 1]
    assert outcome.output_image[-1] == 'out/sample_7/sample_7_2.png'


def test_what_is_not_known_stays_unknown():
    outcome = outcome_of([(0, replace(FIRST, usage=Usage(), latency_s=None, request_id=None))])
    assert outcome.edit['tokens'] == {'input': None, 'output': None, 'thinking': None, 'total': None}
    assert outcome.edit['latency_s'] is None
    assert outcome.edit['request_ids'] == []


@pytest.mark.parametrize('status', ['failed', 'no_image', 'in_doubt'])
def test_only_a_refusal_has_a_refusals_text(status):
    record = replace(REFUSED, status=status, error='HTTP 400')
    assert outcome_of([(0, record)], status, 'HTTP 400').edit['refusal'] is None


def test_a_rerun_makes_the_same_fields():
    records = [(0, FIRST), (1, REFUSED)]
    again = outcome_of(records, run_id='a later run')
    assert again.edit == outcome_of(records).edit
    assert again.output_image == outcome_of(records).output_image


@pytest.mark.parametrize(
    ('run_id', 'calls', 'doubled', 'tokens'),
    [('run', 2, 1, (100, 1050)), ('earlier', 1, 0, (0, 0)), ('a later run', 0, 0, (0, 0))],
)
def test_spent_is_what_this_run_spent(run_id, calls, doubled, tokens):
    spent = outcome_of([(0, FIRST)], run_id=run_id).spent
    assert (spent['calls'], spent['possibly_double_billed']) == (calls, doubled)
    assert (spent['input_tokens'], spent['output_tokens']) == tokens


def test_another_rows_purchase_costs_this_row_nothing():
    spent = outcome_of([(0, replace(FIRST, name='sample_1'))]).spent
    assert {name for name, value in spent.items() if value} == {'unpriced_calls_of_all_rows'}


def test_a_row_without_a_name_has_the_one_that_it_was_given():
    nameless = replace(SAMPLE, name=None)
    assert make_outcome(nameless, 'edited', None, name='0a0a0a0a').name == '0a0a0a0a'
    assert make_outcome(nameless, 'invalid_input', 'no images').name is None
