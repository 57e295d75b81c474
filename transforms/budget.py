"""The budget: what has been spent, what may still be spent, and for which rows.

Rows are admitted in their order: one is, if all calls that are not bought yet, up to and including its own, fit into
what is left, each at the most that it can cost. So the answer for a whole job is one number, the order of the first row
that is not admitted, and every worker comes to the same decision without asking another one. A call that may have been
billed counts as spent.

Money is counted in whole millionths of a millionth of a dollar, so that 25 times $0.039 is $0.975 to the last digit.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beam_image_edit.transforms.ledger import FOLDERS, Ledger
from beam_image_edit.transforms.prices import CallSize, Price
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.samples import Sample

PARTS_PER_USD = 10**12
MAX_USD = 100_000
ADMIT_ALL = 2**63 - 1
# Above what any row costs and any budget is; for a row whose price can't be found out.
_UNPAYABLE = 10 * MAX_USD * PARTS_PER_USD
# Rows without an index come after all that have one.
_FIRST_UNNUMBERED = 2**62
_READERS = 16

Reservations = npt.NDArray[np.int64]
"""A line for each call that is not bought yet: its row's order, a digest of its key, the most that it can cost."""


def to_parts(usd: float) -> int:
    """Dollars as a whole number.

    >>> 25 * to_parts(0.039) == to_parts(0.975)
    True
    """
    return round(usd * PARTS_PER_USD)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a job may spend, over all runs with its ledger.

    Attributes:
        usd: the most to spend, in dollars.
        price: of the model.
    """

    usd: float
    price: Price

    @property
    def refusal(self) -> str:
        """Why a call that is not admitted is not sent."""
        return (
            f'it does not fit into what is left of --max_cost_usd {self.usd:g}, where each call counts with the most '
            f'that it can cost ({self.price}; --price_per_image sets another price)'
        )

    def reserve(self, sample: Sample, unbought: Sequence[tuple[str, CallSize]] | None) -> Reservations:
        """What a row's calls can cost at the most.

        Args:
            sample: the row.
            unbought: its calls that are not bought yet, each with a key; None if that can't be found out.
        """
        order = order_of(sample)
        if unbought is None:
            return np.array([[order, order, _UNPAYABLE]], np.int64)
        lines = [(order, _digest(key), self._most(size)) for key, size in unbought]
        return np.array(lines, np.int64).reshape(-1, 3)

    def find_limit(self, reservations: Iterable[Reservations], ledger: Ledger) -> int:
        """The order of the first row that is not admitted; ADMIT_ALL if all are.

        A call that several rows share counts once, for the first of them.

        Args:
            reservations: of all rows, in any order.
            ledger: what has been spent.
        """
        left = to_parts(self.usd) - self._add_up_spending(ledger)
        lines = np.concatenate([np.empty((0, 3), np.int64), *reservations])
        lines = lines[np.lexsort((lines[:, 1], lines[:, 0]))]
        _, firsts = np.unique(lines[:, 1], return_index=True)
        lines = lines[np.sort(firsts)]
        for order, total in zip(lines[:, 0].tolist(), itertools.accumulate(lines[:, 2].tolist()), strict=True):
            if total > left:
                return int(order)
        return ADMIT_ALL

    def _most(self, size: CallSize) -> int:
        return min(to_parts(self.price.worst_case_usd(size)), _UNPAYABLE)

    def _add_up_spending(self, ledger: Ledger) -> int:
        """All that was spent, or may have been, on the calls in a ledger, in parts."""
        unknown = self._most(CallSize(0, (), 1))

        def add_up(folder: str) -> int:
            calls = ledger.list_calls(folder).items()
            return sum(
                _spent_on(attempt, unknown) for key, numbers in calls for attempt in ledger.attempts(key, numbers)
            )

        with ThreadPoolExecutor(_READERS) as readers:
            return sum(readers.map(add_up, FOLDERS))


def order_of(sample: Sample) -> int:
    """A row's place in the order of admission: its index, or for rows without one a number made of its text."""
    if sample.index is not None:
        return sample.index
    return _FIRST_UNNUMBERED + int.from_bytes(hashlib.sha256(sample.text.encode('utf-8', 'replace')).digest()[:7])


def _spent_on(attempt: Attempt, unknown: int) -> int:
    if attempt.cost_usd is not None:
        return to_parts(attempt.cost_usd)
    if attempt.billed == 'no':
        return 0
    return unknown if attempt.reserved_usd is None else to_parts(attempt.reserved_usd)


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)
