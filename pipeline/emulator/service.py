"""The service: what happens to a call, from its key to its answer.

In the order of the real APIs: the key, the request's shape, the quota, the work, the answer. A fault strikes only
calls that have passed the checks before it, so that no fault hides a request that would be refused.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiohttp import web

from beam_image_edit.pipeline.emulator.alterations import Alteration
from beam_image_edit.pipeline.emulator.api import Api
from beam_image_edit.pipeline.emulator.delivery import ConnectionLost, Reply, deliver, interrupt, reset
from beam_image_edit.pipeline.emulator.edits import Edit, ReceivedImage, open_image
from beam_image_edit.pipeline.emulator.faults import AFTER_WORK, BEFORE_WORK, Fault, FaultRules
from beam_image_edit.pipeline.emulator.journal import Call, Journal, Visit
from beam_image_edit.pipeline.emulator.quotas import QuotaExceeded, Quotas
from beam_image_edit.pipeline.emulator.refusals import Refusal, write_body
from beam_image_edit.pipeline.emulator.settings import Settings
from beam_image_edit.pipeline.emulator.studio import Studio

_THREADS = 4
_INTERRUPTIONS = ('reset', 'hang')
_DELIVERIES = ('slow', 'truncated', 'malformed')
_Result = TypeVar('_Result')


class Service:
    """Answers calls of both APIs, and keeps the books."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix='emulator')
        self._draws = random.Random(0)  # noqa: S311 - which calls are slow must be the same in every run
        self._look = _look_away if settings.fast else open_image
        self.studio = Studio(settings)
        self.journal = Journal()
        self.rules = FaultRules(settings.faults)
        self.quotas = Quotas(settings.requests_per_minute, settings.max_concurrent)
        self.gate = asyncio.Event()  # while it is not set, answers are kept back
        self.gate.set()

    def restart(self) -> None:
        """Forgets all calls; the rules stay, and happen anew."""
        self.journal.clear()
        self.rules.restart()
        self.quotas.restart()

    def close(self) -> None:
        """Lets the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def edit(self, request: web.Request, api: Api) -> web.StreamResponse:
        """Answers one call for an edit."""
        call = self.journal.begin(request.path, api.find_key(request)[1], request.headers, time.monotonic())
        try:
            reply, fault = await self._answer(request, api, call)
            call.status = reply.status
            # Before the answer leaves: a client may send its next call before this line would be reached after it,
            # and would seem to have more calls in flight than it has.
            self.journal.finish(call, time.monotonic())
            return await deliver(request, reply, fault)
        except (ConnectionLost, ConnectionError):
            return web.Response()  # goes nowhere
        finally:
            self.journal.finish(call, time.monotonic())

    async def describe(self, request: web.Request, api: Api) -> web.StreamResponse:
        """Answers somebody who looks a model up."""
        try:
            api.check_key(request, self._settings.api_key)
            response: web.StreamResponse = web.json_response(api.describe_model(request, request.match_info['model']))
        except Refusal as refusal:
            response = await deliver(request, self._write_refusal(api, refusal), None)
        self.note_visit(request, api.find_key(request)[1], response.status)
        return response

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Answers somebody who fetches a picture; no key is needed, and none should be sent."""
        picture = self.studio.gallery.get(request.match_info['name'])
        key_in = (
            'header' if {'authorization', 'x-goog-api-key', 'api-key'} & set(map(str.lower, request.headers)) else ''
        )
        self.note_visit(request, key_in, 404 if picture is None else 200)
        if picture is None:
            return web.Response(status=404, text='No such file.')
        return web.Response(body=picture, content_type=open_image(picture).mime_type)

    def note_visit(self, request: web.Request, key_in: str, status: int) -> None:
        """Writes down a request that asks for no edit."""
        self.journal.visits.append(Visit(request.method, request.path, key_in, status))

    async def _answer(self, request: web.Request, api: Api, call: Call) -> tuple[Reply, Fault | None]:
        try:
            return await self._admit(request, api, call)
        except QuotaExceeded as exceeded:
            refusal = api.slow_down(exceeded.retry_after_s)
        except Refusal as raised:
            refusal = raised
        call.error = str(refusal)
        return self._write_refusal(api, refusal), None

    async def _admit(self, request: web.Request, api: Api, call: Call) -> tuple[Reply, Fault | None]:
        unread = self.rules.choose_unread(call.number)
        if unread:
            call.fault = unread.name
            reset(request)
        api.check_key(request, self._settings.api_key)
        body = await api.read(request)
        edit = await self._work(lambda: api.parse(request, body, self._look))
        call.note_edit(edit)
        with self.quotas.admit():
            fault = self.rules.choose({*api.errors, *api.alterations, *_INTERRUPTIONS, *_DELIVERIES}, call.number, edit)
            call.fault = fault.name if fault else ''
            await self._strike(request, api, edit, fault, BEFORE_WORK)
            reply = await self._make(request, api, edit, fault, call)
            await self._strike(request, api, edit, fault, AFTER_WORK)
        return reply, fault

    async def _strike(self, request: web.Request, api: Api, edit: Edit, fault: Fault | None, moment: str) -> None:
        """Lets a fault that gives no proper answer strike, if its moment has come."""
        if fault is None or fault.moment != moment:
            return
        if fault.name in _INTERRUPTIONS:
            await interrupt(request, fault)
        if fault.name in api.errors:
            raise api.errors[fault.name](fault.arguments, edit, api.find_key(request)[0])

    async def _make(self, request: web.Request, api: Api, edit: Edit, fault: Fault | None, call: Call) -> Reply:
        alteration = api.alterations.get(fault.name, Alteration()) if fault else Alteration()
        arguments = fault.arguments if fault else {}
        product = await self._work(lambda: self.studio.make(api, edit, request.host, alteration, arguments))
        await asyncio.sleep(call.started_s + self._draw_latency() - time.monotonic())
        await self.gate.wait()
        call.note_product(product.images, product.tokens)
        return Reply(200, product.body, headers=self._write_headers(api))

    def _draw_latency(self) -> float:
        share, seconds = self._settings.tail
        return seconds if self._draws.random() < share else self._settings.latency_s

    async def _work(self, function: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def _write_refusal(self, api: Api, refusal: Refusal) -> Reply:
        body, content_type = write_body(refusal, api.write_error(refusal))
        headers = {**self._write_headers(api), **refusal.headers}
        if refusal.body == 'litellm':
            headers = {f'llm_provider-{name}': value for name, value in headers.items()}
        return Reply(refusal.status, body, content_type, headers)

    def _write_headers(self, api: Api) -> dict[str, str]:
        if api.name != 'openai':
            return {}
        headers = {'x-request-id': f'req_{uuid.uuid4().hex}', 'openai-version': '2020-10-01'}
        if self.quotas.per_minute is None:
            return headers
        return {
            **headers,
            'x-ratelimit-limit-requests': str(self.quotas.per_minute),
            'x-ratelimit-remaining-requests': str(self.quotas.remaining),
            'x-ratelimit-reset-requests': f'{self.quotas.reset_s:.3f}s',
        }


def _look_away(content: bytes) -> ReceivedImage:
    """An image that is not looked into."""
    return ReceivedImage(content, '')
