"""What the two APIs have in common, as the service sees it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from beam_image_edit.pipeline.emulator.alterations import Alteration, Arguments, Payload, Publish
from beam_image_edit.pipeline.emulator.edits import Edit, OpenImage
from beam_image_edit.pipeline.emulator.refusals import Refusal
from beam_image_edit.pipeline.emulator.tokens import Tokens


class Api(Protocol):
    """One of the two APIs.

    Attributes:
        name: `gemini` or `openai`.
        errors: the faults that are answered with an error: a refusal from arguments, edit and key.
        alterations: the faults that change an answer.
    """

    name: str
    errors: Mapping[str, Callable[[Arguments, Edit, str], Refusal]]
    alterations: Mapping[str, Alteration]

    def find_key(self, request: web.Request) -> tuple[str, str]:
        """The key of a request and where it was: `header`, `query` or ''."""

    def check_key(self, request: web.Request, expected: str | None) -> None:
        """Lets a request pass if it has the expected key, or any key if none is expected.

        Raises:
            Refusal: it has none, or another one.
        """

    async def read(self, request: web.Request) -> Any:
        """The body of a request, as `parse` takes it.

        Raises:
            Refusal: it is too large, or not well formed.
        """

    def parse(self, request: web.Request, body: Any, look: OpenImage) -> Edit:
        """What a request asks for.

        Raises:
            Refusal: the real API would refuse it.
        """

    def count_tokens(self, edit: Edit) -> Tokens:
        """What an edit costs."""

    def write_answer(self, edit: Edit, pictures: list[bytes], tokens: Tokens, publish: Publish) -> Payload:
        """The body of an answer."""

    def write_error(self, refusal: Refusal) -> Payload:
        """The body of an error."""

    def slow_down(self, retry_after_s: float) -> Refusal:
        """What a client is told that calls too often."""

    def describe_model(self, request: web.Request, name: str) -> Payload:
        """What is answered to somebody who looks a model up.

        Raises:
            Refusal: there is no such model.
        """
