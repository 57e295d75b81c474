"""Processes of an engine: each in a group of its own, with its log in a file, and all gone at the end."""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.waiting import wait_until

# The caches of what was fetched; git ignores it.
CACHE = Path(__file__).resolve().parents[2] / '.cache'
# Also where the tests are killed and end nothing themselves.
_DYING_WITH_THE_TESTS = ('setpriv', '--pdeathsig', 'KILL') if shutil.which('setpriv') else ()


def free_port():
    """A port on loopback that nobody listens to at the moment."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Processes:
    """Started processes; a context manager that ends what is left of them.

    Attributes:
        folder: where they run and have their logs.
    """

    def __init__(self, folder, environment=None):
        self.folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._ends = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._ends.close()

    def start(self, name, *command):
        """Starts a process; its output goes to `NAME.log`."""
        with (self.folder / f'{name}.log').open('ab') as log:
            process = subprocess.Popen(
                (*_DYING_WITH_THE_TESTS, *command),
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._ends.callback(kill, process)
        return process

    def wait_for_port(self, process, port, name):
        """Waits until a process listens; an error with its last words if it ends instead."""

        def is_listening():
            assert process.poll() is None, f'{name} has ended:\n{self.last_words(name)}'
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', port)) == 0

        wait_until(is_listening)

    def last_words(self, name):
        return (self.folder / f'{name}.log').read_text(errors='replace')[-3000:]


def kill(process):
    """Kills a process and all of its group, and waits for its end."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children_of(process):
    """The numbers of a process's own children that have not ended."""
    found = []
    for entry in Path('/proc').iterdir():
        with suppress(OSError, ValueError, IndexError):
            state, parent = (entry / 'stat').read_text().rpartition(') ')[2].split()[:2]
            if int(parent) == process.pid and state != 'Z':
                found.append(int(entry.name))
    return found
