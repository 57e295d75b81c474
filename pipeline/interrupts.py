"""Interrupts: the first Ctrl-C or SIGTERM stops all sending and lets the job end; a second one ends the program."""

import logging
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from beam_image_edit.transforms.editor import stop_editors
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.runners import engine_name
from beam_image_edit.transforms.stop_file import StopFile

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A signal that goes to the process and to its group, as `timeout` sends it, comes twice: within a moment, unlike a
# second press by a person.
_ONE_SIGNAL_S = 0.5
_OVER = b'\0'
# What FnApiRunner starts for each worker process, by a shell; an ignored signal stays ignored in what a shell becomes.
_WORKER = f"trap '' INT TERM; exec {shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main"


def shield_workers(runner: str, options: PipelineOptions) -> Any:
    """The runner for a pipeline: where it would start worker processes, one whose workers Ctrl-C doesn't reach.

    A terminal sends Ctrl-C to all processes of a job, and a worker would end at once, its calls in flight lost and the
    manifest with them. Shielded ones are stopped as workers on other hosts are, by the run's stop file.

    Args:
        runner: Beam's name of it.
        options: the pipeline's; changed where the runner is another one.
    """
    direct = options.view_as(DirectOptions)
    has_workers = engine_name(runner) == 'FnApiRunner' and direct.direct_running_mode == 'multi_processing'
    if not has_workers or os.name != 'posix':
        return runner
    # Otherwise the runner would put its own command in place of this one.
    direct.direct_running_mode = None
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(_WORKER))


@contextmanager
def stopped_by_signals(editor: EditorConfig) -> Iterator[None]:
    """Stops a run on the first signal that comes within the block, and ends the program on a second one.

    A thread does it, told through a socket by the interpreter's own handler: the main thread may be waiting for a lock,
    or hold one that stopping needs. The run's other processes learn of it from the stop file. An ignored Ctrl-C, as a
    script's background jobs have it, is heeded too: a run that is told to stop must not go on to spend.

    Args:
        editor: the run, and where its other processes find that it is stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    inbox, outbox = socket.socketpair()
    outbox.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(inbox, editor), name='edit-signals', daemon=True)
    watcher.start()
    handlers = {number: signal.signal(number, _ignore) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(outbox.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        outbox.send(_OVER)
        watcher.join()
        inbox.close()
        outbox.close()


def _ignore(_number: int, _frame: object) -> None:
    """The watcher has it."""


def _watch(inbox: socket.socket, editor: EditorConfig) -> None:
    # To tell the others may take a while, and a second signal must not wait for it, nor seem to come late.
    stopping = threading.Thread(target=_stop, args=(editor,), name='edit-stop', daemon=True)
    stopped_at: float | None = None
    while (number := inbox.recv(1)) != _OVER:
        if ord(number) not in _SIGNALS:
            continue
        if stopped_at is None:
            stopped_at = time.monotonic()
            _log.warning(
                'stopping: calls in flight are finished and kept, no further one is sent; again to end at once'
            )
            stopping.start()
        elif time.monotonic() - stopped_at >= _ONE_SIGNAL_S:
            _log.error('ended: calls in flight are lost and count as in doubt')
            os._exit(1)
    if stopped_at is not None:
        stopping.join()


def _stop(editor: EditorConfig) -> None:
    if not stop_editors('interrupted', editor.run_id):
        StopFile(editor.open_storage(), editor.run_id).write('interrupted')
