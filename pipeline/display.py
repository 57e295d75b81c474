"""The display: how far the work is, told on stderr while it goes on.

On a terminal it is one line, in a narrow one wrapped, that is written over and over; anywhere else a line now and then,
which a log can hold. What the log says meanwhile stands above the line.
"""

import logging
import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

_LIVE_EVERY_S = 0.5
_PLAIN_EVERY_S = 10.0
_CLEAR = '\r\x1b[K'
_CLEAR_ABOVE = '\x1b[A\x1b[K'


class Display:
    """Tells how far the work is, as long as the block lasts.

    Args:
        is_on: whether anything is told at all.
        describe: the line; called on a thread of its own.
        stream: where to; None: stderr.
        every_s: seconds between two lines; None: what suits the stream.
    """

    def __init__(
        self,
        is_on: bool,
        describe: Callable[[], str],
        stream: TextIO | None = None,
        every_s: float | None = None,
    ) -> None:
        self._is_on = is_on
        self._describe = describe
        self._stream = stream or sys.stderr
        self._is_live = self._stream.isatty()
        self._every_s = every_s or (_LIVE_EVERY_S if self._is_live else _PLAIN_EVERY_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name='edit-display', daemon=True)
        self._lock = threading.Lock()
        self._lines_shown = 0
        self._handlers: list[tuple[logging.StreamHandler[Any], Any]] = []

    def __enter__(self) -> 'Display':
        if self._is_on:
            if self._is_live:
                self._share_the_terminal()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_on:
            return
        self._over.set()
        self._thread.join()
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._clear()

    def write(self, text: str) -> int:
        """Writes what the log says, above the line."""
        with self._lock:
            return self._stream.write(f'{self._take_clearing()}{text}')

    def flush(self) -> None:
        """As a stream's."""
        self._stream.flush()

    def _share_the_terminal(self) -> None:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._stream:
                self._handlers.append((handler, handler.setStream(self)))

    def _run(self) -> None:
        # On a terminal from the first moment, in a log only what lasts.
        while not self._over.wait(0 if self._is_live and not self._lines_shown else self._every_s):
            self._show()

    def _show(self) -> None:
        try:
            line = self._describe()
            with self._lock:
                if self._is_live:
                    lines = textwrap.wrap(line, _width())
                    self._stream.write((self._take_clearing() or _CLEAR) + '\n'.join(lines))
                    self._lines_shown = len(lines)
                else:
                    self._stream.write(f'{line}\n')
                self._stream.flush()
        except (OSError, ValueError):  # nobody is there to see it any more
            self._over.set()

    def _clear(self) -> None:
        with self._lock:
            try:
                self._stream.write(self._take_clearing())
                self._stream.flush()
            except (OSError, ValueError):
                return

    def _take_clearing(self) -> str:
        lines, self._lines_shown = self._lines_shown, 0
        return f'{_CLEAR}{_CLEAR_ABOVE * (lines - 1)}' if lines and self._is_live else ''


def _width() -> int:
    # A line as long as the terminal is wide would make some terminals begin the next one.
    return shutil.get_terminal_size().columns - 1


def tell(*lines: str) -> None:
    """Writes lines to stdout; it is no failure if who reads them has seen enough, as `head` has."""
    try:
        sys.stdout.writelines(f'{line}\n' for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
