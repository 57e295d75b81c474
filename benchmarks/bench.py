"""The bench: runs clients in turns, and says what it is doing."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.runs import Run, run_client
from benchmarks.workloads import Workload

T = TypeVar('T')


@dataclass
class Bench:
    """Runs clients one at a time.

    Attributes:
        folder: for rows, pictures and what the clients write.
        is_quick: whether to try everything out on a few rows, in a few minutes.
    """

    folder: Path
    is_quick: bool = False
    _outputs: int = 0
    _started_s: float = field(default_factory=time.monotonic)

    def choose(self, full: T, quick: T) -> T:
        """The value for this kind of run."""
        return quick if self.is_quick else full

    def run(self, case: str, client: str, workload: Workload, is_rerun: bool = False) -> Run:
        """Runs a client once.

        What it writes stays until all is over: where files were removed a minute ago, ext4 takes several times as long
        to make new ones, and who writes more files than another would pay for it.

        Args:
            case: what is done, in the words of the figure.
            client: who does it.
            workload: the work.
            is_rerun: on what the run before has left.
        """
        if not is_rerun:
            self._outputs += 1
        output = self.folder / f'output-{self._outputs}'
        run = run_client(case, client, workload, self.folder, output)
        passed_s = time.monotonic() - self._started_s
        told = f'{run.wall_s:6.1f} s  CPU {run.cpu_s:6.1f} s  {run.calls:,} calls'
        print(f'{passed_s:6.0f} s  {case:32} {client:18} {workload.rows:7,} rows {told}', flush=True)
        return run

    def alternate(self, case: str, clients: Sequence[str], workload: Workload, repeats: int) -> Iterator[Run]:
        """Runs clients in turns, so that all have their share of what else happens on the machine."""
        for _ in range(repeats):
            for client in clients:
                yield self.run(case, client, workload)
