"""Purchases: one call from the ledger's first look-up to its stored outcome.

The order is what keeps money safe: look up → turn → claim (an intent file) → send → store the images → store the
record. Whatever happens between two of these steps, the next worker can tell what was bought.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from beam_image_edit.transforms.claims import Busy, Claim, InDoubt
from beam_image_edit.transforms.clients.client import ApiClient
from beam_image_edit.transforms.earlier_calls import LOST, EarlierCalls, Purchase
from beam_image_edit.transforms.errors import ApiError, Stopped, StorageError
from beam_image_edit.transforms.image_files import store_images
from beam_image_edit.transforms.intents import Stake
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.memory import MemoryBudget
from beam_image_edit.transforms.outcomes import EDITED, FAILED, IN_DOUBT, STOPPED
from beam_image_edit.transforms.persistence import Keeper, is_out_of_order, persist, persist_async
from beam_image_edit.transforms.prices import CallSize, Price
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.reruns import Reruns
from beam_image_edit.transforms.retries import RetryPolicy, decide_delay
from beam_image_edit.transforms.scheduler import pause, settled
from beam_image_edit.transforms.sending import Outgoing, Sender
from beam_image_edit.transforms.stop_switch import StopSwitch
from beam_image_edit.transforms.storage import Storage
from beam_image_edit.transforms.tried_calls import Brought, Sent, TriedCall

_POLL_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Buyer:
    """Buys calls, each one once; safe to share between threads.

    Args:
        client: puts requests together.
        sender: sends them.
        storage: the cache path.
        ledger: what has been bought there.
        switch: whether anything may be sent.
        memory: for what is sent and answered.
        policy: how often a call is tried.
        reruns: what is bought again of what earlier runs have bought.
        price: of the model; None if it is not known.
        on_fatal: told why, when an answer means that every further call would fail.
    """

    def __init__(
        self,
        *,
        client: ApiClient,
        sender: Sender,
        storage: Storage,
        ledger: Ledger,
        switch: StopSwitch,
        memory: MemoryBudget,
        policy: RetryPolicy,
        reruns: Reruns,
        price: Price | None,
        on_fatal: Callable[[str], None],
    ) -> None:
        self._client = client
        self._storage = storage
        self._ledger = ledger
        self._earlier = EarlierCalls(ledger, reruns, client.endpoint.format_name)
        self._switch = switch
        self._memory = memory
        self._policy = policy
        self._reruns = reruns
        self._price = price
        self._on_fatal = on_fatal
        self._sender = sender
        self._keeper = Keeper()
        self._in_flight: dict[str, Future[Record]] = {}
        self._lock = threading.Lock()

    async def find(self, purchase: Purchase) -> Record | None:
        """The record of a call that is not to be bought (again); None if it is. Nothing is claimed.

        Raises:
            StorageError: the store fails for good.
        """
        return await persist(lambda: self._earlier.find(purchase)[0])

    async def buy(self, purchase: Purchase, refusal: str | None = None) -> tuple[Record, bool]:
        """The record of a call, an earlier purchase's or that of the call that is sent now; and whether it is that.

        Args:
            purchase: the call.
            refusal: why it may not be sent; None if it may. An equal call that is being bought is waited for even so.

        Raises:
            Stopped: it may not be sent, and no earlier run has left anything of it that is to be told.
            StorageError: the store fails for good; the message says so if the call was paid for.
        """
        record, left = await persist(lambda: self._earlier.find(purchase))
        if record:
            return record, False
        try:
            return await self._buy(purchase, refusal)
        except Stopped as error:
            reason = str(error)
            record = await persist(lambda: self._earlier.tell_unended(purchase, left, reason))
            if record is None:
                raise
            return record, False

    async def _buy(self, purchase: Purchase, refusal: str | None) -> tuple[Record, bool]:
        with self._lock:
            bought = self._in_flight.get(purchase.key)
            if bought is None:
                if refusal is not None:
                    raise Stopped(refusal)
                mine = self._in_flight[purchase.key] = Future()
        if bought is not None:
            try:
                return await settled(bought), False
            finally:
                del bought  # as below
        try:
            record, is_new = await self._purchase(purchase)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(record)
            return record, is_new
        finally:
            with self._lock:
                del self._in_flight[purchase.key]
            # Its exception knows this frame, and each would keep the other and the request until garbage is collected.
            del mine

    async def _purchase(self, purchase: Purchase) -> tuple[Record, bool]:
        """The record of a call, and whether it was sent for it; another worker may have been quicker."""
        self._switch.check()
        call = Outgoing(
            key=purchase.key,
            name=purchase.name,
            stake=self._stake(purchase.size),
            hold=self._memory.open(),
            read_bytes=purchase.read_bytes,
            make_request=lambda: self._client.to_request(purchase.make_call()),
        )
        tried = TriedCall(self._reruns.run_id, purchase.size.images_asked, self._price)
        try:
            call.prepare()
            record = await self._try_until_ended(purchase, call, tried)
        except Stopped as error:
            if not tried.attempts:
                raise
            record = self._describe_stopped(purchase, tried, str(error))
        except StorageError as error:
            if is_out_of_order(error):
                self._on_fatal(f'nothing can be stored any more: {error}')
            if not tried.attempts:
                raise
            paid = 'it was paid for, but could not be stored: ' if tried.attempts[-1].billed == 'yes' else ''
            record = self._describe(purchase, tried, FAILED, f'{paid}{error}')
        finally:
            call.hold.release()
        return record, bool(tried.attempts)

    async def _try_until_ended(self, purchase: Purchase, call: Outgoing, tried: TriedCall) -> Record:
        polls = iter(_POLL_DELAYS_S)
        while True:
            while self._keeper.is_waiting:
                await pause(_POLL_DELAYS_S[-1])
                self._switch.check()
            # The store can only fail in this before anything is sent.
            sent = await persist_async(lambda: self._sender.send(call, tried))
            if isinstance(sent, Record):
                return sent
            if isinstance(sent, InDoubt):
                return self._earlier.new_record(purchase, IN_DOUBT, LOST, sent.attempts)
            if isinstance(sent, Busy):
                await pause(next(polls, _POLL_DELAYS_S[-1]))
                continue
            tried.note(sent)
            delay_s = None
            if isinstance(sent.result, ApiError):
                delay_s = decide_delay(sent.result, tried.tries, self._policy)
            try:
                record = await self._end(purchase, sent, tried, delay_s)
            finally:
                self._ledger.abandon(sent.claim)
            if record:
                return record
            call.hold.give_way()
            await pause(max(delay_s or 0, tried.wait_s))

    def _stake(self, size: CallSize) -> Stake:
        if self._price is None:
            return Stake(images_asked=size.images_asked)
        lost = self._price.cost_usd(None, size.images_asked, 'maybe', False)
        return Stake(lost, self._price.worst_case_usd(size), size.images_asked)

    async def _end(self, purchase: Purchase, sent: Sent, tried: TriedCall, delay_s: float | None) -> Record | None:
        """Stores how a call ended; None if it is to be tried again, or if another worker took it over."""
        if isinstance(sent.result, Brought):
            return await self._keep(purchase, sent, tried, sent.result)
        error = sent.result
        if delay_s is None:
            record = self._describe(purchase, tried, tried.status_of(error), tried.explain(error))
            record = replace(record, request_id=error.request_id, latency_s=sent.latency_s)
            return await persist(lambda: self._settle(sent.claim, lambda: record))
        cost_usd = tried.attempts[-1].cost_usd
        await persist(lambda: self._ledger.release(sent.claim, sent.billed, error.message, cost_usd))
        return None

    async def _keep(self, purchase: Purchase, sent: Sent, tried: TriedCall, brought: Brought) -> Record | None:
        """Stores what was paid for; memory holds it until it is stored or the store has failed for good."""
        answer = brought.answer
        record = replace(
            self._describe(purchase, tried, EDITED, None),
            parts=answer.parts,
            request_id=answer.request_id,
            model_version=answer.model_version,
            finish_reason=answer.finish_reason,
            latency_s=sent.latency_s,
        )

        # What an earlier attempt has stored is replaced where it is, whatever its row is called by now.
        name = sent.claim.left_name or purchase.name

        def complete() -> Record:
            images = store_images(self._storage, purchase.key, name, purchase.first, brought.images)
            return replace(record, images=images)

        began = time.monotonic()
        try:
            return await self._keeper.keep(lambda: self._settle(sent.claim, complete))
        except StorageError as error:
            if not self._keeper.has_stored_since(began):
                self._on_fatal(f'an answer was paid for, but could not be stored, nor would be the next one: {error}')
            raise

    def _settle(self, claim: Claim, complete: Callable[[], Record]) -> Record | None:
        """Stores an outcome; None if another worker took the call over, so that what it brings is what counts."""
        if self._ledger.is_taken_over(claim):
            return None
        record = complete()
        self._ledger.settle(record, claim)
        return record

    def _describe_stopped(self, purchase: Purchase, tried: TriedCall, reason: str) -> Record:
        """What a call has come to that is not tried again because the job was stopped; not for the ledger."""
        status = IN_DOUBT if tried.may_be_billed else STOPPED
        return self._describe(purchase, tried, status, f'{tried.attempts[-1].error}; not tried again: {reason}')

    def _describe(self, purchase: Purchase, tried: TriedCall, status: str, error: str | None) -> Record:
        return replace(self._earlier.new_record(purchase, status, error, tried.attempts), usage=tried.usage)
