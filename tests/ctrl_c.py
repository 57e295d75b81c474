"""Ctrl-C for programs that tests start: a shell that runs the tests in the background would have it ignored by all."""

import signal
from contextlib import contextmanager


@contextmanager
def ctrl_c_ends():
    """What is started within the block heeds Ctrl-C."""
    with _handled_by(signal.default_int_handler):
        yield


@contextmanager
def ctrl_c_is_ignored():
    """What is started within the block was told to ignore Ctrl-C."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _handled_by(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
