"""Fetches: a file on somebody's server, asked for once more where the failure may be over in a moment.

To fetch costs nothing, so what may pass is simply tried again, unlike a call that may have been billed.
"""

import time
from collections.abc import Callable

from beam_image_edit.transforms.errors import EditError

_DELAYS_S = (0.2, 1.0)
TRIES = 1 + len(_DELAYS_S)
_PASSING_STATUSES = frozenset({408, 425, 429})


class PassingFailure(EditError):
    """A failure to fetch that may be over in a moment: what it was."""


def may_pass(status: int) -> bool:
    """Whether a server that gives this HTTP status may give another one in a moment.

    >>> may_pass(503), may_pass(429), may_pass(404)
    (True, True, False)
    """
    return status >= 500 or status in _PASSING_STATUSES


def fetch_patiently(fetch: Callable[[], bytes], sleep: Callable[[float], None] = time.sleep) -> bytes:
    """What `fetch` brings, which is tried three times if its failures may pass.

    Raises:
        PassingFailure: the last one.
        Exception: any other of `fetch`, at once.
    """
    for delay_s in _DELAYS_S:
        try:
            return fetch()
        except PassingFailure:
            sleep(delay_s)
    return fetch()
