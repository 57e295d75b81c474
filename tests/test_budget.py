"""What a budget admits, and what it takes for spent."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.budget import ADMIT_ALL, Budget, order_of
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Ledger, ledger_path
from beam_image_edit.transforms.prices import CallSize, find_price
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage

ONE_IMAGE = CallSize(10, ((64, 64),), 1)


def budget(usd, price=0.039):
    return Budget(usd, find_price('gemini', 'any', price))


def reservations(budget, rows):
    return [budget.reserve(Sample('{}', index=index), calls) for index, calls in enumerate(rows)]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Storage(str(tmp_path)), 'run', 30)


def bought(ledger, key, **attempt):
    """A call in the ledger that was sent once, with its record."""
    claim = ledger.claim(key)
    made = Attempt(1, 'run', **{'billed': 'yes', **attempt})
    ledger.settle(Record(key, 'edited', None, 'sample_0', 'run', 'gemini', 'any', attempts=(made,)), claim)


@pytest.mark.parametrize(
    ('usd', 'price', 'limit'),
    [
        (1.00, 0.039, 25),
        (1.00, 0.04, 25),
        (0.975, 0.039, 25),
        (0.9749999, 0.039, 24),
        (0.3, 0.1, 3),
        (0, 0.039, 0),
        (0.038, 0.039, 0),
        (3.9, 0.039, ADMIT_ALL),
        (1, 0, ADMIT_ALL),
    ],
)
def test_rows_are_admitted_while_they_fit(ledger, usd, price, limit):
    asked = budget(usd, price)
    rows = [[(f'key {number}', ONE_IMAGE)] for number in range(100)]
    assert asked.find_limit(reservations(asked, rows), ledger) == limit


def test_all_calls_of_a_row_must_fit(ledger):
    three = [(f'key {number}', ONE_IMAGE) for number in range(3)]
    asked = budget(0.1, 0.04)
    assert asked.find_limit(reservations(asked, [[], three, []]), ledger) == 1


def test_images_asked_for_count(ledger):
    asked = budget(0.1, 0.04)
    rows = [[('a', CallSize(1, (), 2))], [('b', CallSize(1, (), 1))]]
    assert asked.find_limit(reservations(asked, rows), ledger) == 1


def test_shared_call_counts_once(ledger):
    asked = budget(0.08, 0.04)
    rows = [[('same', ONE_IMAGE)]] * 10 + [[('other', ONE_IMAGE)], [('too much', ONE_IMAGE)]]
    assert asked.find_limit(reservations(asked, rows), ledger) == 11


def test_row_whose_price_is_unknown_ends_admission(ledger):
    asked = budget(100_000)
    rows = [[('a', ONE_IMAGE)], None, [('b', ONE_IMAGE)]]
    assert asked.find_limit(reservations(asked, rows), ledger) == 1


def test_no_rows(ledger):
    assert budget(1).find_limit([], ledger) == ADMIT_ALL


def test_rows_without_index_have_an_order_of_their_own():
    first, again, other = Sample('{"a": 1}'), Sample('{"a": 1}'), Sample('{"a": 2}')
    assert order_of(first) == order_of(again) != order_of(other)
    assert order_of(first) > order_of(Sample('{}', index=10**9))
    assert order_of(Sample('\ud800')) < ADMIT_ALL


@pytest.mark.parametrize(
    ('attempt', 'left'),
    [
        ({'cost_usd': 0.04}, 1),
        ({'cost_usd': 0.0, 'billed': 'no'}, 2),
        ({'billed': 'no'}, 2),
        ({'billed': 'maybe', 'reserved_usd': 0.08}, 0),
        ({'billed': 'yes'}, 1),
    ],
    ids=['known cost', 'free', 'not billed', 'may have been billed', 'bought before prices were kept'],
)
def test_ledger_counts(ledger, attempt, left):
    bought(ledger, 'a' * 64, **attempt)
    asked = budget(0.08, 0.04)
    rows = [[(f'key {number}', ONE_IMAGE)] for number in range(5)]
    assert asked.find_limit(reservations(asked, rows), ledger) == left


def test_call_in_flight_counts_with_all_that_it_can_cost(ledger):
    ledger.claim('b' * 64, stake=Stake(None, 0.07))
    asked = budget(0.1, 0.04)
    assert asked.find_limit(reservations(asked, [[('a', ONE_IMAGE)]]), ledger) == 0


def test_damaged_record_counts(ledger, tmp_path):
    bought(ledger, 'c' * 64, cost_usd=0.01)
    (tmp_path / ledger_path('c' * 64)).write_text('{"cost_usd": -1')
    asked = budget(0.04, 0.04)
    assert asked.find_limit(reservations(asked, [[('a', ONE_IMAGE)]]), ledger) == 0


@pytest.mark.parametrize('amount', [-1, float('inf'), float('nan'), '0.04', [0.04]])
def test_amount_of_a_damaged_record_is_not_added_up(ledger, tmp_path, amount):
    bought(ledger, 'c' * 64, cost_usd=0.01)
    path = tmp_path / ledger_path('c' * 64)
    path.write_text(path.read_text().replace('0.01', json.dumps(amount)))
    assert ledger.find('c' * 64) is None


costs = st.lists(st.lists(st.integers(1, 5), max_size=3), max_size=30)


@given(costs, st.integers(0, 60))
def test_admitted_rows_never_cost_more_than_the_budget(rows, cents):
    asked = budget(cents / 100, 0.01)
    lines = [
        asked.reserve(
            Sample('{}', index=index), [(f'{index}.{n}', CallSize(0, (), count)) for n, count in enumerate(row)]
        )
        for index, row in enumerate(rows)
    ]
    limit = asked.find_limit(
        [np.concatenate(lines)] if lines else [], Ledger(Storage('memory://nothing-bought'), 'run', 30)
    )
    admitted = rows[: min(limit, len(rows))]
    assert sum(map(sum, admitted)) <= cents
    if limit != ADMIT_ALL:
        assert sum(map(sum, rows[: limit + 1])) > cents
