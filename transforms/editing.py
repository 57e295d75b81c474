"""Editing a sample: its row is checked, its pictures are prepared, and its turns are bought one after the other.

Nothing here sends or stores; that is the buyer's.
"""

import logging
from dataclasses import dataclass, field

from beam_image_edit.transforms.budget import Admission, order_of
from beam_image_edit.transforms.clients.client import Endpoint
from beam_image_edit.transforms.earlier_calls import Purchase
from beam_image_edit.transforms.edit_fields import make_outcome
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput, Stopped, StorageError
from beam_image_edit.transforms.input_pictures import InputPicture, InputPictures
from beam_image_edit.transforms.memory import Hold, MemoryBudget
from beam_image_edit.transforms.outcomes import EDITED, FAILED, INVALID_INPUT, STOPPED, Outcome
from beam_image_edit.transforms.prices import CallSize
from beam_image_edit.transforms.purchases import Buyer
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.row_calls import RowCalls, Step
from beam_image_edit.transforms.row_plans import RowPlan, without_bytes
from beam_image_edit.transforms.rows import Parameters, RowFields, locate
from beam_image_edit.transforms.sample_calls import find_calls
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far a row has come."""

    name: str | None
    pictures: tuple[InputPicture, ...] = ()
    records: list[tuple[int, Record]] = field(default_factory=list)
    has_bought: set[str] = field(default_factory=set)


class SampleEditor:
    """Edits samples for one endpoint and model; safe to share between threads.

    Args:
        endpoint: where calls go.
        model: the model's name.
        fields: the names of the row's fields.
        defaults: the job's parameters, which a row can override.
        pictures: looks at the row's images.
        buyer: buys the calls.
        storage: the cache path.
        memory: for pictures.
        run_id: of this run.
        is_matching_aspect: as in `EditorConfig`.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        model: str,
        fields: RowFields,
        defaults: Parameters,
        pictures: InputPictures,
        buyer: Buyer,
        storage: Storage,
        memory: MemoryBudget,
        run_id: str,
        is_matching_aspect: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._fields = fields
        self._defaults = defaults
        self._pictures = pictures
        self._buyer = buyer
        self._storage = storage
        self._memory = memory
        self._run_id = run_id
        self._is_matching_aspect = is_matching_aspect

    async def edit(self, sample: Sample, admission: Admission) -> Outcome:
        """What becomes of a sample; every failure is an outcome, none is raised.

        Args:
            sample: the row.
            admission: which calls may be sent; for the others the row gets what has been bought before.
        """
        progress = _Progress(sample.name)
        hold = self._memory.open()
        try:
            status, error = await self._edit(sample, admission, progress, hold)
        finally:
            hold.release()
        return make_outcome(
            sample,
            status,
            error,
            name=progress.name,
            pictures=progress.pictures,
            records=progress.records,
            bought=progress.has_bought,
            storage=self._storage,
            run_id=self._run_id,
        )

    async def find_unbought(self, sample: Sample) -> list[tuple[str, CallSize]]:
        """The calls that would be sent for a sample now: what a budget knows each by, and its size.

        There are none for a row that can't be used, or whose earlier turn has ended without an image.

        Raises:
            StorageError: the store fails.
            Stopped: nothing may be sent any more.
        """
        try:
            calls = self._look_at(sample)
        except (InvalidInput, BrokenPicture):
            return []
        _, unbought = await self._look_up(calls)
        return [(calls.reservation(step), calls.size(step)) for step in unbought]

    async def plan(self, sample: Sample) -> RowPlan:
        """What a run would make of a sample now; sends nothing, and every failure is in the plan."""
        try:
            calls = without_bytes(self._look_at(sample))
            bought, unbought = await self._look_up(calls)
        except Exception as error:
            return RowPlan(*_explain(sample, error))
        if unbought:
            return RowPlan(None, None, calls, tuple(bought), tuple(unbought))
        return RowPlan(bought[-1].status, bought[-1].error, calls, tuple(bought))

    async def _look_up(self, calls: RowCalls) -> tuple[list[Record], list[Step]]:
        """What the ledger has of a row's calls, and those that would be sent."""
        progress = _Progress(None)
        bought: list[Record] = []
        unbought: list[Step] = []
        for step in calls.steps():
            previous = bought[-1] if bought else None
            is_open = bool(unbought and step.turn)  # nobody knows yet what it would start from
            record = None if is_open else await self._buyer.find(self._make_purchase(calls, step, previous, progress))
            if record is None:
                unbought.append(step)
                continue
            bought.append(record)
            progress.records.append((step.turn, record))
            if record.status != EDITED:
                break
        return bought, unbought

    async def _edit(
        self, sample: Sample, admission: Admission, progress: _Progress, hold: Hold
    ) -> tuple[str, str | None]:
        try:
            calls = _keep_within(hold, self._look_at(sample))
            progress.pictures = (*calls.images, calls.mask) if calls.mask else calls.images
            await self._buy_all(sample, calls, admission, progress)
        except Exception as error:  # a bad row never ends a job, whatever nobody foresaw in it
            return _explain(sample, error)
        last = progress.records[-1][1]
        return last.status, last.error

    def _look_at(self, sample: Sample) -> RowCalls:
        """A sample's calls, once its row and its pictures are checked."""
        return find_calls(
            sample,
            endpoint=self._endpoint,
            model=self._model,
            fields=self._fields,
            defaults=self._defaults,
            is_matching_aspect=self._is_matching_aspect,
            pictures=self._pictures,
            read=self._read,
        )

    async def _buy_all(self, sample: Sample, calls: RowCalls, admission: Admission, progress: _Progress) -> None:
        previous: Record | None = None
        for step in calls.steps():
            purchase = self._make_purchase(calls, step, previous, progress)
            # What a call is reserved by takes another key, which is worth its time only under a budget.
            refusal = admission.refuse(calls.reservation(step), order_of(sample)) if admission.is_limited else None
            record, is_new = await self._buyer.buy(purchase, refusal)
            progress.records.append((step.turn, record))
            progress.has_bought |= {record.key} if is_new else set()
            if record.status != EDITED:
                return
            previous = record

    def _make_purchase(self, calls: RowCalls, step: Step, previous: Record | None, progress: _Progress) -> Purchase:
        key = calls.key(step, previous)
        progress.name = progress.name or key[:16]
        return Purchase(
            key=key,
            name=progress.name,
            first=sum(len(record.images) for _, record in progress.records),
            model=self._model,
            size=calls.size(step),
            read_bytes=calls.read_bytes(step, progress.records),
            make_call=lambda: calls.call(step, progress.records),
        )

    def _read(self, record: Record, position: int) -> bytes:
        path = record.images[position].path
        content = self._storage.read(path)
        if content is None:
            raise StorageError(f"the conversation can't go on: {self._storage.url(path)} was bought, but is gone")
        return content


def _keep_within(hold: Hold, calls: RowCalls) -> RowCalls:
    """The calls, with their pictures in memory only if there is room for them; else they are read again when sent."""
    pictures = (*calls.images, calls.mask) if calls.mask else calls.images
    if hold.try_resize(sum(picture.bytes for picture in pictures if picture.kept)):
        return calls
    return without_bytes(calls)


def _explain(sample: Sample, error: Exception) -> tuple[str, str]:
    """The status and the reason of a row that ended with an error."""
    if isinstance(error, (InvalidInput, BrokenPicture)):
        return INVALID_INPUT, locate(sample, str(error))
    if isinstance(error, Stopped):
        return STOPPED, f'not sent: {error}'
    if isinstance(error, StorageError):
        return FAILED, str(error)
    _log.error('sample %s failed', sample.name or sample.line, exc_info=error)
    return FAILED, f'unexpected {type(error).__name__}: {error}'
