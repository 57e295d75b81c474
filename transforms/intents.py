"""An intent: what the ledger keeps of one attempt of a call, written before the call is sent."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from beam_image_edit.transforms.json_text import write_compact
from beam_image_edit.transforms.owners import Owner
from beam_image_edit.transforms.records import Attempt, Billed

# sent: and nothing more is known; failed: `billed` and `error` say how; unsent: it turned out to be bought already.
State = Literal['sent', 'failed', 'unsent']


@dataclass(frozen=True, slots=True)
class Stake:
    """What is at stake when a call is sent.

    Attributes:
        cost_usd: what it costs if its answer is lost; None where that can't be known.
        reserved_usd: the most that it can cost; None where no price is known.
        images_asked: how many images it asks for.
    """

    cost_usd: float | None = None
    reserved_usd: float | None = None
    images_asked: int | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One attempt of a call.

    Attributes:
        attempt: its number, from 1, over all runs.
        run_id: the run whose attempt it is.
        owner: the process that sends; None if that can't be known.
        token: tells this claim from every other one of the process.
        expires_at: until when the call can take at the most, in seconds since the epoch.
        state: how far it has come.
        billed: what it cost, as far as can be known.
        error: what came instead of images.
        cost_usd: what it cost, as far as can be known.
        reserved_usd: the most that it can cost; None where no price is known.
        images_asked: how many images it asks for; None where that was not kept.
        name: the sample's name, which its images are to bear; who takes the call over stores them in the same place.
    """

    attempt: int
    run_id: str
    owner: Owner | None
    token: str
    expires_at: float
    state: State = 'sent'
    billed: Billed = 'maybe'
    error: str | None = None
    cost_usd: float | None = None
    reserved_usd: float | None = None
    images_asked: int | None = None
    name: str = ''

    def failed(self, billed: Billed, error: str, cost_usd: float | None = None) -> 'Intent':
        """The intent of a call that brought no images, and that nobody has to wait for."""
        return replace(self, state='failed', billed=billed, error=error, cost_usd=cost_usd)

    def unsent(self) -> 'Intent':
        """The intent of a call that was not sent after all."""
        return replace(self, state='unsent', billed='no', cost_usd=0.0)

    def to_attempt(self) -> Attempt:
        """The intent of a call that is over, as records tell it."""
        attempt = Attempt(
            number=self.attempt,
            run_id=self.run_id,
            billed=self.billed,
            error=self.error,
            cost_usd=self.cost_usd,
            reserved_usd=self.reserved_usd,
            images_asked=self.images_asked,
        )
        if self.state == 'sent':
            return replace(attempt, billed='maybe', error='its worker died with the call in flight')
        return attempt

    def to_json(self) -> bytes:
        """The intent as the ledger's file."""
        return write_compact(self)

    @classmethod
    def from_json(cls, content: bytes) -> 'Intent':
        """The intent of a ledger's file.

        Raises:
            ValueError: the file is cut off or is not an intent.
        """
        try:
            fields: dict[str, Any] = json.loads(content)
            intent = cls(
                attempt=fields['attempt'],
                run_id=str(fields['run_id']),
                owner=Owner.from_json(fields['owner']),
                token=fields['token'],
                expires_at=float(fields['expires_at']),
                state=fields['state'],
                billed=fields['billed'],
                error=fields['error'],
                # Not in the files of the first version.
                cost_usd=fields.get('cost_usd'),
                reserved_usd=fields.get('reserved_usd'),
                images_asked=fields.get('images_asked'),
                name=str(fields.get('name', '')),
            )
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError(f'not an intent: {type(error).__name__}: {error}') from error
        if not math.isfinite(intent.expires_at):
            raise ValueError(f'not an intent: expires_at {intent.expires_at}')
        if intent.state not in ('sent', 'failed', 'unsent') or intent.billed not in ('yes', 'no', 'maybe'):
            raise ValueError(f'not an intent: state {intent.state!r}, billed {intent.billed!r}')
        intent.to_attempt()  # which checks the rest
        return intent

    @classmethod
    def unreadable(cls, attempt: int) -> 'Intent':
        """What must be taken for an intent that can't be read: sent by nobody who lives."""
        return cls(attempt, '', None, '', 0.0)
