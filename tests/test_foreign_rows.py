"""Rows of other people's, as samples."""

import dataclasses
import datetime
import json
import uuid
from collections import namedtuple
from decimal import Decimal

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.utils.timestamp import Timestamp

from beam_image_edit.transforms.foreign_rows import to_sample
from beam_image_edit.transforms.samples import Sample

Turn = namedtuple('Turn', ['role', 'content'])


@dataclasses.dataclass
class Product:
    images: str
    conversations: list


TURNS = [Turn('user', 'Blur it')]


@pytest.mark.parametrize(
    'row',
    [
        {'images': 'a.png', 'conversations': TURNS},
        {'images': 'a.png', 'conversations': [beam.Row(role='user', content='Blur it')]},
        beam.Row(images='a.png', conversations=tuple(TURNS)),
        namedtuple('Named', ['images', 'conversations'])('a.png', TURNS),
        Product('a.png', TURNS),
        {'images': 'a.png', 'conversations': np.array([{'role': 'user', 'content': 'Blur it'}])},
    ],
    ids=['dict', 'dict of rows', 'row', 'named tuple', 'dataclass', 'array'],
)
def test_rows_of_all_kinds_are_the_same(row):
    text = '{"images": "a.png", "conversations": [{"role": "user", "content": "Blur it"}]}'
    assert to_sample(row) == Sample(text)


@pytest.mark.parametrize(
    ('value', 'written'),
    [
        (datetime.date(2026, 1, 2), '2026-01-02'),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), '2026-01-02T03:00:00+00:00'),
        (datetime.time(3, 4), '03:04:00'),
        (Timestamp(0), '1970-01-01T00:00:00Z'),
        (Decimal('1.50'), '1.50'),
        (uuid.UUID(int=7), '00000000-0000-0000-0000-000000000007'),
        (b'\xff\0', '/wA='),
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({'nested': [Decimal(1)]}, {'nested': ['1']}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_form_for_is_written_as_text(value, written):
    assert json.loads(to_sample({'value': value}).text) == {'value': written}


def test_id_of_any_kind_names_the_sample():
    assert to_sample({'id': np.int64(7)}).name == 'sample_7'
    assert to_sample({'id': uuid.UUID(int=7)}).name == 'sample_00000000-0000-0000-0000-000000000007'
    assert to_sample({'id': None}).name is None


LOOP = {}
LOOP['self'] = LOOP


@pytest.mark.parametrize(
    ('row', 'words'),
    [
        ('text', 'a row must be a dict or have named fields, got str'),
        (7, 'got int'),
        (Product, 'got type'),
        ({'images': object()}, 'not JSON serializable'),
        ({'price': float('nan')}, 'Out of range float'),
        ({('a', 'b'): 1}, 'keys must be'),
        (LOOP, 'recursion'),
    ],
    ids=['text', 'number', 'class', 'object', 'nan', 'key', 'loop'],
)
def test_what_is_no_row_is_a_sample_with_a_problem(row, words):
    sample = to_sample(row)
    assert words in sample.problem
    assert sample.text


def test_sample_stays_as_it_is():
    sample = Sample('{}', 7)
    assert to_sample(sample) is sample
