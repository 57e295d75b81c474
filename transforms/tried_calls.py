"""Tried calls: what came of each time that a call was sent, and what that means for its record and its price.

An answer can be one of three things: images that can be used, a failure that costs nothing, or a failure that may have
been, or certainly was, paid for. Everything here follows from the answer alone; nothing is sent or stored.
"""

from dataclasses import dataclass, field, replace

from beam_image_edit.transforms.claims import Claim
from beam_image_edit.transforms.clients.calls import Answer
from beam_image_edit.transforms.clients.payloads import bad_image
from beam_image_edit.transforms.errors import ApiError, BrokenPicture
from beam_image_edit.transforms.limits.turns import Turn
from beam_image_edit.transforms.outcomes import FAILED, IN_DOUBT, NO_IMAGE, REFUSED
from beam_image_edit.transforms.pictures import PictureInfo, identify
from beam_image_edit.transforms.prices import Price
from beam_image_edit.transforms.records import Attempt, Billed
from beam_image_edit.transforms.retries import Tries
from beam_image_edit.transforms.usage import Usage


@dataclass(frozen=True, slots=True)
class Brought:
    """An answer whose images were looked at."""

    answer: Answer
    images: tuple[tuple[bytes, PictureInfo], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A claimed call after it was sent."""

    claim: Claim
    result: Brought | ApiError
    latency_s: float

    @property
    def usage(self) -> Usage | None:
        """The tokens that the answer reports."""
        return self.result.usage if isinstance(self.result, ApiError) else self.result.answer.usage

    @property
    def billed(self) -> Billed:
        """Whether it was paid for, as far as can be known."""
        return _billed_of(self.result) if isinstance(self.result, ApiError) else 'yes'


@dataclass(slots=True)
class TriedCall:
    """How a call has gone so far in this run: every time it was sent, and the tokens of all answers.

    Attributes:
        run_id: of this run.
        images_asked: how many images the call asks for.
        price: of the model; None if it is not known.
        attempts: every time that it was sent, over all runs.
        tries: how it has failed in this run.
        usage: the tokens of all answers in this run.
        turn: its last turn.
    """

    run_id: str
    images_asked: int
    price: Price | None
    attempts: tuple[Attempt, ...] = ()
    tries: Tries = field(default_factory=Tries)
    usage: Usage = field(default_factory=Usage)
    turn: Turn | None = None

    @property
    def wait_s(self) -> float:
        """How long it is to wait before it asks for its next turn."""
        return self.turn.wait_s if self.turn else 0.0

    @property
    def may_be_billed(self) -> bool:
        """Whether a call whose answer was lost may have been paid for."""
        return any(attempt.billed == 'maybe' for attempt in self.attempts)

    def note(self, sent: Sent) -> None:
        """Adds an attempt."""
        error = sent.result if isinstance(sent.result, ApiError) else None
        if error:
            self.tries = replace(self.tries.plus(error), overtaken=self.turn.overtaken if self.turn else 0)
        attempt = Attempt(
            number=sent.claim.number,
            run_id=self.run_id,
            billed=sent.billed,
            error=error.message if error else None,
            cost_usd=self._cost_of(sent),
            reserved_usd=sent.claim.intent.reserved_usd,
            images_asked=self.images_asked,
        )
        self.attempts = (*sent.claim.earlier, attempt)
        self.usage = self.usage.plus(sent.usage) if sent.usage else self.usage

    def status_of(self, error: ApiError) -> str:
        """The status of the call if it ends with this error."""
        if error.kind == 'refused':
            return REFUSED
        if error.kind == 'no_image':
            return NO_IMAGE
        # What stops the job says nothing of what became of the calls before it.
        is_in_doubt = self.may_be_billed if error.kind == 'fatal' else error.may_be_billed and error.kind == 'retry'
        return IN_DOUBT if is_in_doubt else FAILED

    def explain(self, error: ApiError) -> str:
        """Why the call ends with this error."""
        if error.kind == 'quota':
            return f'{error.message} (turned away again and again, while later calls were let in)'
        return error.message

    def _cost_of(self, sent: Sent) -> float | None:
        if self.price is None:
            return None
        # An answer whose image can't be read, or fetched, has been charged for it all the same.
        has_images = isinstance(sent.result, Brought) or sent.billed == 'maybe'
        return self.price.cost_usd(sent.usage, self.images_asked, sent.billed, has_images)


def look_at(answer: Answer) -> Brought | ApiError:
    """The answer with its images looked at. One that can't be read does not spoil the others, which are paid for."""
    good: dict[int, tuple[bytes, PictureInfo]] = {}
    problem = ''
    for position, content in enumerate(answer.images):
        try:
            good[position] = (content, identify(content))
        except BrokenPicture as error:
            problem = str(error)
        except Exception as error:  # whatever a reader of pictures stumbles over: the call has been paid for
            problem = f'{type(error).__name__}: {error}'
    if not good:
        return replace(bad_image(problem), usage=answer.usage, request_id=answer.request_id)
    return Brought(answer.with_images(list(good)), tuple(good.values()))


def _billed_of(error: ApiError) -> Billed:
    """Whether a failed call was paid for, as far as can be known."""
    if error.may_be_billed:
        return 'maybe'
    # An answer in words, or one that was cut short, is charged for its tokens.
    return 'yes' if error.kind in ('no_image', 'permanent') and error.usage and error.usage.total else 'no'
