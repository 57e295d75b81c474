"""Usage: what is not known of it stays unknown, and is never counted as nothing."""

import json

import pytest

from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.usage import Usage

ONE = Usage(input=260, output=1127, thinking=180, total=1567, input_image=258, output_image=1120)
RECORD = Record('k' * 64, 'edited', None, 'sample_0', 'run', 'gemini', 'gemini-x', usage=ONE)


@pytest.mark.parametrize(
    ('other', 'expected'),
    [
        pytest.param(ONE, Usage(520, 2254, 360, 3134, 516, 2240), id='all-counts'),
        pytest.param(Usage(), ONE, id='nothing-said'),
        pytest.param(Usage(input=5), Usage(265, 1127, 180, 1567, 258, 1120), id='modalities-not-told-apart'),
    ],
)
def test_plus_adds_what_is_known(other, expected):
    assert ONE.plus(other) == expected
    assert other.plus(ONE) == expected


def test_plus_keeps_unknown_what_neither_knows():
    assert Usage(input=1).plus(Usage(output=2)) == Usage(input=1, output=2)


def test_records_keep_the_counts_of_images():
    assert Record.from_json(RECORD.to_json()) == RECORD


def test_records_without_the_counts_of_images_are_still_read():
    fields = json.loads(RECORD.to_json())
    del fields['usage']['input_image'], fields['usage']['output_image']
    assert Record.from_json(json.dumps(fields).encode()).usage == Usage(260, 1127, 180, 1567)
