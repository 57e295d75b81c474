"""Runs the benchmarks and writes the document about them.

    pip install '.[benchmarks]'
    python -m benchmarks                    # everything, about half an hour on a machine that does nothing else
    python -m benchmarks --only cpu         # one figure; the document keeps what was measured of the others
    python -m benchmarks --resume           # what is missing after an interruption
    python -m benchmarks --quick            # everything on a few rows, to try it out

Everything is on loopback and needs no key. The server (`server.py`) answers at once with bytes that are ready; the job
is run as users run it, and what it is compared with (`clients/`) are programs of their own too, so that `wait4` tells
CPU seconds and peak memory of each. Each figure (`figures/`) measures and describes; what it measured is kept as JSON
beside the document, from which `report.py` writes the text anew.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import NAMES, load_figure
from benchmarks.report import Result, load_results, write_document
from benchmarks.runs import ROOT

_RESULTS = 'performance'


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', choices=NAMES, action='append', help='a figure to measure; can be repeated')
    parser.add_argument('--quick', action='store_true', help='a few rows: to try it out, not to judge by')
    parser.add_argument('--resume', action='store_true', help='measure only what is not there yet')
    parser.add_argument(
        '--output', type=Path, help='the folder of the document; if not given, docs, for a quick run build/performance'
    )
    return parser.parse_args(arguments)


def measure(name: str, is_quick: bool, results: Path) -> bool:
    """Measures a figure and keeps what it gives; gives whether that worked."""
    print(f'{name}: {load_figure(name).__doc__}', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            runs = list(load_figure(name).measure(Bench(Path(folder), is_quick)))
        except RuntimeError as error:
            print(f'{name} failed: {error}', file=sys.stderr)
            return False
    Result.of(name, runs, is_quick).save(results)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, then writes the document; the exit code is 1 if a figure could not be measured."""
    asked = read_arguments(arguments)
    output = asked.output or ROOT / ('build/performance' if asked.quick else 'docs')
    results = output / _RESULTS
    done = {result.name for result in load_results(results)} if asked.resume else set()
    worked = [measure(name, asked.quick, results) for name in asked.only or NAMES if name not in done]
    print(f'written: {write_document(output, load_results(results))}')
    return 0 if all(worked) else 1


if __name__ == '__main__':
    sys.exit(main())
