"""Editing a sample: its row is checked, its pictures are prepared, and its turns are bought one after the other.

Nothing here sends or stores; that is the buyer's. What differs between the formats is only how turns hang together: a
Gemini conversation carries its history along, an OpenAI edit starts from the image that the last one made.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from beam_image_edit.transforms.clients.calls import Call, Exchange
from beam_image_edit.transforms.clients.client import Endpoint
from beam_image_edit.transforms.conversions import Picture, prepare, prepare_for_dall_e_2
from beam_image_edit.transforms.edit_fields import make_outcome
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput, Stopped, StorageError
from beam_image_edit.transforms.input_pictures import InputPicture, InputPictures
from beam_image_edit.transforms.models import ModelFacts
from beam_image_edit.transforms.outcomes import EDITED, FAILED, INVALID_INPUT, STOPPED, Outcome
from beam_image_edit.transforms.purchases import Buyer, Purchase
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.request_keys import request_key
from beam_image_edit.transforms.row_checks import check_row, select_parameters
from beam_image_edit.transforms.row_pictures import look_at_pictures
from beam_image_edit.transforms.rows import Parameters, Row, RowFields, parse_row
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a row: which turn, and which of the turn's calls."""

    turn: int
    sample_number: int = 0


@dataclass(slots=True)
class _Progress:
    """How far a row has come."""

    name: str | None
    pictures: tuple[InputPicture, ...] = ()
    records: list[tuple[int, Record]] = field(default_factory=list)


class SampleEditor:
    """Edits samples for one endpoint and model; safe to share between threads.

    Args:
        endpoint: where calls go.
        model: the model's name.
        facts: what the model takes.
        fields: the names of the row's fields.
        defaults: the job's parameters, which a row can override.
        pictures: looks at the row's images.
        buyer: buys the calls.
        storage: the cache path.
        run_id: of this run.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        model: str,
        facts: ModelFacts,
        fields: RowFields,
        defaults: Parameters,
        pictures: InputPictures,
        buyer: Buyer,
        storage: Storage,
        run_id: str,
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._facts = facts
        self._fields = fields
        self._defaults = defaults
        self._pictures = pictures
        self._buyer = buyer
        self._storage = storage
        self._run_id = run_id

    async def edit(self, sample: Sample) -> Outcome:
        """What becomes of a sample; every failure is an outcome, none is raised."""
        progress = _Progress(sample.name)
        status, error = await self._edit(sample, progress)
        return make_outcome(
            sample,
            status,
            error,
            name=progress.name,
            pictures=progress.pictures,
            records=progress.records,
            storage=self._storage,
            run_id=self._run_id,
        )

    async def _edit(self, sample: Sample, progress: _Progress) -> tuple[str, str | None]:
        try:
            row = parse_row(sample, self._fields, self._defaults)
            row = replace(row, parameters=select_parameters(row.parameters, self._endpoint.format_name))
            check_row(row, self._endpoint.format_name, self._facts, self._model)
            images, mask = look_at_pictures(self._pictures, row, self._facts)
            progress.pictures = (*images, mask) if mask else images
            await self._buy_all(row, images, mask, progress)
        except (InvalidInput, BrokenPicture) as error:
            return INVALID_INPUT, _with_line(sample, str(error))
        except Stopped as error:
            return STOPPED, f'not sent: {error}'
        except StorageError as error:
            return FAILED, str(error)
        except Exception as error:  # a bad row never ends a job, whatever nobody foresaw in it
            _log.exception('sample %s failed', sample.name or sample.line)
            return FAILED, f'unexpected {type(error).__name__}: {error}'
        last = progress.records[-1][1]
        return last.status, last.error

    async def _buy_all(
        self, row: Row, images: tuple[InputPicture, ...], mask: InputPicture | None, progress: _Progress
    ) -> None:
        previous: Record | None = None
        for step in _steps(row, self._endpoint.format.has_conversations):
            key = self._key_of(row, images, mask, step, previous)
            progress.name = progress.name or key[:16]
            purchase = Purchase(
                key=key,
                name=progress.name,
                first=sum(len(record.images) for _, record in progress.records),
                model=self._model,
                make_call=lambda step=step: self._make_call(row, images, mask, step, progress.records),  # type: ignore[misc]
            )
            record = await self._buyer.buy(purchase)
            progress.records.append((step.turn, record))
            if record.status != EDITED:
                return
            previous = record

    def _key_of(
        self,
        row: Row,
        images: tuple[InputPicture, ...],
        mask: InputPicture | None,
        step: Step,
        previous: Record | None,
    ) -> str:
        is_first = step.turn == 0
        chained = () if previous is None else tuple(image.sha256 for image in previous.images[:1])
        return request_key(
            api_format=self._endpoint.format_name,
            base_url=self._endpoint.base_url,
            model=self._model,
            prompts=row.instructions[: step.turn + 1],
            system=row.system,
            images=tuple(image.sha256 for image in images) if is_first else chained,
            mask=mask.sha256 if mask and is_first else None,
            parameters=self._key_parameters(row),
            previous=None if is_first or previous is None else previous.key,
            variant=row.variant,
            sample_number=step.sample_number,
        )

    def _key_parameters(self, row: Row) -> Parameters:
        # Where each image is a call of its own, asking for more of them must not buy the first ones again.
        return replace(row.parameters, n=1) if self._endpoint.format.has_conversations else row.parameters

    def _make_call(
        self,
        row: Row,
        images: tuple[InputPicture, ...],
        mask: InputPicture | None,
        step: Step,
        records: list[tuple[int, Record]],
    ) -> Call:
        is_first = step.turn == 0
        call = Call(
            model=self._model,
            prompt=row.instructions[step.turn] if row.instructions else None,
            images=tuple(image.load() for image in images) if is_first else (),
            parameters=row.parameters,
            mask=mask.load() if mask and is_first else None,
            system=row.system,
        )
        if is_first:
            return call
        if self._endpoint.format.has_conversations:
            return replace(call, history=self._history(row, images, records))
        return replace(call, images=(self._prepare_again(self._read(records[-1][1], 0)),))

    def _history(
        self, row: Row, images: tuple[InputPicture, ...], records: list[tuple[int, Record]]
    ) -> tuple[Exchange, ...]:
        return tuple(
            Exchange(
                prompt=row.instructions[turn],
                images=tuple(image.load() for image in images) if turn == 0 else (),
                answer_parts=record.parts,
                answer_images=tuple(self._read(record, position) for position in range(len(record.images))),
            )
            for turn, record in records
        )

    def _prepare_again(self, content: bytes) -> Picture:
        if self._facts.needs_dall_e_2_input:
            return prepare_for_dall_e_2(content)
        return prepare(content, self._facts.accepted_mimes, self._facts.max_image_bytes)

    def _read(self, record: Record, position: int) -> bytes:
        path = record.images[position].path
        content = self._storage.read(path)
        if content is None:
            raise StorageError(f"the conversation can't go on: {self._storage.url(path)} was bought, but is gone")
        return content


def _steps(row: Row, has_conversations: bool) -> Iterator[Step]:
    """The calls of a row: one a turn, or for an API that makes one image a call as many as images are asked for."""
    turns = max(1, len(row.instructions))
    calls = row.parameters.n if has_conversations and turns == 1 else 1
    for turn in range(turns):
        for sample_number in range(calls):
            yield Step(turn, sample_number)


def _with_line(sample: Sample, reason: str) -> str:
    return reason if sample.line is None or reason.startswith('line ') else f'line {sample.line}: {reason}'
