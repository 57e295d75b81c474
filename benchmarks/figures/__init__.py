"""The figures: each measures its runs, and says what they mean."""

from importlib import import_module
from types import ModuleType

NAMES = ('throughput', 'stragglers', 'quotas', 'cpu', 'sizes', 'rows', 'start')


def load_figure(name: str) -> ModuleType:
    """A figure's module, with `measure(bench)` and `describe(runs)`."""
    return import_module(f'benchmarks.figures.{name}')
