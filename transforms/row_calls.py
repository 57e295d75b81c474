"""The calls of a row: one for each turn, each with its key, its size and its content.

What differs between the formats is only how turns hang together: a Gemini conversation carries its history along, an
OpenAI edit starts from the image that the last one made.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from beam_image_edit.transforms.clients.calls import Call, Exchange
from beam_image_edit.transforms.clients.client import Endpoint
from beam_image_edit.transforms.conversions import Picture, prepare, prepare_for_dall_e_2
from beam_image_edit.transforms.input_pictures import InputPicture
from beam_image_edit.transforms.models import ModelFacts
from beam_image_edit.transforms.parameter_checks import MAX_IMAGES_PER_CALL
from beam_image_edit.transforms.prices import CallSize
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.request_keys import request_key
from beam_image_edit.transforms.rows import Parameters, Row

# The size of a picture that an earlier turn has yet to make.
_NOT_MADE_YET = (0, 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a row: which turn, and which of the turn's calls."""

    turn: int
    sample_number: int = 0


@dataclass(frozen=True, slots=True)
class RowCalls:
    """A row with its pictures, as calls to one model at one endpoint.

    Attributes:
        row: what is asked for.
        images: the row's pictures.
        mask: the row's mask.
        endpoint: where calls go.
        model: the model's name.
        facts: what the model takes.
        read: the bytes of an image that a record names by its position; raises StorageError if it is gone.
    """

    row: Row
    images: tuple[InputPicture, ...]
    mask: InputPicture | None
    endpoint: Endpoint
    model: str
    facts: ModelFacts
    read: Callable[[Record, int], bytes]

    def steps(self) -> Iterator[Step]:
        """The calls in order: one a turn, or for an API that makes one image a call as many as images are asked for."""
        turns = max(1, len(self.row.instructions))
        calls = self.row.parameters.n if self._has_conversations and turns == 1 else 1
        for turn in range(turns):
            for sample_number in range(calls):
                yield Step(turn, sample_number)

    def key(self, step: Step, previous: Record | None) -> str:
        """A call's request key, given the record of the call before it."""
        is_first = step.turn == 0
        chained = () if previous is None else tuple(image.sha256 for image in previous.images[:1])
        return request_key(
            api_format=self.endpoint.format_name,
            base_url=self.endpoint.base_url,
            model=self.model,
            prompts=self.row.instructions[: step.turn + 1],
            system=self.row.system,
            images=tuple(image.sha256 for image in self.images) if is_first else chained,
            mask=self.mask.sha256 if self.mask and is_first else None,
            parameters=self._key_parameters(),
            previous=None if is_first or previous is None else previous.key,
            variant=self.row.variant,
            sample_number=step.sample_number,
        )

    def reservation(self, step: Step) -> str:
        """What a budget knows a call by: told before any call of the row is made, and the same at any time later.

        A later turn has no request key yet, since that depends on the image that it edits.
        """
        own = self.key(step, None)
        return f'{self.key(Step(0), None)} {own}' if step.turn else own

    def size(self, step: Step) -> CallSize:
        """What decides the most that a call can cost."""
        sent = (*self.images, self.mask) if self.mask else self.images
        own = tuple(image.info.size for image in sent)
        prompts = self.row.instructions[step.turn : step.turn + 1]
        if self._has_conversations:
            own += (_NOT_MADE_YET,) * step.turn
            prompts = self.row.instructions[: step.turn + 1]
        elif step.turn:
            own = (_NOT_MADE_YET,)
        raw = json.dumps(dict(self.row.parameters.extra_body))
        return CallSize(
            text_characters=sum(map(len, prompts)) + len(self.row.system or '') + len(raw),
            images=own,
            **self._asked(),
        )

    def read_bytes(self, step: Step, records: Sequence[tuple[int, Record]]) -> int:
        """How many bytes of pictures `call` reads into memory, besides those that are there."""
        sent = (*self.images, self.mask) if self.mask else self.images
        own = sum(image.bytes for image in sent if not image.kept)
        if step.turn == 0:
            return own
        if self._has_conversations:
            return own + sum(image.bytes for _, record in records for image in record.images)
        return records[-1][1].images[0].bytes

    def call(self, step: Step, records: Sequence[tuple[int, Record]]) -> Call:
        """A call's content, given the records of the calls before it, each with its turn."""
        is_first = step.turn == 0
        call = Call(
            model=self.model,
            prompt=self.row.instructions[step.turn] if self.row.instructions else None,
            images=tuple(image.load() for image in self.images) if is_first else (),
            parameters=self.row.parameters,
            mask=self.mask.load() if self.mask and is_first else None,
            system=self.row.system,
        )
        if is_first:
            return call
        if self._has_conversations:
            return replace(call, history=self._history(records))
        return replace(call, images=(self._prepare_again(self.read(records[-1][1], 0)),))

    @property
    def _has_conversations(self) -> bool:
        return self.endpoint.format.has_conversations

    def _key_parameters(self) -> Parameters:
        # Where each image is a call of its own, asking for more of them must not buy the first ones again.
        asked = self.row.parameters
        return replace(asked, n=1) if self._has_conversations and asked.n != 1 else asked

    def _asked(self) -> dict[str, Any]:
        """The parameters that a price depends on, as they reach the API: raw fields are merged in last."""
        if self._has_conversations:
            return {'images_asked': 1}
        asked = {name: getattr(self.row.parameters, name) for name in ('n', 'size', 'quality')}
        asked |= {name: value for name, value in self.row.parameters.extra_body.items() if name in asked and value}
        count, size, quality = asked.values()
        is_count = isinstance(count, (int, str)) and str(count).isdecimal()
        return {
            'images_asked': int(count) if is_count else MAX_IMAGES_PER_CALL,
            'size': None if size is None else str(size),
            'quality': None if quality is None else str(quality),
        }

    def _history(self, records: Sequence[tuple[int, Record]]) -> tuple[Exchange, ...]:
        return tuple(
            Exchange(
                prompt=self.row.instructions[turn],
                images=tuple(image.load() for image in self.images) if turn == 0 else (),
                answer_parts=record.parts,
                answer_images=tuple(self.read(record, position) for position in range(len(record.images))),
            )
            for turn, record in records
        )

    def _prepare_again(self, content: bytes) -> Picture:
        if self.facts.needs_dall_e_2_input:
            return prepare_for_dall_e_2(content)
        return prepare(content, self.facts.accepted_mimes, self.facts.max_image_bytes)
