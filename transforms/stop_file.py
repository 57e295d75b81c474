"""The stop file: how the processes of one run, on however many hosts, tell each other to send nothing more."""

import json
import logging

from beam_image_edit.transforms.notice import Notice
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)


class StopFile:
    """`ledger/runs/<run id>/stop.json`: there once the run is stopped, with the reason.

    Args:
        storage: the cache path.
        run_id: of the run; without one there is nobody else to tell.
    """

    def __init__(self, storage: Storage, run_id: str) -> None:
        self._storage = storage
        self._path = f'ledger/runs/{run_id}/stop.json' if run_id else None
        self._untold = Notice(_log, 'the other workers could not be told to stop: %s')

    def write(self, reason: str) -> None:
        """Tells the others; a store that can't be written leaves each process to find out by itself.

        Every call in flight may come here with the same bad news, and tries again.
        """
        if not self._path:
            return
        try:
            self._storage.create(self._path, json.dumps({'reason': reason}).encode())
        except OSError as error:
            self._untold.give(error)

    def read(self) -> str | None:
        """Why the run is stopped; None if it is not."""
        try:
            content = self._storage.read(self._path) if self._path else None
        except OSError:
            return None  # asked again within seconds
        if content is None:
            return None
        try:
            return str(json.loads(content)['reason'])
        except (ValueError, KeyError, TypeError):
            return 'the run was stopped'
