"""A record: what one call brought, as the ledger keeps it.

It is written once, after its images, and is all that a rerun needs: the manifest's fields come from it and from the row
alone, and a conversation goes on from its parts.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, Literal, TypeVar

from beam_image_edit.transforms.json_text import write_compact
from beam_image_edit.transforms.outcomes import STATUSES
from beam_image_edit.transforms.usage import Usage

Billed = Literal['yes', 'no', 'maybe']
_Value = TypeVar('_Value')
_Number = TypeVar('_Number', int, float)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image file below the cache path: where it is, and how to see that it is still the same."""

    path: str
    bytes: int
    sha256: str
    width: int
    height: int
    mime: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a call was sent.

    Attributes:
        number: from 1, over all runs.
        run_id: the run that sent it.
        billed: whether the provider charged for it, as far as can be known.
        error: what came instead of images; None for a success.
        cost_usd: what it cost, as far as can be known.
        reserved_usd: the most that it could cost; counts against a budget where the cost is not known.
        images_asked: how many images it asked for; None where that was not kept or can't be read.
    """

    number: int
    run_id: str
    billed: Billed
    error: str | None = None
    cost_usd: float | None = None
    reserved_usd: float | None = None
    images_asked: int | None = None

    def __post_init__(self) -> None:
        """Refuses what is no money, so that nothing that is read from a damaged file is added up."""
        for usd in (self.cost_usd, self.reserved_usd):
            if not (usd is None or (isinstance(usd, (int, float)) and 0 <= usd < math.inf)):
                raise ValueError(f'not an amount in dollars: {usd!r}')
        if self.images_asked is not None and not isinstance(self.images_asked, int):
            raise ValueError(f'not a number of images: {self.images_asked!r}')


@dataclass(frozen=True, slots=True)
class Record:
    """What one call brought.

    Attributes:
        key: the request key; see `request_keys`.
        status: as in a row's `edit`, for this one call.
        error: why there are no images; None if there are.
        name: the sample that bought it, whose name the images bear.
        run_id: the run that wrote this.
        api_format: which API was called.
        model: as asked for.
        images: what was stored, in the order of the answer.
        parts: the model's own parts, as `Answer.parts`.
        usage: tokens.
        attempts: every time it was sent, over all runs.
        latency_s: seconds from sending the last attempt to its answer.
    """

    key: str
    status: str
    error: str | None
    name: str
    run_id: str
    api_format: str
    model: str
    images: tuple[StoredImage, ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()
    usage: Usage = field(default_factory=Usage)
    attempts: tuple[Attempt, ...] = ()
    request_id: str | None = None
    model_version: str | None = None
    finish_reason: str | None = None
    latency_s: float | None = None

    @property
    def cost_usd(self) -> float | None:
        """What all attempts have cost, as far as can be known; None if nothing is."""
        return sum_known([attempt.cost_usd for attempt in self.attempts])

    def to_json(self) -> bytes:
        """The record as the ledger's file."""
        return write_compact(self)

    @classmethod
    def from_json(cls, content: bytes) -> 'Record':
        """The record of a ledger's file.

        Raises:
            ValueError: the file is cut off or is not a record.
        """
        try:
            record = _make(cls, json.loads(content))
            if record.status not in STATUSES:
                raise ValueError(f'not a status: {record.status!r}')
            return replace(
                record,
                images=tuple(_make(StoredImage, image) for image in record.images),
                parts=tuple(record.parts),
                usage=_make(Usage, record.usage),
                attempts=tuple(_make(Attempt, attempt) for attempt in record.attempts),
            )
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f'not a ledger record: {type(error).__name__}: {error}') from error


def _make(kind: type[_Value], members: Any) -> _Value:
    # Members of a later version are left out: what was bought by it stays bought.
    known = {member.name for member in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in members.items() if name in known})


def sum_known(values: Sequence[_Number | None]) -> _Number | None:
    """The sum of what is known; None if nothing is.

    >>> sum_known([1, None, 2]), sum_known([None])
    (3, None)
    """
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def count_double_billed(attempts: tuple[Attempt, ...], run_id: str | None = None) -> int:
    """How many calls may have been billed that followed another one that may have been.

    Args:
        attempts: of one call, in order.
        run_id: count only what this run sent again; None for all runs.
    """
    billed = [attempt for attempt in attempts if attempt.billed != 'no']
    return sum(earlier.billed == 'maybe' and run_id in (None, later.run_id) for earlier, later in pairwise(billed))
