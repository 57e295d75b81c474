"""Calls that are wanted, and what earlier runs have left of them; nothing here claims or sends."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from beam_image_edit.transforms.claims import InDoubt
from beam_image_edit.transforms.clients.calls import Call
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.outcomes import FAILED, IN_DOUBT
from beam_image_edit.transforms.prices import CallSize
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.reruns import Reruns

LOST = 'sent before, and its answer was lost'


@dataclass(frozen=True, slots=True)
class Purchase:
    """A call to be bought.

    Attributes:
        key: its request key.
        name: the sample's name, for its images.
        first: the number of its first image.
        model: the model's name.
        size: what decides the most that it can cost.
        read_bytes: how much `make_call` reads into memory.
        make_call: puts the call together; only called if it must be sent, since it may read images.
    """

    key: str
    name: str
    first: int
    model: str
    size: CallSize
    read_bytes: int
    make_call: Callable[[], Call]


class EarlierCalls:
    """Finds what is known of calls. Every method raises StorageError if the store fails.

    Args:
        ledger: what has been bought.
        reruns: what is bought again of that.
        api_format: the API's format, for records.
    """

    def __init__(self, ledger: Ledger, reruns: Reruns, api_format: str) -> None:
        self._ledger = ledger
        self._reruns = reruns
        self._api_format = api_format

    def find(self, purchase: Purchase) -> Record | None:
        """The record of a call that is not bought again; None if there is none, or it is."""
        record = self._ledger.find(purchase.key)
        return record and self._reruns.use(record)

    def find_left_alone(self, purchase: Purchase) -> Record | None:
        """A record for a call in doubt that a crash has left without one, where such calls are not sent again."""
        if self._reruns.is_retrying_in_doubt:
            return None
        known = self._ledger.look_up(purchase.key)
        return self.new_record(purchase, IN_DOUBT, LOST, known.attempts) if isinstance(known, InDoubt) else None

    def find_unended(self, purchase: Purchase, reason: str) -> Record | None:
        """What was paid, or may have been, for a call that would be bought again but may not be sent.

        Args:
            purchase: the call.
            reason: why it may not be sent.
        """
        known = self._ledger.look_up(purchase.key)
        if isinstance(known, InDoubt):
            return self.new_record(purchase, IN_DOUBT, f'{LOST}; not sent again: {reason}', known.attempts)
        if known is None or known.status not in (FAILED, IN_DOUBT):
            return None
        return replace(known, error=f'{known.error}; not sent again: {reason}')

    def new_record(self, purchase: Purchase, status: str, error: str | None, attempts: tuple[Attempt, ...]) -> Record:
        """A record of this run."""
        return Record(
            key=purchase.key,
            status=status,
            error=error,
            name=purchase.name,
            run_id=self._reruns.run_id,
            api_format=self._api_format,
            model=purchase.model,
            attempts=attempts,
        )
