"""The server: routes and lifecycle.

It runs on an event loop of its own, in a thread of its own, so that a test or a script can have it in its own
process; several hundred calls held open cost it nothing but memory.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from aiohttp import web

from beam_image_edit.pipeline.emulator.api import Api
from beam_image_edit.pipeline.emulator.gemini import Gemini
from beam_image_edit.pipeline.emulator.journal import Call, Visit
from beam_image_edit.pipeline.emulator.openai import OpenAi
from beam_image_edit.pipeline.emulator.service import Service
from beam_image_edit.pipeline.emulator.settings import Settings

_BACKLOG = 1024  # connections that may wait to be taken: hundreds can come at once
_MAX_BODY = 1024**3  # OpenAI takes 16 images of 50 MB
_CLOSE_S = 0.1  # calls in flight are cut off when the server stops
_GENERATE = ':generateContent'
_GEMINI = Gemini()
_OPENAI = OpenAi()
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Emulator:
    """Both APIs on loopback, for as long as the `with` block lasts.

        with Emulator(latency_s=0.5) as emulator:
            run_job(base_url=emulator.url)
            assert emulator.count == 3

    Args:
        settings: as in `Settings`.

    Raises:
        ValueError: a setting that can't be understood.
        OSError: at the start, if the port can't be had.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self._service = Service(self.settings)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name='emulator', daemon=True)
        self._is_ready = threading.Event()
        self._problem: OSError | None = None

    def __enter__(self) -> 'Emulator':
        self._thread.start()
        self._is_ready.wait()
        if self._problem is not None:
            self._thread.join()
            raise self._problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is, without a version: `http://127.0.0.1:PORT`."""
        return f'http://{self.settings.host}:{self.port}'

    @property
    def calls(self) -> list[Call]:
        """All calls for edits, in the order in which they came."""
        return list(self._service.journal.calls)

    @property
    def visits(self) -> list[Visit]:
        """All other requests: models looked up, pictures fetched, paths that don't exist."""
        return list(self._service.journal.visits)

    @property
    def count(self) -> int:
        """How many calls for edits there were."""
        return self._service.journal.count

    @property
    def billed(self) -> int:
        """How many calls have made images, whether or not the client got them."""
        return self._service.journal.billed

    @property
    def most_in_flight(self) -> int:
        """How many calls were in flight at a time, at most."""
        return self._service.journal.most_in_flight

    def set_faults(self, rules: str | Iterable[Mapping[str, Any]]) -> None:
        """Puts other fault rules in force, as in `faults.py`; `[]` for none."""
        self._service.rules.replace(rules)

    def reset(self) -> None:
        """Forgets all calls; the fault rules stay, and happen anew."""
        self._service.restart()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(_build_application(self._service), access_log=None, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.settings.host, self.settings.port, backlog=_BACKLOG).start()
            self.port: int = runner.addresses[0][1]
            self._is_ready.set()
            await self._stop.wait()
        except OSError as error:
            self._problem = error
        finally:
            self._is_ready.set()
            await runner.cleanup()
            self._service.close()


def _build_application(service: Service) -> web.Application:
    application = web.Application(client_max_size=_MAX_BODY)
    application.add_routes(
        [
            web.post('/{version:v1|v1beta}/models/{model:[^/]+}' + _GENERATE, _serve_generate(service)),
            web.get('/{version:v1|v1beta}/models/{model:[^/]+}', _serve_model(service)),
            web.post('/v1/images/edits', _serve_edit(service, _OPENAI)),
            web.post('/v1/images/variations', _serve_edit(service, _OPENAI)),
            web.get('/files/{name}', service.fetch),
            web.get('/_emulator/calls', _serve_journal(service)),
            web.post('/_emulator/faults', _serve_faults(service)),
            web.post('/_emulator/reset', _serve_reset(service)),
            web.route('*', '/{path:.*}', _serve_nothing(service)),
        ]
    )
    return application


def _serve_edit(service: Service, api: Api) -> _Handler:
    return lambda request: service.edit(request, api)


def _serve_generate(service: Service) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        # The colon must come as it is: the real host knows no path with %3A.
        if not request.raw_path.partition('?')[0].endswith(_GENERATE):
            return await _serve_nothing(service)(request)
        return await service.edit(request, _GEMINI)

    return handle


def _serve_model(service: Service) -> _Handler:
    """`/v1/models/x` is a path of both APIs, which have hosts of their own; here the key's header tells which."""

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        is_openai = request.match_info['version'] == 'v1' and 'authorization' in request.headers
        return service.describe(request, _OPENAI if is_openai else _GEMINI)

    return handle


def _serve_journal(service: Service) -> _Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.json_response(service.journal.summarize())

    return handle


def _serve_faults(service: Service) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            service.rules.replace(await request.json())
        except ValueError as error:
            return web.json_response({'error': str(error)}, status=400)
        return web.json_response({'ok': True})

    return handle


def _serve_reset(service: Service) -> _Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        service.restart()
        return web.json_response({'ok': True})

    return handle


def _serve_nothing(service: Service) -> _Handler:
    """A path that does not exist; each host says so in its own way."""

    async def handle(request: web.Request) -> web.StreamResponse:
        key_in = next((place for api in (_GEMINI, _OPENAI) if (place := api.find_key(request)[1])), '')
        service.note_visit(request, key_in, 404)
        if 'authorization' in request.headers:
            message = f'Invalid URL ({request.method} {request.path})'
            error = {'message': message, 'type': 'invalid_request_error', 'param': None, 'code': None}
            return web.json_response({'error': error}, status=404)
        page = '<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> Not found.</html>'
        return web.Response(status=404, text=page, content_type='text/html')

    return handle
