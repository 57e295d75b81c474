"""Owners of claims: which process a claim belongs to, and whether that process still lives."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other one that ever was.

    Attributes:
        host: the host's name.
        boot_id: changes with every start of the host; empty where the system tells none.
        pid_namespace: containers on one host number their processes each for itself; empty likewise.
        pid: the process.
        started: when the process started, in the kernel's own count; process numbers are used again. Empty likewise.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    started: str

    def to_json(self) -> dict[str, Any]:
        """As the ledger writes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> 'Owner':
        """The owner that the ledger names; members of a later version are left out.

        Raises:
            ValueError: the members are not an owner's.
        """
        try:
            owner = cls(**{member.name: members[member.name] for member in fields(cls)})
        except (TypeError, KeyError) as error:
            raise ValueError(f'not an owner: {type(error).__name__}: {error}') from error
        if not isinstance(owner.pid, int) or not 0 < owner.pid < 1 << 31:
            raise ValueError(f'not a process number: {owner.pid!r}')
        return owner


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
    return _own_process(os.getpid())  # which changes with a fork


@cache
def _own_process(pid: int) -> Owner:
    state_and_start = _read_process(pid)
    return Owner(*_machine(), pid, state_and_start[1] if state_and_start else '')


def is_alive(owner: Owner, expires_at: float, now: float | None = None) -> bool:
    """Whether an owner may still be at work.

    A process of this host's present start and of the same container can be looked up. Of every other one it is only
    known that its time is not over: two hosts may have one name.

    Args:
        owner: who wrote the claim.
        expires_at: until when the claim's call can take at the most, in seconds since the epoch.
        now: the current time if None.
    """
    is_expired = (now if now is not None else time.time()) >= expires_at
    if (owner.host, owner.boot_id, owner.pid_namespace) != _machine():
        return not is_expired
    if not _exists(owner.pid):
        return False
    found = _read_process(owner.pid)
    if found is None or not owner.started:
        # This system has no /proc, or hides others' processes: it may be another process with the same number.
        return not is_expired
    state, started = found
    return state not in ('Z', 'X') and started == owner.started


def _read_process(pid: int) -> tuple[str, str] | None:
    """A process's state (`Z`: it has ended, and nobody has asked yet how) and when it started, if that can be read."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    # The second field, the command's name in brackets, may hold spaces and brackets.
    fields = status.rpartition(')')[2].split()
    return fields[0], fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
