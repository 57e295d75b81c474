"""The journal: every call that the emulator got, and what became of it.

It is what tests count: how many calls there were, what was in them, how many were in flight at a time, and which are
billed. A call is billed as soon as its image is made, whether or not the answer then reaches the client.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from beam_image_edit.pipeline.emulator.edits import Edit, ReceivedImage
from beam_image_edit.pipeline.emulator.tokens import Tokens

SECRET_HEADERS = frozenset({'authorization', 'x-goog-api-key', 'api-key', 'cookie', 'proxy-authorization'})


@dataclass(frozen=True, slots=True)
class LoggedImage:
    """An image of a request: what it was, without its bytes."""

    sha256: str
    mime_type: str
    width: int
    height: int
    bytes: int


@dataclass(slots=True)
class Call:
    """One call for an edit.

    Attributes:
        number: counted from 1.
        path: of the URL, without its query.
        key_in: where the key was: `header`, `query` or ''.
        headers: those that hold no secret, names in lower case.
        started_s: when it came, in seconds of the monotonic clock.
        finished_s: when its answer began to leave, or was lost; None: not yet.
        model: the model's name.
        prompt: the instruction, of the last turn.
        turns: the instructions of all turns.
        images: those of the user's turns.
        answered_images: sha256 of the images in the model's turns.
        mask: the mask, if there is one.
        parameters: all other fields, as sent.
        status: the HTTP status; None: no answer yet, or none at all.
        error: the message of an answer that is an error.
        fault: the fault that happened to it.
        billed: whether its image was made.
        produced: sha256 of the images that were made.
        tokens: what it costs; an answer without an image has some too.
    """

    number: int
    path: str
    key_in: str
    headers: Mapping[str, str]
    started_s: float
    finished_s: float | None = None
    model: str = ''
    prompt: str = ''
    turns: tuple[str, ...] = ()
    images: tuple[LoggedImage, ...] = ()
    answered_images: tuple[str, ...] = ()
    mask: LoggedImage | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    error: str = ''
    fault: str = ''
    billed: bool = False
    produced: tuple[str, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)

    def note_edit(self, edit: Edit) -> None:
        """Writes down what is asked for."""
        self.model, self.prompt, self.turns = edit.model, edit.prompt, edit.turns
        self.images = tuple(_log_image(image) for image in edit.sent_images)
        self.answered_images = edit.answered_images
        self.mask = _log_image(edit.mask) if edit.mask else None
        self.parameters = edit.parameters

    def note_product(self, produced: tuple[str, ...], tokens: Tokens) -> None:
        """Writes down which images have been made, which is when they are billed, and the tokens it took."""
        self.billed, self.produced, self.tokens = bool(produced), produced, tokens


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that asks for no edit: a model looked up, a picture fetched.

    Attributes:
        method: of HTTP.
        path: of the URL, without its query.
        key_in: where a key was: `header`, `query` or ''.
        status: of the answer.
    """

    method: str
    path: str
    key_in: str
    status: int


class Journal:
    """All calls since the start, or since the last `clear`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begins anew; calls in flight are no longer counted."""
        with self._lock:
            self.calls: list[Call] = []
            self.visits: list[Visit] = []
            self.most_in_flight = 0
            self._in_flight: set[int] = set()

    def begin(self, path: str, key_in: str, headers: Mapping[str, str], now_s: float) -> Call:
        """Opens a page for a call that has just come in."""
        shown = {name.lower(): value for name, value in headers.items() if name.lower() not in SECRET_HEADERS}
        with self._lock:
            call = Call(len(self.calls) + 1, path, key_in, shown, now_s)
            self.calls.append(call)
            self._in_flight.add(id(call))
            self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        return call

    def finish(self, call: Call, now_s: float) -> None:
        """Closes a call's page; a closed one stays as it is."""
        with self._lock:
            if call.finished_s is None:
                call.finished_s = now_s
            self._in_flight.discard(id(call))

    @property
    def count(self) -> int:
        """How many calls there were."""
        return len(self.calls)

    @property
    def in_flight(self) -> int:
        """How many of them are not answered yet."""
        return len(self._in_flight)

    @property
    def billed(self) -> int:
        """How many of them are billed."""
        return sum(call.billed for call in list(self.calls))

    def summarize(self) -> dict[str, Any]:
        """The journal as JSON values."""
        calls = list(self.calls)
        return {
            'count': len(calls),
            'billed': sum(call.billed for call in calls),
            'tokens': sum(call.tokens.total for call in calls),
            'in_flight': self.in_flight,
            'most_in_flight': self.most_in_flight,
            'per_path': dict(Counter(call.path for call in calls)),
            'visits': [asdict(visit) for visit in list(self.visits)],
            'calls': [asdict(call) for call in calls],
        }


def _log_image(image: ReceivedImage) -> LoggedImage:
    return LoggedImage(image.sha256, image.mime_type, image.width, image.height, len(image.content))
