"""A call and its answer: what the editor asks of an API, and what comes back, in neither API's words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from beam_image_edit.transforms.clients.embedded_images import EmbeddedImage
from beam_image_edit.transforms.conversions import Picture
from beam_image_edit.transforms.rows import Parameters
from beam_image_edit.transforms.usage import Usage

# Sending is dear by the piece, and copying is not, up to here.
_SMALL_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """One finished turn of a conversation: what was asked and what the model answered.

    Attributes:
        prompt: the turn's instruction.
        images: what was sent with it.
        answer_parts: the model's own parts in order, as `Answer.parts`.
        answer_images: the images that the parts refer to.
    """

    prompt: str
    images: tuple[Picture, ...]
    answer_parts: tuple[Mapping[str, Any], ...]
    answer_images: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an image-edit API.

    Attributes:
        model: the model's name as the user gave it.
        prompt: the instruction; None for a variation, which has none.
        images: the images to edit, ready to be sent.
        parameters: what else is asked for.
        mask: where to edit (alpha 0), for the first image.
        system: the system instruction.
        history: the conversation so far, for an API that takes one.
    """

    model: str
    prompt: str | None
    images: tuple[Picture, ...]
    parameters: Parameters
    mask: Picture | None = None
    system: str | None = None
    history: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API made of a call that succeeded.

    Attributes:
        images: the images' bytes, untouched, in order; at least one.
        parts: for an API with conversations the model's own parts, each with `text` or `image` (a position in
            `images`) and its `thoughtSignature` if it had one.
        usage: tokens.
        model_version: the model that answered, in the API's words.
        request_id: the API's own id of the request.
        finish_reason: why the model stopped, in the API's words.
    """

    images: tuple[bytes, ...] = field(repr=False)
    parts: tuple[Mapping[str, Any], ...] = ()
    usage: Usage = field(default_factory=Usage)
    model_version: str | None = None
    request_id: str | None = None
    finish_reason: str | None = None

    def with_texts(self, change: Callable[[str], str], has_signatures: bool = True) -> 'Answer':
        """The answer with each of the server's texts changed, such as to take out a key that it echoes.

        Args:
            change: gives a text as it is to be.
            has_signatures: whether thought signatures are changed too, with which the model then can't go on.
        """
        kept = () if has_signatures else ('thoughtSignature',)
        return replace(
            self,
            parts=tuple(
                {
                    name: change(value) if isinstance(value, str) and name not in kept else value
                    for name, value in part.items()
                }
                for part in self.parts
            ),
            model_version=None if self.model_version is None else change(self.model_version),
            request_id=None if self.request_id is None else change(self.request_id),
            finish_reason=None if self.finish_reason is None else change(self.finish_reason),
        )

    def with_images(self, positions: Sequence[int]) -> 'Answer':
        """The answer with only the images at these positions."""
        moved = {position: number for number, position in enumerate(positions)}
        return replace(
            self,
            images=tuple(self.images[position] for position in positions),
            parts=tuple(
                {**part, 'image': moved[part['image']]} if 'image' in part else part
                for part in self.parts
                if part.get('image') in (None, *positions)
            ),
        )


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request ready to be sent, but for the key; built once and sent once per attempt.

    Attributes:
        url: where it goes.
        body: in pieces, which belong one after the other: the images in it are not copied to make it one.
        content_type: of the body.
        is_on_every_server: whether every server of the API's format has this address.
    """

    url: str
    body: tuple[bytes | EmbeddedImage, ...] = field(repr=False)
    content_type: str
    is_on_every_server: bool = True

    def __len__(self) -> int:
        """The size of the body in bytes."""
        return sum(map(len, self.body))

    def blocks(self, size: int) -> Iterator[bytes | memoryview]:
        """The body in blocks of so many bytes at the most, or a little more: small pieces go with their neighbours."""
        small = b''
        for block in self._cut(size):
            if len(block) + len(small) <= _SMALL_BYTES:
                small += block
            else:
                yield small + block if small else block
                small = b''
        if small:
            yield small

    def _cut(self, size: int) -> Iterator[bytes | memoryview]:
        for piece in self.body:
            if isinstance(piece, EmbeddedImage):
                yield from piece.blocks(size)
            else:
                # A piece of a view is no copy.
                view = memoryview(piece)
                yield from (view[start : start + size] for start in range(0, len(piece), size))


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer as it came: `headers` with lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray = field(repr=False)


class Download(Protocol):
    """Fetches an image that an answer names by URL; raises ApiError."""

    def __call__(self, url: str) -> bytes:
        """The bytes behind the URL."""


class ApiFormat(Protocol):
    """What a module of this package does for one wire format: it translates, and sends nothing."""

    default_base_url: str
    has_conversations: bool

    def auth_headers(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""

    def to_request(self, call: Call, base_url: str) -> HttpRequest:
        """The call in the API's words."""

    def parse_response(self, response: HttpResponse, download: Download) -> Answer:
        """The answer in ours; raises ApiError where there is no image."""
