"""Purchases: one call from the ledger's first look-up to its stored outcome.

The order is what keeps money safe: look up → slot → claim (an intent file) → send → store the images → store the
record. Whatever happens between two of these steps, the next worker can tell what was bought.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TypeVar

from beam_image_edit.transforms.call_window import CallWindow
from beam_image_edit.transforms.clients.calls import Answer, Call, HttpRequest
from beam_image_edit.transforms.clients.client import ApiClient
from beam_image_edit.transforms.clients.payloads import bad_image
from beam_image_edit.transforms.errors import ApiError, BrokenPicture, Stopped, StorageError
from beam_image_edit.transforms.image_files import store_images
from beam_image_edit.transforms.ledger import Busy, Claim, InDoubt, Ledger, is_open, ledger_path
from beam_image_edit.transforms.outcomes import EDITED, FAILED, IN_DOUBT, NO_IMAGE, REFUSED, STOPPED
from beam_image_edit.transforms.pictures import PictureInfo, identify
from beam_image_edit.transforms.records import Attempt, Billed, Record
from beam_image_edit.transforms.retries import RetryPolicy, Tries, decide_delay
from beam_image_edit.transforms.scheduler import pause, settled
from beam_image_edit.transforms.storage import Storage
from beam_image_edit.transforms.usage import Usage

T = TypeVar('T')
_POLL_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_STORE_RETRY_DELAYS_S = (0.5, 2.0, 8.0)


@dataclass(frozen=True, slots=True)
class Purchase:
    """A call to be bought.

    Attributes:
        key: its request key.
        name: the sample's name, for its images.
        first: the number of its first image.
        model: the model's name.
        make_call: puts the call together; only called if it must be sent, since it may read images.
    """

    key: str
    name: str
    first: int
    model: str
    make_call: Callable[[], Call]


class Buyer:
    """Buys calls, each one once; safe to share between threads.

    Args:
        client: sends calls.
        storage: the cache path.
        ledger: what has been bought there.
        window: the slots for calls in flight.
        policy: how often a call is tried.
        run_id: of this run.
        on_fatal: told why, when an answer means that every further call would fail.
    """

    def __init__(
        self,
        *,
        client: ApiClient,
        storage: Storage,
        ledger: Ledger,
        window: CallWindow,
        policy: RetryPolicy,
        run_id: str,
        on_fatal: Callable[[str], None],
    ) -> None:
        self._client = client
        self._storage = storage
        self._ledger = ledger
        self._window = window
        self._policy = policy
        self._run_id = run_id
        self._on_fatal = on_fatal
        self._in_flight: dict[str, Future[Record]] = {}
        self._lock = threading.Lock()

    async def buy(self, purchase: Purchase) -> Record:
        """The record of a call: an earlier purchase's, or that of the call that is sent now.

        Raises:
            Stopped: it was not bought before, and nothing may be sent any more.
            StorageError: the store fails for good; the message says so if the call was paid for.
        """
        record = await _persist(lambda: self._ledger.find(purchase.key))
        if record and not is_open(record, self._run_id):
            self._check_images(record)
            return record
        with self._lock:
            bought = self._in_flight.get(purchase.key)
            if bought is None:
                mine = self._in_flight[purchase.key] = Future()
        if bought is not None:
            return await settled(bought)
        try:
            record = await self._purchase(purchase)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(record)
            return record
        finally:
            with self._lock:
                del self._in_flight[purchase.key]

    def _check_images(self, record: Record) -> None:
        for image in record.images:
            size = self._storage.size(image.path)
            if size != image.bytes:
                state = 'is gone' if size is None else f'has {size} bytes instead of {image.bytes}'
                raise StorageError(
                    f'{self._storage.url(image.path)} was bought, but {state}; put it back, or remove '
                    f'{self._storage.url(ledger_path(record.key))} to buy it again'
                )

    async def _purchase(self, purchase: Purchase) -> Record:
        self._window.check_open()
        request = self._client.to_request(purchase.make_call())
        course = _Course()
        try:
            return await self._try_until_ended(purchase, request, course)
        except Stopped as error:
            if not course.attempts:
                raise
            return self._describe_stopped(purchase, course, str(error))
        except StorageError as error:
            if not course.attempts:
                raise
            paid = 'it was paid for, but could not be stored: ' if course.attempts[-1].billed == 'yes' else ''
            return self._describe(purchase, course, FAILED, f'{paid}{error}')

    async def _try_until_ended(self, purchase: Purchase, request: HttpRequest, course: '_Course') -> Record:
        polls = iter(_POLL_DELAYS_S)
        while True:
            # The store can only fail in this before anything is sent.
            sent = await _persist(lambda: self._try_once(purchase.key, request))
            if isinstance(sent, Record):
                return sent
            if isinstance(sent, InDoubt):
                return self._new_record(purchase, IN_DOUBT, 'sent by an earlier run, its answer lost', sent.attempts)
            if isinstance(sent, Busy):
                await pause(next(polls, _POLL_DELAYS_S[-1]))
                continue
            course.note(sent, self._run_id)
            delay_s = None
            if isinstance(sent.result, ApiError):
                delay_s = decide_delay(sent.result, course.tries, self._policy)
            try:
                record = await self._end(purchase, sent, course, delay_s)
            finally:
                self._ledger.abandon(sent.claim)
            if record:
                return record
            await pause(delay_s or 0)

    def _try_once(self, key: str, request: HttpRequest) -> 'Record | InDoubt | Busy | _Sent':
        """Sends the call if nobody else does or did."""
        with self._window.slot():
            claim = self._ledger.claim(key)
            if not isinstance(claim, Claim):
                return claim
            began = time.monotonic()
            answer = self._client.send(request)
            if isinstance(answer, ApiError) and answer.kind == 'fatal':
                # While the slot is held: nobody who waits for one may send.
                self._on_fatal(answer.message)
            latency_s = round(time.monotonic() - began, 3)
        return _Sent(claim, answer if isinstance(answer, ApiError) else _look_at(answer), latency_s)

    async def _end(self, purchase: Purchase, sent: '_Sent', course: '_Course', delay_s: float | None) -> Record | None:
        """Stores how a call ended; None if it is to be tried again, or if another worker took it over."""
        if isinstance(sent.result, _Brought):
            return await self._keep(purchase, sent, course, sent.result)
        error = sent.result
        if delay_s is None:
            record = self._describe(purchase, course, _status_of(error), error.message)
            record = replace(record, request_id=error.request_id, latency_s=sent.latency_s)
            return await _persist(lambda: self._settle(sent.claim, lambda: record))
        await _persist(lambda: self._ledger.release(sent.claim, _billed(error), error.message))
        return None

    async def _keep(self, purchase: Purchase, sent: '_Sent', course: '_Course', brought: '_Brought') -> Record | None:
        """Stores what was paid for; memory holds it until it is stored or the store has failed for good."""
        answer = brought.answer
        record = replace(
            self._describe(purchase, course, EDITED, None),
            parts=answer.parts,
            request_id=answer.request_id,
            model_version=answer.model_version,
            finish_reason=answer.finish_reason,
            latency_s=sent.latency_s,
        )

        def complete() -> Record:
            images = store_images(self._storage, purchase.key, purchase.name, purchase.first, brought.images)
            return replace(record, images=images)

        return await _persist(lambda: self._settle(sent.claim, complete))

    def _settle(self, claim: Claim, complete: Callable[[], Record]) -> Record | None:
        """Stores an outcome; None if another worker took the call over, so that what it brings is what counts."""
        if self._ledger.is_taken_over(claim):
            return None
        record = complete()
        self._ledger.settle(record, claim)
        return record

    def _describe_stopped(self, purchase: Purchase, course: '_Course', reason: str) -> Record:
        """What a call has come to that is not tried again because the job was stopped; not for the ledger."""
        last = course.attempts[-1]
        status = IN_DOUBT if last.billed == 'maybe' else STOPPED
        return self._describe(purchase, course, status, f'{last.error}; not tried again: {reason}')

    def _describe(self, purchase: Purchase, course: '_Course', status: str, error: str | None) -> Record:
        return replace(self._new_record(purchase, status, error, course.attempts), usage=course.usage)

    def _new_record(self, purchase: Purchase, status: str, error: str | None, attempts: tuple[Attempt, ...]) -> Record:
        return Record(
            key=purchase.key,
            status=status,
            error=error,
            name=purchase.name,
            run_id=self._run_id,
            api_format=self._client.endpoint.format_name,
            model=purchase.model,
            attempts=attempts,
        )


@dataclass(frozen=True, slots=True)
class _Brought:
    """An answer whose images were looked at."""

    answer: Answer
    images: tuple[tuple[bytes, PictureInfo], ...]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A claimed call after it was sent."""

    claim: Claim
    result: _Brought | ApiError
    latency_s: float


@dataclass(slots=True)
class _Course:
    """How a call has gone so far in this run: every time it was sent, and the tokens of all answers."""

    attempts: tuple[Attempt, ...] = ()
    tries: Tries = field(default_factory=Tries)
    usage: Usage = field(default_factory=Usage)

    def note(self, sent: _Sent, run_id: str) -> None:
        """Adds an attempt."""
        if isinstance(sent.result, ApiError):
            self.tries = self.tries.plus(sent.result)
            attempt = Attempt(sent.claim.number, run_id, _billed(sent.result), sent.result.message)
            usage = sent.result.usage
        else:
            attempt = Attempt(sent.claim.number, run_id, 'yes')
            usage = sent.result.answer.usage
        self.attempts = (*sent.claim.earlier, attempt)
        self.usage = self.usage.plus(usage) if usage else self.usage


async def _persist(do: Callable[[], T]) -> T:
    """Does what the store has to allow, and does it again for a while if the store fails."""
    for delay_s in _STORE_RETRY_DELAYS_S:
        try:
            return do()
        except StorageError:
            await pause(delay_s)
    return do()


def _look_at(answer: Answer) -> _Brought | ApiError:
    """The answer with its images looked at. One that can't be read does not spoil the others, which are paid for."""
    good: dict[int, tuple[bytes, PictureInfo]] = {}
    problem = ''
    for position, content in enumerate(answer.images):
        try:
            good[position] = (content, identify(content))
        except BrokenPicture as error:
            problem = str(error)
    if not good:
        return replace(bad_image(problem), usage=answer.usage, request_id=answer.request_id)
    return _Brought(answer.with_images(list(good)), tuple(good.values()))


def _billed(error: ApiError) -> Billed:
    if error.may_be_billed:
        return 'maybe'
    # An answer in words, or one that was cut short, is charged for its tokens.
    return 'yes' if error.kind in ('no_image', 'permanent') and error.usage and error.usage.total else 'no'


def _status_of(error: ApiError) -> str:
    """The status of a call that ends with this error."""
    if error.kind == 'refused':
        return REFUSED
    if error.kind == 'no_image':
        return NO_IMAGE
    return IN_DOUBT if error.may_be_billed and error.kind == 'retry' else FAILED
