"""The Gemini API: `models/{model}:generateContent` under `/v1` and `/v1beta`."""

from typing import Any

from aiohttp import web

from beam_image_edit.pipeline.emulator import gemini_answer, gemini_faults
from beam_image_edit.pipeline.emulator.alterations import Payload, Publish
from beam_image_edit.pipeline.emulator.edits import Edit, OpenImage
from beam_image_edit.pipeline.emulator.gemini_request import MAX_REQUEST_BYTES, read_request
from beam_image_edit.pipeline.emulator.gemini_schema import invalid_argument
from beam_image_edit.pipeline.emulator.models import find_gemini_model
from beam_image_edit.pipeline.emulator.refusals import Refusal
from beam_image_edit.pipeline.emulator.tokens import Tokens

_STATUSES = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    402: 'RESOURCE_EXHAUSTED',
    403: 'PERMISSION_DENIED',
    404: 'NOT_FOUND',
    409: 'ABORTED',
    429: 'RESOURCE_EXHAUSTED',
    499: 'CANCELLED',
    500: 'INTERNAL',
    501: 'UNIMPLEMENTED',
    503: 'UNAVAILABLE',
    504: 'DEADLINE_EXCEEDED',
}
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    'form of API consumer identity to call this API.'
)
_NO_TOKEN = 'Request had invalid authentication credentials. Expected OAuth 2 access token.'  # noqa: S105 - a message


class Gemini:
    """The Gemini API, as `api.Api`."""

    name = 'gemini'
    errors = gemini_faults.ERRORS
    alterations = gemini_faults.ALTERATIONS

    def find_key(self, request: web.Request) -> tuple[str, str]:
        """The key, from `x-goog-api-key` or from `?key=`, which the real API takes too."""
        if key := request.headers.get('x-goog-api-key', ''):
            return key, 'header'
        return (key, 'query') if (key := request.query.get('key', '')) else ('', '')

    def check_key(self, request: web.Request, expected: str | None) -> None:
        """Refuses a wrong key with 400, a missing one with 403, and a bearer token with 401."""
        key, _ = self.find_key(request)
        if not key:
            raise Refusal(401, _NO_TOKEN) if 'authorization' in request.headers else Refusal(403, _NO_KEY)
        if expected is not None and key != expected:
            raise gemini_faults.wrong_key()

    async def read(self, request: web.Request) -> bytes:
        """The body's bytes."""
        too_large = invalid_argument(f'Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.')
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            raise too_large
        body = await request.read()
        if len(body) > MAX_REQUEST_BYTES:
            raise too_large
        return body

    def parse(self, request: web.Request, body: Any, look: OpenImage) -> Edit:
        """What a request asks for."""
        name = request.match_info['model']
        model = find_gemini_model(name)
        if model is None:
            raise gemini_faults.model_gone(name, request.match_info['version'])
        return read_request(name, model, body, look)

    def count_tokens(self, edit: Edit) -> Tokens:
        """What an edit costs."""
        return gemini_answer.count_tokens(edit)

    def write_answer(self, edit: Edit, pictures: list[bytes], tokens: Tokens, _: Publish) -> Payload:
        """The body of an answer."""
        return gemini_answer.write_answer(edit, pictures, tokens)

    def write_error(self, refusal: Refusal) -> Payload:
        """The body of an error."""
        error: Payload = {
            'code': refusal.status,
            'message': refusal.message,
            'status': refusal.canonical or _STATUSES.get(refusal.status, 'UNKNOWN'),
        }
        return {'error': {**error, 'details': list(refusal.details)} if refusal.details else error}

    def slow_down(self, retry_after_s: float) -> Refusal:
        """A quota that is used up for now."""
        return gemini_faults.slow_down(round(retry_after_s, 3))

    def describe_model(self, request: web.Request, name: str) -> Payload:
        """What is answered to somebody who looks a model up."""
        model = find_gemini_model(name)
        if model is None:
            raise gemini_faults.model_gone(name, request.match_info['version'])
        return {
            'name': f'models/{name}',
            'version': '001',
            'displayName': name,
            'inputTokenLimit': model.max_input_tokens,
            'outputTokenLimit': 32_768,
            'supportedGenerationMethods': ['generateContent', 'countTokens'],
        }
