"""Claims: what the ledger answers to who wants to send a call."""

from dataclasses import dataclass

from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.records import Attempt


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one attempt of a call.

    Attributes:
        key: the request key.
        intent: what the ledger holds of it.
        earlier: the attempts before it.
        left_name: the name that the images of an earlier attempt bear, if it got so far; else None.
    """

    key: str
    intent: Intent
    earlier: tuple[Attempt, ...]
    left_name: str | None = None

    @property
    def number(self) -> int:
        """The attempt's number, over all runs."""
        return self.intent.attempt


@dataclass(frozen=True, slots=True)
class Busy:
    """Another living worker is buying this call."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A dead worker had this call in flight; it may have been billed, and the user wants it left alone."""

    attempts: tuple[Attempt, ...]
