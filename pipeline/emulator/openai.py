"""The OpenAI API: `/v1/images/edits` and, for the dall-e-2 family, `/v1/images/variations`."""

from typing import Any

from aiohttp import web

from beam_image_edit.pipeline.emulator import openai_answer, openai_faults
from beam_image_edit.pipeline.emulator.alterations import Payload, Publish
from beam_image_edit.pipeline.emulator.edits import Edit, OpenImage
from beam_image_edit.pipeline.emulator.models import find_openai_model
from beam_image_edit.pipeline.emulator.openai_form import read_form
from beam_image_edit.pipeline.emulator.openai_request import read_edit, read_variation
from beam_image_edit.pipeline.emulator.refusals import Refusal
from beam_image_edit.pipeline.emulator.tokens import Tokens

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    '(i.e. Authorization: Bearer YOUR_KEY).'
)


class OpenAi:
    """The OpenAI API, as `api.Api`."""

    name = 'openai'
    errors = openai_faults.ERRORS
    alterations = openai_faults.ALTERATIONS

    def find_key(self, request: web.Request) -> tuple[str, str]:
        """The key, from `Authorization: Bearer`."""
        scheme, _, key = request.headers.get('authorization', '').partition(' ')
        return (key.strip(), 'header') if scheme.lower() == 'bearer' and key.strip() else ('', '')

    def check_key(self, request: web.Request, expected: str | None) -> None:
        """Refuses a missing and a wrong key with 401."""
        key, _ = self.find_key(request)
        if not key:
            raise Refusal(401, _NO_KEY)
        if expected is not None and key != expected:
            raise openai_faults.wrong_key(key)

    async def read(self, request: web.Request) -> Any:
        """The body's form."""
        return await read_form(request)

    def parse(self, request: web.Request, body: Any, look: OpenImage) -> Edit:
        """What a request asks for."""
        return (read_variation if request.path.endswith('/variations') else read_edit)(body, look)

    def count_tokens(self, edit: Edit) -> Tokens:
        """What an edit costs."""
        return openai_answer.count_tokens(edit)

    def write_answer(self, edit: Edit, pictures: list[bytes], tokens: Tokens, publish: Publish) -> Payload:
        """The body of an answer."""
        return openai_answer.write_answer(edit, pictures, tokens, publish)

    def write_error(self, refusal: Refusal) -> Payload:
        """The body of an error."""
        return {
            'error': {
                'message': refusal.message,
                'type': refusal.kind,
                'param': refusal.param,
                'code': refusal.code,
            }
        }

    def slow_down(self, retry_after_s: float) -> Refusal:
        """A limit that is reached for now."""
        return openai_faults.slow_down(retry_after_s)

    def describe_model(self, _: web.Request, name: str) -> Payload:
        """What is answered to somebody who looks a model up."""
        if find_openai_model(name) is None:
            raise openai_faults.model_gone(name)
        return {'id': name, 'object': 'model', 'created': 1_790_000_000, 'owned_by': 'system'}
