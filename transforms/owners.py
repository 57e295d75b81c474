"""Owners of claims: which process a claim belongs to, and whether that process still lives."""

import os
import socket
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other one that ever was.

    Attributes:
        host: the host's name.
        boot_id: changes with every start of the host.
        pid_namespace: containers on one host number their processes each for itself.
        pid: the process.
        started: when the process started, in the kernel's own count; process numbers are used again.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    started: str

    def to_json(self) -> dict[str, Any]:
        """As the ledger writes it."""
        return asdict(self)


@cache
def _machine() -> tuple[str, str, str]:
    try:
        boot_id = Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        namespace = os.readlink('/proc/self/ns/pid')  # noqa: PTH115 - it names no path
    except OSError:
        boot_id, namespace = '', ''
    return socket.gethostname(), boot_id, namespace


def this_process() -> Owner:
    """The process that asks."""
    return Owner(*_machine(), os.getpid(), _start_of(os.getpid()) or '')


def is_alive(owner: Owner, expires_at: float, now: float | None = None) -> bool:
    """Whether an owner may still be at work.

    On the same host that is known; of another host's process only that its time is not over.

    Args:
        owner: who wrote the claim.
        expires_at: until when the claim's call can take at the most, in seconds since the epoch.
        now: the current time if None.
    """
    me = this_process()
    if (owner.host, owner.boot_id, owner.pid_namespace) == (me.host, me.boot_id, me.pid_namespace):
        return _start_of(owner.pid) == owner.started if owner.started else _exists(owner.pid)
    if owner.host == me.host and owner.boot_id != me.boot_id:
        return False
    return (now if now is not None else time.time()) < expires_at


def _start_of(pid: int) -> str | None:
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    # The second field, the command's name in brackets, may hold spaces. A zombie ('Z') works no more.
    fields = status.rpartition(')')[2].split()
    return None if fields[0] == 'Z' else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
