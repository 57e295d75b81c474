"""Sending: one attempt of a call, from waiting for its turn to its answer.

The order is what keeps both quota and money safe: turn → stop switch → claim → send. A claim is made only when its call
is about to be sent, so that a crash leaves no call in doubt that was merely waiting.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from beam_image_edit.transforms.claims import Busy, Claim, InDoubt
from beam_image_edit.transforms.clients.calls import Answer, HttpRequest
from beam_image_edit.transforms.clients.client import ApiClient
from beam_image_edit.transforms.doubtful_answers import DoubtfulAnswers
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.limits.call_ends import UNSENT, end_of
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.memory import Hold
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.scheduler import settled
from beam_image_edit.transforms.stop_switch import StopSwitch
from beam_image_edit.transforms.tried_calls import Sent, TriedCall, look_at

# An answer's bytes are there together with the images that are read out of them.
_MEMORY_OF_AN_ANSWER = 2


@dataclass(slots=True)
class Outgoing:
    """A call on its way out.

    Attributes:
        key: its request key.
        name: its sample's name.
        stake: what it may cost.
        hold: the memory that it takes.
        read_bytes: how much has to be read into memory for its request.
        make_request: reads it.
        request: what is sent, as often as it takes; None until it is made.
    """

    key: str
    name: str
    stake: Stake
    hold: Hold
    read_bytes: int
    make_request: Callable[[], HttpRequest]
    request: HttpRequest | None = None

    def prepare(self) -> None:
        """Makes the request, if there is memory for it; then nothing has to be read when its turn has come."""
        if self.request is None and self.hold.try_resize(self.read_bytes):
            self.request = self.make_request()

    def take_request(self) -> HttpRequest:
        """The request; it may have to wait for memory."""
        if self.request is None:
            self.hold.resize(self.read_bytes)
            self.request = self.make_request()
        return self.request

    def make_room(self, answer_bytes: int) -> None:
        """Waits until there is memory for so much of the answer."""
        self.hold.resize(self.read_bytes + _MEMORY_OF_AN_ANSWER * answer_bytes)


class Sender:
    """Sends calls, each when its turn has come; safe to share between threads.

    Args:
        client: sends requests.
        ledger: where a call is claimed before it is sent.
        limiter: gives calls their turns.
        switch: whether anything may be sent.
        takes_up: whether a call with this record is sent again.
        wait_for_service: asks a service for leave to send so many images, and waits until it has it.
        on_fatal: told why, when an answer means that every further call would fail.
        longest_wait_s: that a server may ask for.
        answers: decides which of them is fatal.
    """

    def __init__(
        self,
        *,
        client: ApiClient,
        ledger: Ledger,
        limiter: Limiter,
        switch: StopSwitch,
        takes_up: Callable[[Record], bool],
        wait_for_service: Callable[[int], None] | None,
        on_fatal: Callable[[str], None],
        longest_wait_s: float,
        answers: DoubtfulAnswers,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._limiter = limiter
        self._switch = switch
        self._takes_up = takes_up
        self._wait_for_service = wait_for_service
        self._on_fatal = on_fatal
        self._longest_wait_s = longest_wait_s
        self._answers = answers

    async def send(self, call: Outgoing, tried: TriedCall) -> Record | InDoubt | Busy | Sent:
        """Sends a call once, if nobody else does or did.

        Raises:
            Stopped: nothing may be sent any more.
            StorageError: it could not be claimed, or what it edits is gone; it was not sent.
            InvalidInput: a picture has changed since it was looked at; it was not sent.
        """
        turn = tried.turn = await settled(self._limiter.enter(tried.images_asked, tried.turn))
        end, answer = UNSENT, None
        try:
            if self._wait_for_service:
                self._wait_for_service(turn.images)
            request = call.take_request()
            self._switch.check()
            claim = self._ledger.claim(call.key, self._takes_up, call.stake, call.name)
            if not isinstance(claim, Claim):
                return claim
            began = time.monotonic()
            answer = self._client.send(request, call.make_room)
            latency_s = round(time.monotonic() - began, 3)
            error = answer if isinstance(answer, ApiError) else None
            call.hold.resize(call.read_bytes + (0 if isinstance(answer, ApiError) else sum(map(len, answer.images))))
            end = end_of(error, self._longest_wait_s)
            if self._answers.are_fatal(call.key, error):
                # Before the turn is given back: nobody who waits for one may send.
                self._on_fatal(str(error))
        finally:
            if not isinstance(answer, Answer):
                # It may wait for its next turn, which those who wait for memory have.
                call.hold.give_way()
            self._limiter.leave(turn, end)
        return Sent(claim, answer if isinstance(answer, ApiError) else look_at(answer), latency_s)
