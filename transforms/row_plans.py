"""A row's plan: what a run would make of a row, told without sending anything."""

from dataclasses import dataclass, replace

from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.row_calls import RowCalls, Step


@dataclass(frozen=True, slots=True)
class RowPlan:
    """What a run would make of a row now.

    Attributes:
        status: how the row would end, one of outcomes.STATUSES; None if that is up to calls that have to be sent.
        error: why it would not be edited, as the manifest would say it.
        calls: all calls of the row, without the bytes of its pictures; None if it can't be used.
        bought: what the ledger has of them, in order.
        unbought: those that have to be sent.
    """

    status: str | None
    error: str | None = None
    calls: RowCalls | None = None
    bought: tuple[Record, ...] = ()
    unbought: tuple[Step, ...] = ()


def without_bytes(calls: RowCalls) -> RowCalls:
    """The calls with their pictures to be read again when they are needed."""
    mask = calls.mask and calls.mask.without_bytes()
    return replace(calls, images=tuple(image.without_bytes() for image in calls.images), mask=mask)
