"""Faults in whole jobs that need a job of their own: they count requests, cut connections, or fall between turns."""

import time

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from beam_image_edit.transforms import EditImages
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.retries import RetryPolicy

BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])


def row(instruction, images='a.png'):
    turns = [instruction] if isinstance(instruction, str) else instruction
    return {'images': images, 'conversations': turns}


ROWS = [row(f'Blur it {number} times') for number in range(5)]


@BOTH_FORMATS
def test_reset_of_one_request_that_was_not_read_costs_its_row_a_call(edit, emulator, api_format):
    emulator.set_faults([{'fault': 'reset', 'when': 'before_reading', 'match': {'call': 3}}])
    run = edit(ROWS, f'--api_format={api_format}')
    assert (run.code, run.statuses) == (0, ['edited'] * 5)
    assert sorted(line['edit']['attempts'] for line in run.rows) == [1, 1, 1, 1, 2]
    assert (emulator.count, emulator.billed) == (6, 5)


@BOTH_FORMATS
def test_reset_of_every_request_that_is_not_read_is_bounded(edit, emulator, api_format):
    """What was sent of a request when its connection broke decides how often it may be sent again."""
    emulator.set_faults([{'fault': 'reset', 'when': 'before_reading', 'times': None}])
    run = edit(ROWS, f'--api_format={api_format}')
    assert run.code == 3
    assert set(run.statuses) <= {'failed', 'in_doubt'}
    assert all(2 <= line['edit']['attempts'] <= 5 for line in run.rows)
    assert all(line['edit']['possibly_double_billed'] <= 1 for line in run.rows)
    assert emulator.count == sum(line['edit']['attempts'] for line in run.rows)
    assert emulator.billed == 0


@BOTH_FORMATS
def test_fault_per_request_happens_to_each_image_of_a_prompt(edit, emulator, api_format):
    emulator.set_faults([{'fault': 'rate_limit', 'retry_after_s': 0, 'per': 'request'}])
    run = edit([row('Blur it'), row('Blur it', 'b.jpg')], f'--api_format={api_format}')
    assert (run.code, [line['edit']['attempts'] for line in run.rows]) == (0, [2, 2])


@BOTH_FORMATS
@pytest.mark.parametrize(
    ('fault', 'status', 'calls'),
    [
        ({'fault': 'status', 'status': 400}, 'failed', 1),
        ({'fault': 'reset', 'when': 'after_work'}, 'in_doubt', 2),
        ({'fault': 'refused'}, 'refused', 1),
        ({'fault': 'no_image'}, 'no_image', 2),
    ],
    ids=lambda value: value['fault'] if isinstance(value, dict) else str(value),
)
def test_turn_that_fails_ends_its_row_and_keeps_the_turns_before_it(edit, emulator, api_format, fault, status, calls):
    emulator.set_faults([{**fault, 'match': 'Invert', 'times': None}])
    run = edit([row(['Mirror it', 'Invert it', 'Blur it'])], f'--api_format={api_format}')
    assert (run.code, run.statuses) == (3, [status])
    assert len(run.images[0]) == 1
    assert emulator.count == 1 + calls


def test_conversation_whose_signature_is_missing_fails_at_its_next_turn(edit, emulator):
    emulator.set_faults([{'fault': 'missing_signature', 'match': 'Mirror'}])
    run = edit([row(['Mirror it', 'Invert it'])])
    assert (run.code, run.statuses, emulator.count) == (3, ['failed'], 2)
    assert 'thought_signature' in run.rows[0]['edit']['error']
    assert len(run.images[0]) == 1


def test_wait_that_a_server_asks_for_is_capped(emulator, photos, tmp_path, monkeypatch):
    """An hour is asked for, and the longest wait is a twentieth of a second here."""
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.chdir(photos)
    emulator.set_faults([{'fault': 'rate_limit', 'retry_after_s': 3600}])
    config = EditorConfig(
        'gemini',
        str(tmp_path / 'out'),
        base_url=emulator.url,
        retry_policy=RetryPolicy(max_server_delay_s=0.05),
    )
    began = time.monotonic()
    with beam.Pipeline('FnApiRunner') as root:
        edits = root | beam.Create(ROWS[:1]) | EditImages(config=config)
        assert_that(edits.edited | beam.Map(lambda outcome: outcome.edit['attempts']), equal_to([2]))
    assert time.monotonic() - began < 60
