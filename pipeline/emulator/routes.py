"""The routes: which path is whose.

Both APIs are on one host here. Their paths differ, but for `GET /v1/models/{model}`, which both have: there the
header that holds the key tells which is meant. A path that neither host knows is not found, as there.
"""

from aiohttp import web

from beam_image_edit.pipeline.emulator.gemini import Gemini
from beam_image_edit.pipeline.emulator.openai import OpenAi
from beam_image_edit.pipeline.emulator.service import Service

_MAX_BODY = 1024**3  # OpenAI takes 16 images of 50 MB
_MODEL = '/{version:v1|v1beta}/models/{model:[^/]+}'
_GENERATE = ':generateContent'


def build_application(service: Service) -> web.Application:
    """The application that serves both APIs, and the emulator's own `/_emulator/` beside them."""
    routes = _Routes(service)
    application = web.Application(client_max_size=_MAX_BODY)
    application.add_routes(
        [
            web.post(_MODEL + _GENERATE, routes.generate),
            web.get(_MODEL, routes.describe),
            web.post('/v1/images/edits', routes.edit),
            web.post('/v1/images/variations', routes.edit),
            web.get('/files/{name}', routes.fetch),
            web.get('/_emulator/calls', routes.show_calls),
            web.post('/_emulator/faults', routes.replace_faults),
            web.post('/_emulator/reset', routes.restart),
            web.route('*', '/{path:.*}', routes.miss),
        ]
    )
    return application


class _Routes:
    """Where each path leads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._gemini = Gemini()
        self._openai = OpenAi()

    async def generate(self, request: web.Request) -> web.StreamResponse:
        # The colon must come as it is: the real host knows no path with %3A.
        if not request.raw_path.partition('?')[0].endswith(_GENERATE):
            return await self.miss(request)
        return await self._service.edit(request, self._gemini)

    async def edit(self, request: web.Request) -> web.StreamResponse:
        return await self._service.edit(request, self._openai)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        is_openai = request.match_info['version'] == 'v1' and 'authorization' in request.headers
        return await self._service.describe(request, self._openai if is_openai else self._gemini)

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        return await self._service.fetch(request)

    async def show_calls(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._service.journal.summarize())

    async def replace_faults(self, request: web.Request) -> web.StreamResponse:
        try:
            self._service.rules.replace(await request.json())
        except ValueError as error:
            return web.json_response({'error': str(error)}, status=400)
        return web.json_response({'ok': True})

    async def restart(self, _: web.Request) -> web.StreamResponse:
        self._service.restart()
        return web.json_response({'ok': True})

    async def miss(self, request: web.Request) -> web.StreamResponse:
        """Each host says in its own way that it has no such path."""
        key_in = self._gemini.find_key(request)[1] or self._openai.find_key(request)[1]
        self._service.note_visit(request, key_in, 404)
        if 'authorization' in request.headers:
            message = f'Invalid URL ({request.method} {request.path})'
            error = {'message': message, 'type': 'invalid_request_error', 'param': None, 'code': None}
            return web.json_response({'error': error}, status=404)
        page = '<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> Not found.</html>'
        return web.Response(status=404, text=page, content_type='text/html')
