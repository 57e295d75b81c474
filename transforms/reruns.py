"""Reruns: which of the calls that earlier runs have made are made again, and which of them are used."""

from collections.abc import Collection
from dataclasses import replace

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.image_files import find_damage
from beam_image_edit.transforms.ledger import is_open
from beam_image_edit.transforms.outcomes import FAILED, IN_DOUBT, NO_IMAGE, REFUSED
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.storage import Storage

# Complete outcomes, which are asked for again only if the user says so.
RETRIABLE = (REFUSED, NO_IMAGE)


class Reruns:
    """What a run does with the records of earlier ones.

    Args:
        storage: the cache path.
        run_id: of this run.
        retried: the statuses of RETRIABLE that are asked for again; failures always are.
        is_checking_images: whether bought images are read and compared, instead of only their sizes.
        is_repairing: whether a call is bought again if its images are gone or altered.
        is_retrying_in_doubt: whether a failed call is sent again that may have been billed.
    """

    def __init__(
        self,
        storage: Storage,
        run_id: str,
        retried: Collection[str] = (),
        is_checking_images: bool = False,
        is_repairing: bool = False,
        is_retrying_in_doubt: bool = True,
    ) -> None:
        self.run_id = run_id
        self._storage = storage
        self._retried = (FAILED, IN_DOUBT, *retried)
        self._is_checking_images = is_checking_images
        self._is_repairing = is_repairing
        self.is_retrying_in_doubt = is_retrying_in_doubt

    def takes_up(self, record: Record) -> bool:
        """Whether a call is bought again in spite of its record."""
        return self._is_open(record) or (self._is_repaired(record) and self._find_damage(record) is not None)

    def use(self, record: Record) -> Record | None:
        """The record if its call is not taken up: as a failure if an image is gone or altered."""
        if self._is_open(record):
            return None
        damage = self._find_damage(record)
        if damage is None:
            return record
        if self._is_repaired(record):
            return None
        return replace(record, status=FAILED, error=f'{damage}; put it back, or buy it again with --repair', images=())

    def _is_open(self, record: Record) -> bool:
        if not self.is_retrying_in_doubt and any(attempt.billed == 'maybe' for attempt in record.attempts):
            return False
        return is_open(record, self.run_id, self._retried)

    def _is_repaired(self, record: Record) -> bool:
        return self._is_repairing and record.run_id != self.run_id

    def _find_damage(self, record: Record) -> str | None:
        # What this process has just written needs no second look.
        is_reading = self._is_checking_images and record.run_id != self.run_id
        return find_damage(self._storage, record.images, is_reading)


def check_retried(statuses: Collection[str]) -> None:
    """Raises ConfigurationError for a status that can't be asked for again."""
    for status in statuses:
        if status not in RETRIABLE:
            raise ConfigurationError(f'only {" and ".join(RETRIABLE)} rows can be retried, got {status!r}')
