"""What a budget admits, and what it takes for spent."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_image_edit.transforms.budget import ADMIT_ALL, Budget, order_of
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Ledger, ledger_path
from beam_image_edit.transforms.prices import CallSize, find_price
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage

ONE_IMAGE = CallSize(10, ((64, 64),), 1)
NOTHING_BOUGHT = Ledger(Storage('memory://nothing-bought'), 'run', 30)


def budget(usd, price=0.039):
    return Budget(usd, find_price('gemini', 'any', price))


def admit(budget, rows, ledger):
    """How many of the rows are admitted, each given by its calls, and that it is all of a row or nothing."""
    reserved = [budget.reserve(Sample('{}', index=index), calls) for index, calls in enumerate(rows)]
    admission = budget.admit(reserved, ledger)
    decisions = [
        {admission.refuse(name, index) is None for name, _ in calls} or {True} for index, calls in enumerate(rows)
    ]
    assert all(len(decision) == 1 for decision in decisions)
    return sum(decision == {True} for decision in decisions)


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
        (3.9, 0.039, 100),
        (1, 0, 100),
    ],
)
def test_rows_are_admitted_while_they_fit(ledger, usd, price, limit):
    asked = budget(usd, price)
    rows = [[(f'key {number}', ONE_IMAGE)] for number in range(100)]
    assert admit(asked, rows, ledger) == limit


def test_all_calls_of_a_row_must_fit(ledger):
    three = [(f'key {number}', ONE_IMAGE) for number in range(3)]
    asked = budget(0.1, 0.04)
    assert admit(asked, [[], three, [('another', ONE_IMAGE)]], ledger) == 1


def test_images_asked_for_count(ledger):
    asked = budget(0.1, 0.04)
    rows = [[('a', CallSize(1, (), 2))], [('b', CallSize(1, (), 1))]]
    assert admit(asked, rows, ledger) == 1


def test_shared_call_counts_once(ledger):
    asked = budget(0.08, 0.04)
    rows = [[('same', ONE_IMAGE)]] * 10 + [[('other', ONE_IMAGE)], [('too much', ONE_IMAGE)]]
    assert admit(asked, rows, ledger) == 11
    # A row beyond the limit is admitted if its call is another's that is.
    assert admit(asked, [*rows, [('same', ONE_IMAGE)]], ledger) == 12


def test_what_was_not_reserved_is_refused(ledger):
    asked = budget(100_000)
    admission = asked.admit([asked.reserve(Sample('{}', index=0), [('a', ONE_IMAGE)])], ledger)
    assert admission.refuse('a', 0) is None
    assert 'run the same command again' in admission.refuse('b', 1)
    assert 'run the same command again' in asked.admit([], ledger).refuse('a', 0)
    assert ADMIT_ALL.refuse('a', 0) is None


def test_a_row_beyond_the_budget_is_told_what_was_spent_and_what_all_rows_need(ledger):
    bought(ledger, 'c' * 64, cost_usd=0.5)
    asked = budget(0.6)
    rows = [asked.reserve(Sample('{}', index=index), [(str(index), ONE_IMAGE)]) for index in range(10)]
    refusal = asked.admit(rows, ledger).refuse('9', 9)
    assert '--max_cost_usd 0.6 does not reach so far; $0.50 was spent' in refusal
    assert 'all rows need $0.89 ' in refusal
    small = budget(0.01, price=0.07)
    row = small.reserve(Sample('{}', index=0), [('a', ONE_IMAGE)])
    assert 'all rows need $0.57 ' in small.admit([row], ledger).refuse('a', 0)


def test_rows_without_index_have_an_order_of_their_own():
    first, again, other = Sample('{"a": 1}'), Sample('{"a": 1}'), Sample('{"a": 2}')
    assert order_of(first) == order_of(again) != order_of(other)
    assert order_of(first) > order_of(Sample('{}', index=10**9))
    assert order_of(Sample('\ud800')) < 2**63


@pytest.mark.parametrize(
    ('attempt', 'left'),
    [
        ({'cost_usd': 0.04}, 1),
        ({'cost_usd': 0.0, 'billed': 'no'}, 2),
        ({'billed': 'no'}, 2),
        ({'billed': 'maybe', 'reserved_usd': 0.08}, 0),
        ({'billed': 'yes', 'images_asked': 1}, 1),
        ({'billed': 'maybe', 'images_asked': 2}, 0),
        ({'billed': 'yes'}, 0),
    ],
    ids=[
        'known cost',
        'free',
        'not billed',
        'may have been billed',
        'no price then',
        'several images',
        'nothing known',
    ],
)
def test_ledger_counts(ledger, attempt, left):
    bought(ledger, 'a' * 64, **attempt)
    asked = budget(0.08, 0.04)
    rows = [[(f'key {number}', ONE_IMAGE)] for number in range(5)]
    assert admit(asked, rows, ledger) == left


def test_call_in_flight_counts_with_all_that_it_can_cost(ledger):
    ledger.claim('b' * 64, stake=Stake(None, 0.07))
    asked = budget(0.1, 0.04)
    assert admit(asked, [[('a', ONE_IMAGE)]], ledger) == 0


def test_damaged_record_counts(ledger, tmp_path):
    bought(ledger, 'c' * 64, cost_usd=0.01)
    (tmp_path / ledger_path('c' * 64)).write_text('{"cost_usd": -1')
    asked = budget(0.04, 0.04)
    assert admit(asked, [[('a', ONE_IMAGE)]], ledger) == 0


@pytest.mark.parametrize('amount', [-1, float('inf'), float('nan'), '0.04', [0.04]])
def test_amount_of_a_damaged_record_is_not_added_up(ledger, tmp_path, amount):
    bought(ledger, 'c' * 64, cost_usd=0.01)
    path = tmp_path / ledger_path('c' * 64)
    path.write_text(path.read_text().replace('0.01', json.dumps(amount)))
    assert ledger.find('c' * 64) is None


def test_damaged_intent_counts_as_the_most_that_can_be(ledger, tmp_path):
    bought(ledger, 'c' * 64, cost_usd=0.01)
    for path in (tmp_path / 'ledger' / 'cc').iterdir():
        path.write_text(path.read_text()[:40])
    asked = budget(0.40, 0.04)
    assert admit(asked, [[('a', ONE_IMAGE)]], ledger) == 0


costs = st.lists(st.lists(st.integers(1, 5), max_size=3), max_size=30)


@settings(deadline=None, max_examples=50)
@given(costs, st.integers(0, 60))
def test_admitted_rows_never_cost_more_than_the_budget(rows, cents):
    calls = [
        [(f'{index}.{number}', CallSize(0, (), count)) for number, count in enumerate(row)]
        for index, row in enumerate(rows)
    ]
    paying = [row for row in rows if row]
    admitted = admit(budget(cents / 100, 0.01), [row for row in calls if row], NOTHING_BOUGHT)
    assert sum(map(sum, paying[:admitted])) <= cents
    if admitted < len(paying):
        assert sum(map(sum, paying[: admitted + 1])) > cents
