"""Comparisons of runs: ratios with their spread, and costs from which the start is taken off."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.runs import Run


@dataclass(frozen=True, slots=True)
class Spread:
    """What several measurements say.

    >>> str(Spread.of([1.0, 1.5, 1.1]))
    '1.10 (1.00–1.50)'
    >>> str(Spread.of([0.5]))
    '0.50'
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> 'Spread':
        """The spread of at least one value."""
        known = list(values)
        return cls(statistics.median(known), min(known), max(known))

    def __str__(self) -> str:
        return f'{self.median:.2f}' + (f' ({self.low:.2f}–{self.high:.2f})' if self.low < self.high else '')


def pick(runs: Iterable[Run], case: str, client: str) -> list[Run]:
    """The runs of a client, in their order."""
    return [run for run in runs if (run.case, run.client) == (case, client)]


def cases_of(runs: Iterable[Run]) -> list[str]:
    """The cases, in their order."""
    return list(dict.fromkeys(run.case for run in runs))


def clients_of(runs: Iterable[Run], case: str) -> list[str]:
    """The clients of a case, in their order."""
    return list(dict.fromkeys(run.client for run in runs if run.case == case))


def ratios(own: Sequence[float], others: Sequence[float]) -> Spread:
    """What was measured in turns, divided turn by turn."""
    return Spread.of(value / other for value, other in zip(own, others, strict=False))


def values_of(runs: Sequence[Run], case: str, client: str, read: Callable[[Run], float]) -> list[float]:
    """A value of each run of a client."""
    return [read(run) for run in pick(runs, case, client)]


def cpu_per_image_s(runs: Sequence[Run], case: str, client: str) -> list[float]:
    """CPU seconds of an image: of each pair of runs, one with few rows and one with more, what the more rows took."""
    known = pick(runs, case, client)
    pairs = zip(known[::2], known[1::2], strict=True)
    return [(more.cpu_s - few.cpu_s) / (more.rows - few.rows) for few, more in pairs]
