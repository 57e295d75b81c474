"""Storing what was paid for: tried again for a while, and told apart from a store that takes nothing any more."""

import errno
import time

import pytest

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.persistence import Keeper, is_out_of_order, persist
from beam_image_edit.transforms.scheduler import Scheduler


@pytest.fixture
def scheduler():
    """A scheduler whose pauses, the firm ones too, take no time."""
    made = Scheduler(2)
    made.end_pauses(and_firm_ones=True)
    yield made
    made.close()


class Store:
    """Fails so many times, and notes at each try whether a keeper says that something waits."""

    def __init__(self, failures, keeper=None):
        self.failures = failures
        self.keeper = keeper
        self.waiting = []

    def __call__(self):
        self.waiting.append(bool(self.keeper and self.keeper.is_waiting))
        if len(self.waiting) <= self.failures:
            raise StorageError('full')
        return 'stored'


@pytest.mark.parametrize('failures', [0, 1, 3])
def test_store_that_fails_for_a_while_is_waited_for(scheduler, failures):
    store = Store(failures)
    assert scheduler.start(persist(store)).result() == 'stored'
    assert len(store.waiting) == failures + 1


def test_store_that_fails_for_good_is_given_up(scheduler):
    with pytest.raises(StorageError, match='full'):
        scheduler.start(persist(Store(100))).result()


def test_keeper_says_while_something_waits_for_the_store(scheduler):
    keeper, began = Keeper(), time.monotonic()
    store = Store(2, keeper)
    assert scheduler.start(keeper.keep(store)).result() == 'stored'
    assert store.waiting == [False, True, True]
    assert not keeper.is_waiting
    assert keeper.has_stored_since(began)


def test_keeper_forgets_what_could_not_be_stored(scheduler):
    keeper = Keeper()
    began = time.monotonic()
    with pytest.raises(StorageError):
        scheduler.start(keeper.keep(Store(100, keeper))).result()
    assert not keeper.is_waiting
    assert not keeper.has_stored_since(began)


@pytest.mark.parametrize(
    ('number', 'expected'),
    [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EDQUOT, True), (errno.EIO, False), (errno.EISDIR, False)],
)
def test_full_store_is_told_from_a_failure_of_one_thing(number, expected):
    failure = StorageError('could not be written')
    failure.__cause__ = OSError(number, 'why')
    assert is_out_of_order(failure) is expected
    assert not is_out_of_order(StorageError('gone'))
