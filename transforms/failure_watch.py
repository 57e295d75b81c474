"""The failure watch: ends a job of which too large a share fails, before the rest is paid for."""

import threading
from collections.abc import Callable

from beam_image_edit.transforms.outcomes import EDITED, STOPPED, Outcome

# With fewer rows a share says little.
_LEAST_ROWS = 20


class FailureWatch:
    """Counts the rows for which this process has sent calls; safe to share between threads.

    Rows without a call, such as those with invalid input or those that earlier runs have bought, do not count.

    Args:
        max_share: of the rows that are not edited, 0 to 1; None: any.
        stop: told why, as soon as it is more.
    """

    def __init__(self, max_share: float | None, stop: Callable[[str], None]) -> None:
        self._max_share = max_share
        self._stop = stop
        self._rows = self._failed = 0
        self._is_stopped = False
        self._lock = threading.Lock()

    def note(self, outcome: Outcome) -> None:
        """Takes a row into account."""
        if self._max_share is None or not outcome.spent.get('calls') or outcome.status == STOPPED:
            return
        with self._lock:
            self._rows += 1
            self._failed += outcome.status != EDITED
            is_over = self._rows >= _LEAST_ROWS and self._failed > self._max_share * self._rows
            if not is_over or self._is_stopped:
                return
            self._is_stopped = True
            shares = f'{self._failed} of {self._rows} rows were not edited'
        self._stop(
            f'{shares}, which is more than --max_failure_share {self._max_share:g} allows; '
            f'the last one: {outcome.status}: {outcome.edit["error"]}'
        )
