"""Tests of the manifest's rows as Parquet."""

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from beam_image_edit.transforms.manifest import blank_edit, manifest_line
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.parquet_rows import SCHEMA, open_rows, parquet_row
from beam_image_edit.transforms.rows import RowFields

TEXTS = [
    '{"id": "a", "images": "a.png", "conversations": ["Make it red."], "weight": 1.50}',
    '{"id": 7.0, "images": ["b.png", null, 5], "conversations": {"from": "human", "value": "Go."}}',
    'null',
    '{"images": 0, "conversations": 0}',
    r'{"id": "\ud800", "images": ["\ud83d\ude00"], "conversations": ["\udc00"], "note": "\ud800"}',
]


def read_row(text, index=0, fields=RowFields(), output_image=()):  # noqa: B008 - a value
    return parquet_row(manifest_line(Outcome(text, index, None, output_image, {}), fields.output_image), index, fields)


def write(rows):
    file = io.BytesIO()
    with open_rows(file) as parquet:
        for row in rows:
            parquet.add(row, 100)
    return file.getvalue()


def make_rows():
    edit = blank_edit('invalid_input', 'why')
    lines = [manifest_line(Outcome(text, None, None, ('x.png',), edit), 'output_image') for text in TEXTS]
    return [parquet_row(line, index, RowFields()) for index, line in enumerate(lines)]


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('"a"', 'a'),
        ('7', '7'),
        ('1.0', '1.0'),
        ('12345678901234567890123', '12345678901234567890123'),
        ('true', 'true'),
        ('[1, 2.0]', '[1, 2.0]'),
        ('null', None),
        ('1, "id": 2.0', '2.0'),
    ],
)
def test_parquet_row_writes_the_id_as_text(value, expected):
    assert read_row(f'{{"id": {value}}}')['id'] == expected


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('a.png', ['a.png']),
        (['a.png', 'b.png'], ['a.png', 'b.png']),
        (['a.png', None, 5, {}], ['a.png']),
        ('data:image/png;base64,AAAA', ['data:image/png;base64,AAAA']),
        (None, []),
        ({}, []),
        (3, []),
    ],
)
def test_parquet_row_lists_images_of_any_shape(value, expected):
    assert read_row(json.dumps({'images': value}))['images'] == expected


@pytest.mark.parametrize(
    ('turns', 'expected'),
    [
        pytest.param([{'role': 'user', 'content': 'Go.'}], [('user', 'Go.')], id='role-content'),
        pytest.param(
            [{'from': 'human', 'value': 'Go.'}, {'from': 'gpt', 'value': 'Done.'}, {'from': 'system', 'value': 'Be.'}],
            [('user', 'Go.'), ('assistant', 'Done.'), ('system', 'Be.')],
            id='sharegpt',
        ),
        pytest.param([{'role': 'Tool', 'content': 'x'}], [('Tool', 'x')], id='unknown-role'),
        pytest.param(['Go.', 'On.'], [('user', 'Go.'), ('user', 'On.')], id='strings'),
        pytest.param('Go.', [('user', 'Go.')], id='string'),
        pytest.param({'role': 'user', 'content': 'Go.'}, [('user', 'Go.')], id='one-turn'),
        pytest.param(
            [{'role': 'user', 'content': [{'type': 'text', 'text': 'Go'}, 'on', {'type': 'image_url'}]}],
            [('user', 'Go\non')],
            id='parts',
        ),
        pytest.param([{'role': 5, 'content': 5}], [(None, None)], id='wrong-types'),
        pytest.param([None, 5], [(None, None), (None, None)], id='not-turns'),
        pytest.param([{}], [(None, None)], id='empty-turn'),
        pytest.param(None, [], id='null'),
        pytest.param([], [], id='empty'),
    ],
)
def test_parquet_row_reads_conversations_of_any_shape(turns, expected):
    read = read_row(json.dumps({'conversations': turns}))['conversations']
    assert [(turn['role'], turn['content']) for turn in read] == expected


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('{"id": 1, "images": [], "conversations": [], "output_image": 1, "edit": 1}', '{}'),
        (r'{"a": 1.0, "id": 1, "b": [1e5, "\u00e9"], "a": 2}', r'{"a": 1.0, "b": [1e5, "\u00e9"], "a": 2}'),
        ('[1.0]', '{"line": "[1.0]"}'),
    ],
    ids=['nothing-else', 'literals-and-repeats', 'not-an-object'],
)
def test_parquet_row_keeps_the_other_fields_as_written(text, expected):
    assert read_row(text)['extra'] == expected


def test_parquet_row_takes_the_users_field_names():
    text = '{"pics": "a.png", "turns": ["Go."], "images": 1, "conversations": 2, "output_image": 3}'
    row = read_row(text, fields=RowFields('pics', 'turns', 'result'), output_image=('out.png',))
    assert row == {
        'index': 0,
        'id': None,
        'images': ['a.png'],
        'conversations': [{'role': 'user', 'content': 'Go.'}],
        'output_image': ['out.png'],
        'edit': {},
        'extra': '{"images": 1, "conversations": 2, "output_image": 3}',
    }


def test_parquet_of_good_and_bad_rows_has_the_one_schema():
    table = pq.read_table(io.BytesIO(write(make_rows())))
    assert table.schema.equals(SCHEMA)
    assert table['id'].to_pylist() == ['a', '7.0', None, None, '\ufffd']
    assert table['images'].to_pylist() == [['a.png'], ['b.png'], [], [], ['😀']]
    assert table['conversations'].to_pylist()[1:] == [
        [{'role': 'user', 'content': 'Go.'}],
        [],
        [{'role': None, 'content': None}],
        [{'role': 'user', 'content': '\ufffd'}],
    ]
    assert table['extra'].to_pylist() == ['{"weight": 1.50}', '{}', '{"line": "null"}', '{}', r'{"note": "\ud800"}']
    assert table['edit'].to_pylist() == [blank_edit('invalid_input', 'why')] * 5


def test_parquet_loads_with_pandas():
    frame = pd.read_parquet(io.BytesIO(write(make_rows())))
    assert list(frame.columns) == SCHEMA.names
    assert list(frame['index']) == [0, 1, 2, 3, 4]
    assert list(frame['output_image'][0]) == ['x.png']
    assert frame['edit'][0]['status'] == 'invalid_input'


def test_parquet_without_rows_has_the_schema():
    table = pq.read_table(io.BytesIO(write([])))
    assert table.schema.equals(SCHEMA)
    assert len(table) == 0


def test_parquet_of_the_same_rows_has_the_same_bytes():
    assert write(make_rows()) == write(make_rows())
