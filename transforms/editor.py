"""The editor of a worker process: one limiter, one pool of connections and one ledger for all that the process edits.

It knows no Beam. Beam makes several DoFn instances in a process, tears them down and makes new ones as it likes; they
all find the same editor in a table by its configuration, so that the number of calls in flight is what was asked for.
"""

import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from beam_image_edit.transforms.allocation import give_large_blocks_back
from beam_image_edit.transforms.api_keys import read_api_key
from beam_image_edit.transforms.budget import ADMIT_ALL, Admission
from beam_image_edit.transforms.clients import load_format
from beam_image_edit.transforms.clients.client import ApiClient, Endpoint
from beam_image_edit.transforms.clients.http import HttpClient
from beam_image_edit.transforms.doubtful_answers import DoubtfulAnswers
from beam_image_edit.transforms.editing import SampleEditor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import Stopped
from beam_image_edit.transforms.failure_watch import FailureWatch
from beam_image_edit.transforms.input_pictures import InputPictures
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.limits.limiter import Limiter
from beam_image_edit.transforms.limits.pace import limits_path, open_pace
from beam_image_edit.transforms.memory import MemoryBudget
from beam_image_edit.transforms.meter import open_meter
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.prices import CallSize
from beam_image_edit.transforms.probes import check_probe
from beam_image_edit.transforms.purchases import Buyer
from beam_image_edit.transforms.reruns import Reruns
from beam_image_edit.transforms.row_plans import RowPlan
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.scheduler import Scheduler, pause
from beam_image_edit.transforms.sending import Sender
from beam_image_edit.transforms.stop_file import StopFile
from beam_image_edit.transforms.stop_switch import StopSwitch

_log = logging.getLogger(__name__)
T = TypeVar('T')
# Threads beyond those that wait for answers: they prepare the next samples, and store what has come, meanwhile.
_OTHER_THREADS = 4
# How often it is looked for whether another process has stopped the run.
_LOOK_EVERY_S = 2.0


class Editor:
    """Edits samples, `max_in_flight` calls at a time, for everybody in the process.

    Args:
        config: all that it needs to know.
        is_looking: whether it only makes plans; then it needs no key, and nothing may be submitted.

    Raises:
        ConfigurationError: the key, the format or the cache path can't be used, or this worker does not share it.
    """

    def __init__(self, config: EditorConfig, is_looking: bool = False) -> None:
        self.config = config
        api_format = load_format(config.api_format)
        endpoint = Endpoint(
            format=api_format,
            format_name=config.api_format,
            base_url=config.base_url or api_format.default_base_url,
            key='' if is_looking else read_api_key(config.api_key, config.storage_options),
        )
        self._storage = config.open_storage()
        check_probe(self._storage, config.probe)
        self._stop_file = StopFile(self._storage, config.run_id)
        self._switch = StopSwitch(find_reason=self._stop_file.read, on_stop=self._end_waits)
        self._scheduler = Scheduler(config.max_in_flight + _OTHER_THREADS)
        pace = open_pace(config.limits, limits_path(config.run_id), config.workers)
        self.meter = open_meter(config.run_id)
        self._limiter = Limiter(config.max_in_flight, pace, self._scheduler.resume_later, meter=self.meter)
        self._http = HttpClient(config.max_in_flight, config.connect_timeout_s, config.read_timeout_s)
        give_large_blocks_back()
        self._memory = MemoryBudget(config.max_memory_mb * 1_000_000)
        self._failures = FailureWatch(config.max_failure_share, self.stop)
        self._samples = SampleEditor(
            endpoint=endpoint,
            model=config.model,
            fields=config.fields,
            defaults=config.parameters,
            pictures=self._make_pictures(),
            buyer=self._make_buyer(endpoint),
            storage=self._storage,
            memory=self._memory,
            run_id=config.run_id,
            is_matching_aspect=config.is_matching_aspect,
        )
        self.holders = 0  # guarded by the table's lock
        self._unfinished = 0
        self._is_watched = False
        self._lock = threading.Lock()

    def _make_pictures(self) -> InputPictures:
        config = self.config
        reader = InputReader(
            connect_timeout_s=config.connect_timeout_s,
            read_timeout_s=config.read_timeout_s,
            image_root=config.image_root,
            storage_options=config.storage_options,
        )
        return InputPictures(
            reader,
            self._storage,
            self._switch.check,
            config.is_reading_all_inputs,
            config.is_decoding_inputs,
            self._memory,
        )

    def _make_buyer(self, endpoint: Endpoint) -> Buyer:
        config = self.config
        # The read timeout bounds the wait for an answer, and again the reading of it.
        timeout_s = config.connect_timeout_s + 2 * config.read_timeout_s
        ledger = Ledger(
            self._storage, config.run_id, timeout_s, config.is_retrying_in_doubt, config.max_cost_usd is not None
        )
        reruns = Reruns(
            self._storage,
            config.run_id,
            retried=config.retried,
            is_checking_images=config.is_checking_images,
            is_repairing=config.is_repairing,
            is_retrying_in_doubt=config.is_retrying_in_doubt,
        )
        client = ApiClient(endpoint, self._http)
        return Buyer(
            client=client,
            sender=Sender(
                client=client,
                ledger=ledger,
                limiter=self._limiter,
                switch=self._switch,
                takes_up=reruns.takes_up,
                wait_for_service=self._find_service(),
                on_fatal=self.stop,
                longest_wait_s=config.policy.max_server_delay_s,
                answers=DoubtfulAnswers(config.max_in_flight),
            ),
            storage=self._storage,
            ledger=ledger,
            switch=self._switch,
            memory=self._memory,
            policy=config.policy,
            reruns=reruns,
            price=config.find_price(),
            on_fatal=self.stop,
        )

    def _find_service(self) -> Callable[[int], None] | None:
        if self.config.rate_limit_service is None:
            return None
        from beam_image_edit.transforms.limits.service import RateLimitService  # gRPC is only needed for it

        service = RateLimitService(self.config.rate_limit_service, self.config.model, self._switch.check, self.stop)
        return service.wait

    def submit(self, sample: Sample, admission: Admission = ADMIT_ALL) -> Future[Outcome]:
        """Begins a sample's editing; never blocks, so whoever submits keeps count of what is unfinished.

        Args:
            sample: the row.
            admission: which calls may be sent; for the others the row gets what has been bought before.
        """
        future = self._start(self._samples.edit(sample, admission))
        future.add_done_callback(lambda done: self._note(done.result()))
        return future

    def find_unbought(self, sample: Sample) -> Future[list[tuple[str, CallSize]]]:
        """Begins to find out which calls are to be sent for a sample; none if that can't be known. Never blocks."""
        return self._start(self._find_unbought(sample))

    def _note(self, outcome: Outcome) -> None:
        self.meter.note(outcome)
        self._failures.note(outcome)

    def plan(self, sample: Sample) -> Future[RowPlan]:
        """Begins to find out what a run would make of a sample; sends nothing and never blocks."""
        return self._start(self._samples.plan(sample))

    def stop(self, reason: str) -> None:
        """Sends nothing from now on, in this process and in the run's others; calls in flight finish and are kept."""
        self._switch.throw(reason)
        self._stop_file.write(reason)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being edited."""
        return self._unfinished == 0

    def close(self) -> None:
        """Lets threads and connections go; tells nobody else, since the run may go on without this process."""
        self._switch.throw('the program ends')
        self._scheduler.close()
        self._http.close()

    async def _find_unbought(self, sample: Sample) -> list[tuple[str, CallSize]]:
        try:
            return await self._samples.find_unbought(sample)
        except Stopped:
            return []
        except Exception as error:  # whatever nobody foresaw in a row ends no job
            _log.warning('nothing is reserved for %s: %s', sample.name or f'line {sample.line}', error)
            return []

    def _start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            self._unfinished += 1
            was_watched, self._is_watched = self._is_watched, True
        if not was_watched:
            self._scheduler.start(self._watch())
        future = self._scheduler.start(work)
        future.add_done_callback(self._count_finished)
        return future

    async def _watch(self) -> None:
        """Looks whether another process has stopped the run: calls that wait for a quota don't look themselves."""
        while True:
            await pause(_LOOK_EVERY_S)
            with self._lock:
                self._is_watched = self._unfinished > 0
                if not self._is_watched:
                    return
            try:
                self._switch.check()
            except Stopped:
                return

    def _count_finished(self, _: Future[Any]) -> None:
        with self._lock:
            self._unfinished -= 1

    def _end_waits(self) -> None:
        self._limiter.close()
        self._scheduler.end_pauses()


_editors: dict[str, Editor] = {}
_editors_lock = threading.Lock()


def open_editor(config: EditorConfig) -> Editor:
    """The process's editor for a configuration; makes it if there is none. Whoever opens it must release it.

    Editors that nobody holds and that have nothing left to do are closed on the way. Not earlier: Beam tears instances
    down in the middle of a job, and the next one would have to build connections anew.

    Raises:
        ConfigurationError: as Editor.
    """
    with _editors_lock:
        for identity, editor in list(_editors.items()):
            if identity != config.identity and editor.holders == 0 and editor.is_idle:
                _editors.pop(identity).close()
        if config.identity not in _editors:
            _editors[config.identity] = Editor(config)
        editor = _editors[config.identity]
        editor.holders += 1
        return editor


def release_editor(editor: Editor) -> None:
    """Says that one who opened the editor needs it no more."""
    with _editors_lock:
        editor.holders -= 1


def stop_editors(reason: str, run_id: str) -> bool:
    """Stops all sending of a run in this process, which tells the others; whether there was anybody to stop."""
    with _editors_lock:
        editors = [editor for editor in _editors.values() if editor.config.run_id == run_id]
    for editor in editors:
        editor.stop(reason)
    return bool(editors)


def _close_editors() -> None:
    with _editors_lock:
        for editor in _editors.values():
            editor.close()
        _editors.clear()


# The pool's threads are waited for when the interpreter ends, and what is queued would still be bought. Hooks run in
# reverse order, and importing the pool (above) has registered its own: this one runs before it.
threading._register_atexit(_close_editors)  # type: ignore[attr-defined]  # noqa: SLF001
