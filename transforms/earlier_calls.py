"""Calls that are wanted, and what earlier runs have left of them; nothing here claims or sends."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from beam_image_edit.transforms.clients.calls import Call
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.outcomes import EDITED, FAILED, IN_DOUBT, NOT_SENT_AGAIN
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
    """Finds what is known of calls.

    Args:
        ledger: what has been bought.
        reruns: what is bought again of that.
        api_format: the API's format, for records.
    """

    def __init__(self, ledger: Ledger, reruns: Reruns, api_format: str) -> None:
        self._ledger = ledger
        self._reruns = reruns
        self._api_format = api_format

    def find(self, purchase: Purchase) -> tuple[Record | None, Record | None]:
        """The record of a call that is not to be bought (again), and what the ledger has of it; None for nothing.

        Raises:
            StorageError: the store fails.
        """
        known = self._ledger.find(purchase.key)
        if known:
            return self._reruns.use(known), known
        return (None if self._reruns.is_retrying_in_doubt else self._find_left_alone(purchase)), None

    def _find_left_alone(self, purchase: Purchase) -> Record | None:
        """A record for a call in doubt that another run has left without one."""
        attempts = self._ledger.find_doubt(purchase.key)
        if not attempts or attempts[-1].run_id == self._reruns.run_id:
            return None
        return self.new_record(purchase, IN_DOUBT, LOST, attempts)

    def tell_unended(self, purchase: Purchase, known: Record | None, reason: str) -> Record | None:
        """What was paid, or may have been, for a call that would be bought again but may not be sent; None: nothing.

        Args:
            purchase: the call.
            known: what the ledger has of it.
            reason: why it may not be sent.

        Raises:
            StorageError: the store fails.
        """
        if known is None:
            attempts = self._ledger.find_doubt(purchase.key)
            known = self.new_record(purchase, IN_DOUBT, LOST, attempts) if attempts else None
        if known is None or all(attempt.billed == 'no' for attempt in known.attempts):
            return None
        if known.status == EDITED:
            known = replace(known, status=FAILED, error='its image is gone or altered', images=())
        return replace(known, error=f'{known.error}; {NOT_SENT_AGAIN}: {reason}')

    def new_record(self, purchase: Purchase, status: str, error: str | None, attempts: tuple[Attempt, ...]) -> Record:
        """A record that this run writes or tells of."""
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
