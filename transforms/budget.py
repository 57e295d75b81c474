"""The budget: what has been spent, what may still be spent, and for which rows.

Before the first call of a job all rows are looked at in their order. A row is admitted if all calls that are not bought
yet, up to and including its own, fit into what is left, each at the most that it can cost. Calls are admitted, not
rows: only what was reserved can be sent, whatever a row turns out to be when it is looked at again, and every worker
comes to the same decision without asking another one. A call that may have been billed counts as spent.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.money import to_parts, to_usd
from beam_image_edit.transforms.parameter_checks import MAX_IMAGES_PER_CALL
from beam_image_edit.transforms.prices import CallSize, Price
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.samples import Sample

MAX_USD = 100_000
# Above any budget, and far below what a line of reservations can hold.
_MOST_PARTS = to_parts(10 * MAX_USD)
# Rows without an index come after all that have one.
_FIRST_UNNUMBERED = 2**62

Reservations = npt.NDArray[np.int64]
"""A line for each call that is not bought yet: its row's order, a digest of its reservation, the most it can cost."""
_NO_RESERVATIONS = np.empty((0, 3), np.int64)
# What is taken for a call of which the ledger can tell nothing any more.
_ANY_CALL = CallSize(32_000, ((0, 0),) * 16, MAX_IMAGES_PER_CALL)


@dataclass(frozen=True, slots=True)
class Admission:
    """Which calls may be sent.

    Attributes:
        digests: of the reservations of those that may, sorted; None: all may.
        first_refused: the place of the first row that was not admitted, as `order_of` tells it; None: all were.
        refusal: why that row and those after it may not send anything.
    """

    digests: npt.NDArray[np.int64] | None = None
    first_refused: int | None = None
    refusal: str = ''

    @property
    def is_limited(self) -> bool:
        """Whether it has to be asked at all."""
        return self.digests is not None

    def refuse(self, reservation: str, order: int) -> str | None:
        """Why a call of the row at this place (see `order_of`) may not be sent; None if it may."""
        if self.digests is None:
            return None
        digest = _digest(reservation)
        place = np.searchsorted(self.digests, digest)
        if place < len(self.digests) and self.digests[place] == digest:
            return None
        is_beyond = self.first_refused is not None and order >= self.first_refused
        return self.refusal if is_beyond else _UNFORESEEN


ADMIT_ALL = Admission()
_UNFORESEEN = (
    'nothing is reserved for it, since its images could not be read when the budget was divided: '
    'run the same command again'
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a job may spend, over all runs with its ledger.

    Attributes:
        usd: the most to spend, in dollars.
        price: of the model.
    """

    usd: float
    price: Price

    def reserve(self, sample: Sample, unbought: Sequence[tuple[str, CallSize]]) -> Reservations:
        """What a row's calls can cost at the most.

        Args:
            sample: the row.
            unbought: its calls that are not bought yet, each with its reservation's name.
        """
        order = order_of(sample)
        lines = [(order, _digest(reservation), self._most(size)) for reservation, size in unbought]
        return np.array(lines, np.int64).reshape(-1, 3)

    def admit(self, reservations: Iterable[Reservations], ledger: Ledger) -> Admission:
        """The calls that may be sent. One that several rows share counts once, for the first of them.

        Args:
            reservations: of all rows, in any order.
            ledger: what has been spent.
        """
        spent = sum(map(self._spent_on, ledger.all_attempts()))
        lines = np.concatenate([_NO_RESERVATIONS, *reservations])
        lines = lines[np.lexsort((lines[:, 1], lines[:, 0]))]
        _, firsts = np.unique(lines[:, 1], return_index=True)
        lines = lines[np.sort(firsts)]
        totals = list(itertools.accumulate(lines[:, 2].tolist(), initial=spent))
        limit = to_parts(self.usd)
        first_refused = next(
            (int(row) for row, total in zip(lines[:, 0], totals[1:], strict=True) if total > limit), None
        )
        admitted = lines if first_refused is None else lines[lines[:, 0] < first_refused]
        return Admission(np.sort(admitted[:, 1]), first_refused, self._explain(spent, totals[-1]))

    def _most(self, size: CallSize) -> int:
        return min(to_parts(self.price.worst_case_usd(size)), _MOST_PARTS)

    def _explain(self, spent: int, needed: int) -> str:
        return (
            f'nothing is reserved for it: --max_cost_usd {self.usd:g} does not reach so far; ${to_usd(spent):,.2f} was '
            f'spent, or is kept for calls whose answer was lost, and all rows need ${_round_up(needed):,.2f} '
            f'(each call counts with the most that it can cost; {self.price}; --price_per_image sets another price)'
        )

    def _spent_on(self, attempt: Attempt) -> int:
        if attempt.cost_usd is not None:
            return to_parts(attempt.cost_usd)
        if attempt.billed == 'no':
            return 0
        if attempt.reserved_usd is not None:
            return to_parts(attempt.reserved_usd)
        # Sent when no price was known, or told of by a file that can't be read any more.
        return self._most(replace(_ANY_CALL, images_asked=attempt.images_asked or _ANY_CALL.images_asked))


def _round_up(parts: int) -> float:
    """Parts as dollars, so that as large a budget reaches."""
    return -(-parts // to_parts(0.01)) / 100


def order_of(sample: Sample) -> int:
    """A row's place in the order of admission: its index, or for rows without one a number made of its text."""
    if sample.index is not None:
        return sample.index
    return _FIRST_UNNUMBERED + int.from_bytes(hashlib.sha256(sample.text.encode('utf-8', 'replace')).digest()[:7])


def _digest(reservation: str) -> int:
    return int.from_bytes(hashlib.sha256(reservation.encode()).digest()[:8], signed=True)
