"""Tests of the manifest's lines."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_image_edit.transforms.manifest import EDIT_SCHEMA, blank_edit, manifest_line
from beam_image_edit.transforms.outcomes import Outcome

EDIT = {'status': 'edited'}
PUT_IN = '"output_image": ["out/a.png"], "edit": {"status": "edited"}'
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def make_line(text, edit=EDIT, output_image=('out/a.png',), key='output_image'):
    return manifest_line(Outcome(text, 0, 'sample_0', output_image, edit), key)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        pytest.param('{"a": 1.0}', '{"a": 1.0, PUT_IN}', id='float'),
        pytest.param('{"a": [1e5, 0.10, -0]}', '{"a": [1e5, 0.10, -0], PUT_IN}', id='number-literals'),
        pytest.param('{"a": 12345678901234567890123}', '{"a": 12345678901234567890123, PUT_IN}', id='large-integer'),
        pytest.param(r'{"a": "\u00e9\/"}', r'{"a": "\u00e9\/", PUT_IN}', id='escapes'),
        pytest.param(r'{"a": "\ud800"}', r'{"a": "\ud800", PUT_IN}', id='escaped-lone-surrogate'),
        pytest.param('{"a": 1, "a": 2}', '{"a": 1, "a": 2, PUT_IN}', id='repeated-members'),
        pytest.param('{"a":1,  "b" :2}', '{"a":1,  "b" :2, PUT_IN}', id='spacing'),
        pytest.param('{"a": "é\u2028"}', '{"a": "é\u2028", PUT_IN}', id='line-separator'),
        pytest.param('{}', '{PUT_IN}', id='empty-object'),
        pytest.param('{"edit": 0, "a": 1, "output_image": "x"}', '{"a": 1, PUT_IN}', id='earlier-fields'),
        pytest.param('{ "edit": 0 }', '{ PUT_IN }', id='earlier-field-and-spaces'),
        pytest.param('{ "a": 0 } ', '{ "a": 0, PUT_IN } ', id='spaces-at-the-ends'),
        pytest.param('{ }', '{PUT_IN }', id='empty-object-with-space'),
        pytest.param('{"a": {"edit": 0}}', '{"a": {"edit": 0}, PUT_IN}', id='inner-field-of-same-name'),
        pytest.param('{"a": 1,\n\r"b": 2}', '{"a": 1,  "b": 2, PUT_IN}', id='line-ends-between-members'),
        pytest.param('{"a": "\ud800"}', r'{"a": "\ud800", PUT_IN}', id='raw-lone-surrogate'),
        pytest.param('', '{"line": "", PUT_IN}', id='empty-text'),
        pytest.param('null', '{"line": "null", PUT_IN}', id='null'),
        pytest.param('[1.0]', '{"line": "[1.0]", PUT_IN}', id='array'),
        pytest.param('{"a": ', r'{"line": "{\"a\": ", PUT_IN}', id='cut-off'),
        pytest.param('{"a": "\n"}', r'{"line": "{\"a\": \"\n\"}", PUT_IN}', id='line-end-inside-a-string'),
        pytest.param('{"a": NaN}', r'{"line": "{\"a\": NaN}", PUT_IN}', id='not-a-number'),
        pytest.param('\ud800', r'{"line": "\ud800", PUT_IN}', id='malformed-with-lone-surrogate'),
    ],
)
def test_manifest_line_keeps_the_rows_text(text, expected):
    assert make_line(text) == expected.replace('PUT_IN', PUT_IN)


def test_manifest_line_without_image_has_an_empty_list():
    assert make_line('{}', output_image=()) == '{"output_image": [], "edit": {"status": "edited"}}'


def test_manifest_line_uses_the_users_name_of_output_image():
    line = make_line('{"output_image": "mine", "result": 1}', key='result')
    assert line == '{"output_image": "mine", "result": ["out/a.png"], "edit": {"status": "edited"}}'


def test_manifest_line_with_any_error_text_is_one_line_of_utf8():
    error = 'bad\r\nanswer \ud83d \u2028'
    line = make_line('{}', edit={'status': 'failed', 'error': error})
    assert json.loads(line.encode())['edit']['error'] == error
    assert '\n' not in line
    assert '\r' not in line


@pytest.mark.parametrize('depth', [199, 200, 201, 5_000, 200_000])
def test_manifest_line_survives_any_depth(depth):
    line = make_line('{"a": ' + '[' * (depth - 1) + ']' * (depth - 1) + '}')
    assert line.endswith(f'{PUT_IN}}}')


@settings(deadline=None)  # a busy machine is no fault
@given(st.dictionaries(st.text(), JSON_VALUES), st.booleans())
def test_manifest_line_changes_no_other_field(row, ensure_ascii):
    line = make_line(json.dumps(row, ensure_ascii=ensure_ascii))
    assert json.loads(line.encode()) == {**row, 'output_image': ['out/a.png'], 'edit': EDIT}


@settings(deadline=None)  # a busy machine is no fault
@given(st.text())
def test_manifest_line_of_any_text_is_a_json_object(text):
    row = json.loads(make_line(text).encode())
    assert (row['output_image'], row['edit']) == (['out/a.png'], EDIT)


def test_blank_edit_has_every_member_in_order():
    assert list(blank_edit('stopped').items()) == [
        ('status', 'stopped'),
        ('error', None),
        ('api_format', None),
        ('model', None),
        ('model_version', None),
        ('request_keys', []),
        ('request_ids', []),
        ('attempts', 0),
        ('possibly_double_billed', 0),
        ('tokens', None),
        ('cost_usd', None),
        ('latency_s', None),
        ('finish_reason', None),
        ('refusal', None),
        ('conversions', []),
        ('images', []),
        ('sources', []),
    ]


def test_blank_edit_puts_known_members_in_their_place():
    edit = blank_edit('failed', 'HTTP 500', cost_usd=0.04, attempts=5)
    assert list(edit) == [member.name for member in EDIT_SCHEMA]
    assert (edit['error'], edit['attempts'], edit['cost_usd']) == ('HTTP 500', 5, 0.04)


def test_blank_edit_refuses_an_unknown_member():
    with pytest.raises(TypeError, match=r"no member \['costs'\]"):
        blank_edit('edited', costs=1)
