"""Waiting for what must become so: no longer than needed, and on a loaded machine long enough."""

import threading
import time

DEADLINE_S = 120


def wait_until(is_so):
    ends_at = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < ends_at, f'not within {DEADLINE_S} s'
        threading.Event().wait(0.005)
