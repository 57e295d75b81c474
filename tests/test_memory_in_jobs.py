"""Memory in whole jobs: however little is allowed, and however large the pictures are, the job comes to its end."""

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from benchmarks.pictures import make_png


@pytest.fixture
def emulator():
    with Emulator(pixels='32x32', image_bytes=1_500_000, fast=True) as running:
        yield running


@pytest.mark.parametrize('in_flight', [1, 3])
def test_pictures_larger_than_the_memory_are_edited_one_after_the_other(edit, photos, in_flight):
    for number in range(6):
        (photos / f'{number}.png').write_bytes(make_png(600_000, number))
    rows = [{'images': f'{number}.png', 'conversations': ['Blur it', 'More']} for number in range(6)]
    run = edit(rows, '--max_memory_mb=1', f'--max_in_flight={in_flight}')
    assert run.statuses == ['edited'] * 6


def test_large_answers_wait_for_each_other_and_not_for_a_call_that_is_tried_again(edit, emulator):
    emulator.set_faults([{'fault': 'overloaded', 'times': 1}])
    rows = [{'images': 'a.png', 'conversations': ['Blur it'], 'variant': number} for number in range(8)]
    run = edit(rows, '--max_memory_mb=1', '--max_in_flight=2')
    assert run.statuses == ['edited'] * 8
