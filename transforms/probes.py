"""Probes: a file that the submitter leaves in the cache path, by which workers see that they share it.

A folder of the same name on another machine looks the same. A worker that wrote to its own would pay for images that
nobody finds, and buy again what others have bought.
"""

import socket

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.storage import Storage


def leave_probe(storage: Storage, run_id: str) -> str:
    """Puts a run's probe into the cache path and returns its name.

    Raises:
        StorageError: the store fails.
    """
    probe = f'ledger/runs/{run_id}/probe'
    storage.write(probe, run_id.encode())
    return probe


def check_probe(storage: Storage, probe: str | None) -> None:
    """Raises ConfigurationError if a probe is not in the cache path as this worker sees it; None is no probe.

    Raises:
        StorageError: the store fails.
    """
    if probe is not None and storage.size(probe) is None:
        raise ConfigurationError(
            f'the worker on {socket.gethostname()} does not see what the command has written to {storage.root}: give '
            'a --cache_path that all workers share, such as an s3:// or gs:// URL'
        )
