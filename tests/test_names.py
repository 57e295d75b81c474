"""Tests of what samples are called."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.names import IdField, clean_id, find_repeated, key_of, name_sample

IDS = st.sampled_from(['', '', 'a', 'A', 'b', '05', '-1', 'é', 'è', '1.0', 'a-3']) | st.integers(0, 12).map(str)


def name_naively(ids):
    """The names of rows with these cleaned ids, row by row."""
    seen = set()
    names = []
    for index, row_id in enumerate(ids):
        base = f'sample_{row_id or index}'
        names.append(f'{base}-{index}' if base.casefold() in seen else base)
        seen.add(base.casefold())
    return names


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('cat', 'cat'),
        ('Cat-1.2_3', 'Cat-1.2_3'),
        ('a b/c\\d:e', 'a_b_c_d_e'),
        ('../../etc/passwd', '.._.._etc_passwd'),
        ('..', '..'),
        ('', ''),
        (' ', '_'),
        ('日本', '__'),
        ('\ud800', '_'),
        ('a\n\0', 'a__'),
        ('x' * 300, 'x' * 100),
        (None, ''),
        (0, '0'),
        (-5, '-5'),
        (1.5, '1.5'),
        (float('inf'), 'Infinity'),
        (10**120, '1' + '0' * 99),
        (True, 'true'),
        (False, 'false'),
        ([1, 'a'], '_1___a__'),
        ({'a': 1}, '__a___1_'),
        ([], '__'),
    ],
)
def test_clean_id(value, expected):
    assert clean_id(value) == expected


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('{"id": "a"}', 'a'),
        ('{"id": 7}', '7'),
        ('{"id" : null}', ''),
        ('{"ID": 7}', ''),
        ('{"a": {"id": 7}}', ''),
        ('{"a": "id"}', ''),
        ('{"id": 7', ''),
        ('["id"]', ''),
        (r'{"\u0069d": 7}', '7'),
        ('{"id": 1, "id": 2}', '2'),
        ('{"id": 1.10}', '1.10'),
        ('{"id": 1.5, "id": 1.50 }', '1.50'),
        ('{"id": 1e999}', '1e999'),
        ('{"id": 1E+2}', '1E_2'),
        ('{"id": ' + '7' * 700 + '}', '7' * 100),
    ],
)
def test_id_field_finds_the_id_of_a_row(text, expected):
    assert IdField('id').of(text) == expected


@given(st.dictionaries(st.sampled_from(['id', 'é', 'x']), st.text(max_size=3)), st.sampled_from(['id', 'é', '"']))
def test_id_field_never_overlooks_lines_with_an_id(row, key):
    for ensure_ascii in (True, False):
        text = json.dumps(row, ensure_ascii=ensure_ascii)
        field = IdField(key)

        assert field.of(text) == clean_id(row.get(key))
        if row.get(key):
            assert field.may_be_in(text.encode())


@pytest.mark.parametrize(
    ('row_id', 'is_index'),
    [
        ('0', True),
        ('7', True),
        (str(2**62 - 1), True),
        (str(2**62), False),
        (str(2**64), False),
        ('07', False),
        ('-7', False),
        ('7.0', False),
    ],
)
def test_key_of_an_id_that_may_be_an_index_is_its_number(row_id, is_index):
    assert (str(key_of(row_id)) == row_id) == is_index


@pytest.mark.parametrize(('one', 'other'), [('cat', 'CAT'), ('_', '_')], ids=['case', 'same'])
def test_key_of_equal_names_is_equal(one, other):
    assert key_of(one) == key_of(other)


@given(st.lists(st.lists(IDS, max_size=6), max_size=6))
def test_names_equal_those_given_row_by_row(parts):
    ids = [clean_id(row_id) for part in parts for row_id in part]

    repeated = set(find_repeated([(len(part), as_keys(part)) for part in parts]).tolist())

    assert [name_sample(index, row_id, index in repeated) for index, row_id in enumerate(ids)] == name_naively(ids)


def as_keys(part):
    """What a range says about its rows: nothing at all when none has an id."""
    if not any(part):
        return None
    return np.array([key_of(clean_id(row_id)) for row_id in part], np.uint64)
