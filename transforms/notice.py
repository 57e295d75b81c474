"""A notice: a warning of which one is enough, however many calls meet its cause at the same time."""

import logging
import threading


class Notice:
    """Logged once; safe to share between threads.

    Args:
        log: where it goes.
        message: as the log takes it.
    """

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log = log
        self._message = message
        # Whoever can take it is the first; nobody gives it back.
        self._is_untold = threading.Lock()

    def give(self, *arguments: object) -> None:
        """Logs it, unless that was done before."""
        if self._is_untold.acquire(blocking=False):
            self._log.warning(self._message, *arguments)
