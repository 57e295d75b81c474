"""Sending: one attempt of a call, from waiting for its turn to its answer.

The order is what keeps both quota and money safe: turn → stop switch → claim → send. A claim is made only when its call
is about to be sent, so that a crash leaves no call in doubt that was merely waiting.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.client import ApiClient
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Busy, Claim, InDoubt, Ledger
from beam_image_edit.transforms.limits.call_ends import UNSENT, end_of
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.scheduler import settled
from beam_image_edit.transforms.stop_switch import StopSwitch
from beam_image_edit.transforms.tried_calls import Sent, TriedCall, look_at


@dataclass(frozen=True, slots=True)
class Sendable:
    """A call ready to be sent: its request key, its sample's name, its request and what it may cost."""

    key: str
    name: str
    request: HttpRequest
    stake: Stake


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
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._limiter = limiter
        self._switch = switch
        self._takes_up = takes_up
        self._wait_for_service = wait_for_service
        self._on_fatal = on_fatal

    async def send(self, call: Sendable, tried: TriedCall) -> Record | InDoubt | Busy | Sent:
        """Sends a call once, if nobody else does or did.

        Raises:
            Stopped: nothing may be sent any more.
            StorageError: it could not be claimed; it was not sent.
        """
        turn = tried.turn = await settled(self._limiter.enter(tried.images_asked, tried.turn))
        end = UNSENT
        try:
            if self._wait_for_service:
                self._wait_for_service(turn.images)
            self._switch.check()
            claim = self._ledger.claim(call.key, self._takes_up, call.stake, call.name)
            if not isinstance(claim, Claim):
                return claim
            began = time.monotonic()
            answer = self._client.send(call.request)
            latency_s = round(time.monotonic() - began, 3)
            error = answer if isinstance(answer, ApiError) else None
            end = end_of(error)
            if error and error.kind == 'fatal':
                # Before the turn is given back: nobody who waits for one may send.
                self._on_fatal(error.message)
        finally:
            self._limiter.leave(turn, end)
        return Sent(claim, answer if isinstance(answer, ApiError) else look_at(answer), latency_s)
