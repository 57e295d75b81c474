"""The server: its lifecycle, and what a script sees of it.

It runs on an event loop of its own, in a thread of its own, so that a test or a script can have it in its own
process; several hundred calls held open cost it nothing but memory.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from aiohttp import web

from beam_image_edit.pipeline.emulator.journal import Call, Visit
from beam_image_edit.pipeline.emulator.routes import build_application
from beam_image_edit.pipeline.emulator.service import Service
from beam_image_edit.pipeline.emulator.settings import Settings

_BACKLOG = 1024  # connections that may wait to be taken: hundreds can come at once
_CLOSE_S = 0.1  # calls in flight are cut off when the server stops


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
        self._thread = threading.Thread(target=self._run, name='emulator', daemon=True)
        self._is_ready = threading.Event()
        self._problem: Exception | None = None

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
    def in_flight(self) -> int:
        """How many calls have come and are not answered yet."""
        return self._service.journal.in_flight

    @property
    def most_in_flight(self) -> int:
        """How many calls were in flight at a time, at most."""
        return self._service.journal.most_in_flight

    def set_faults(self, rules: str | Iterable[Mapping[str, Any]]) -> None:
        """Puts other fault rules in force, as in `faults.py`; `[]` for none."""
        self._service.rules.replace(rules)

    def hold(self) -> None:
        """Keeps all answers back from now on, so that calls stay in flight until `release`."""
        self._loop.call_soon_threadsafe(self._service.gate.clear)

    def release(self) -> None:
        """Lets the answers go that are kept back, and all later ones."""
        self._loop.call_soon_threadsafe(self._service.gate.set)

    def reset(self) -> None:
        """Forgets all calls; the fault rules stay, and happen anew."""
        self._service.restart()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # raised again where it was started
            self._problem = error
        finally:
            self._is_ready.set()
            self._service.close()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(build_application(self._service), access_log=None, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.settings.host, self.settings.port, backlog=_BACKLOG).start()
            self.port: int = runner.addresses[0][1]
            self._is_ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()
