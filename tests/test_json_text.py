"""Tests of reading and changing JSON objects as text."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.json_text import MAX_DEPTH, members, parse_object, replace_members, write_compact

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
KEYS = st.sampled_from(['a', 'b', 'edit', 'output_image', 'ü"\\', ''])
SPACES = st.text(' \t\r\n', max_size=2)


@st.composite
def objects(draw):
    """An object's text and the text of each of its members, with odd spacing and repeated keys."""
    texts = []
    for _ in range(draw(st.integers(0, 5))):
        key = json.dumps(draw(KEYS), ensure_ascii=draw(st.booleans()))
        value = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()))
        texts.append(f'{key}{draw(SPACES)}:{draw(SPACES)}{value}')
    inside = ','.join(f'{draw(SPACES)}{text}{draw(SPACES)}' for text in texts) or draw(SPACES)
    return f'{draw(SPACES)}{{{inside}}}{draw(SPACES)}', texts


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('{"a": 1', "Expecting ',' delimiter: column 8"),
        ('{"a": }', 'Expecting value: column 7'),
        ('{"a": 1} x', 'Extra data: column 10'),
        ('{"a": "b', 'Unterminated string starting at: column 7'),
        ('{"a": NaN}', 'NaN is not JSON'),
        ('{"a": [Infinity]}', 'Infinity is not JSON'),
        ('{"a": -Infinity}', '-Infinity is not JSON'),
        ('null', 'not a JSON object but null'),
        ('[{}]', 'not a JSON object but an array'),
        ('"a"', 'not a JSON object but a string'),
        ('1', 'not a JSON object but a number'),
        ('true', 'not a JSON object but a boolean'),
        ('{"a": ' + '[' * MAX_DEPTH + ']' * MAX_DEPTH + '}', 'nested more than'),
        ('[' * 100_000, 'nested more than'),
    ],
)
def test_parse_object_says_what_is_wrong(text, reason):
    with pytest.raises(ValueError) as caught:
        parse_object(text)

    assert reason in str(caught.value)


def test_parse_object_takes_many_brackets_that_are_not_deep():
    assert len(parse_object(json.dumps({'a': [[]] * (2 * MAX_DEPTH)}))['a']) == 2 * MAX_DEPTH


def test_parse_object_takes_nesting_up_to_the_limit():
    deepest = MAX_DEPTH - 1

    assert parse_object('{"a": ' + '[' * deepest + ']' * deepest + '}')


@pytest.mark.parametrize('number', ['1' * 10_000, '-' + '1' * 10_000, '1e999', '1e-999', '1' * 10_000 + '.5'])
def test_parse_object_takes_numbers_beyond_every_range(number):
    assert isinstance(parse_object(f'{{"a": {number}}}')['a'], float)


def test_parse_object_keeps_large_integers_exact():
    assert parse_object(f'{{"a": {10**600}}}') == {'a': 10**600}


@given(objects())
def test_members_are_the_text_between_the_commas(drawn):
    text, texts = drawn

    assert [text[member.start : member.end] for member in members(text)] == texts


@given(objects(), st.sets(KEYS), st.dictionaries(KEYS, VALUES, max_size=2))
def test_replace_members_equals_the_dict_operation(drawn, removed, added):
    text, _ = drawn
    expected = {key: value for key, value in json.loads(text).items() if key not in removed} | added

    result = replace_members(text, removed, {key: json.dumps(value) for key, value in added.items()})

    assert json.loads(result) == expected


@given(objects(), st.sets(KEYS), st.dictionaries(KEYS, VALUES, max_size=2))
def test_replace_members_keeps_the_text_of_the_others(drawn, removed, added):
    text, texts = drawn
    kept = [each for each, member in zip(texts, members(text), strict=True) if member.key not in removed]

    result = replace_members(text, removed, {key: json.dumps(value) for key, value in added.items()})

    assert [result[member.start : member.end] for member in members(result)][: len(kept)] == kept


@pytest.mark.parametrize(
    ('text', 'removed', 'added', 'expected'),
    [
        ('{}', [], {'a': '1'}, '{"a": 1}'),
        ('{ }', [], {'a': '1'}, '{"a": 1 }'),
        ('{}', ['a'], {}, '{}'),
        ('{"a":1}', ['a'], {}, '{}'),
        ('{ "a" : 1 }', ['a'], {'a': '2'}, '{ "a": 2 }'),
        ('{"a":1,"b":2}', ['a'], {}, '{"b":2}'),
        ('{"a":1,"b":2}', ['b'], {}, '{"a":1}'),
        ('{"a":1,"b":2,"a":3}', ['a'], {}, '{"b":2}'),
        ('{"a":1, "b":2 }', [], {'c': '[]', 'd': 'null'}, '{"a":1, "b":2, "c": [], "d": null }'),
        ('{"x": 1.10, "y": 1E5, "z": "\\u00e9"}', [], {}, '{"x": 1.10, "y": 1E5, "z": "\\u00e9"}'),
        (r'{"\u0061": 1}', ['a'], {}, '{}'),
    ],
)
def test_replace_members_table(text, removed, added, expected):
    assert replace_members(text, removed, added) == expected


@dataclass(frozen=True, slots=True)
class Pair:
    first: object
    second: object = None


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (Pair(1, (Pair('a', {'b': [2.5]}),)), b'{"first":1,"second":[{"first":"a","second":{"b":[2.5]}}]}'),
        ({'half': '\ud800'}, b'{"half":"\\ud800"}'),
    ],
    ids=['dataclasses within each other', 'half of a surrogate pair'],
)
def test_write_compact(value, expected):
    assert write_compact(value) == expected


def test_write_compact_refuses_what_is_no_json():
    with pytest.raises((TypeError, AttributeError)):
        write_compact({'a': object()})
