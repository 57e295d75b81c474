"""Starts the program: `beam-image-edit`, also `python -m beam_image_edit.pipeline`.

What takes long to import is imported when Ctrl-C already ends the program in an orderly way.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_INTERRUPTED = 'beam-image-edit: interrupted\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, see `program.run`."""
    try:
        with _ended_by_ctrl_c():
            run = _import_program()
        return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # a run has its own way to stop, and all else has nothing to finish
        sys.stderr.write(_INTERRUPTED)
        return 1


def _import_program() -> Callable[[Sequence[str]], int]:
    import logging

    logging.getLogger().addFilter(_is_news)
    # Beam is half a million objects that all stay. To look for garbage among them while they come in takes a fifth of
    # the start, and to do so later, again and again, is as much in vain.
    gc.disable()
    from beam_image_edit.pipeline.program import run

    if not gc.get_freeze_count():
        gc.freeze()
    # A row leaves hardly any garbage that needs looking for, but makes objects by the thousand.
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    return run


def _is_news(record: Any) -> bool:
    # Beam says at every import that a package for Google's BigQuery is not there; nothing here uses it.
    return not str(record.msg).startswith('apitools not found')


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Ends the program at once on Ctrl-C, with one line.

    An exception would not do while modules are imported: some catch all that is raised, and others tell of it in pages.
    A signal that is ignored stays so, as it is in what a shell runs in the background, and one that has another
    handler already is somebody else's.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    try:
        before = signal.signal(signal.SIGINT, _end)
    except ValueError:  # in a thread, which gets no signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(_number: int, _frame: object) -> None:
    with suppress(OSError):
        os.write(2, _INTERRUPTED.encode())
    os._exit(1)


if __name__ == '__main__':
    sys.exit(main())
