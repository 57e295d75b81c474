"""How long ReadSamples takes to number and read a million lines, and in how much memory.

    python benchmarks/read_lines.py [--lines 1000000]

Each case runs in a process of its own, so that its peak memory is its own. The yardstick, in the same run, is a plain
loop over the file, which numbers and decodes the lines and does nothing else; the ratio is of CPU seconds, which
other work on the machine disturbs less.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam

from beam_image_edit.transforms.read_samples import ReadSamples

PROMPT = 'Replace the sky with a dramatic sunset, keep the people in front as they are, and leave the frame alone.'
FILES = {'no ids': 'rows.jsonl', 'ids': 'rows_with_ids.jsonl'}


def write_rows(path: Path, lines: int, has_ids: bool) -> None:
    """Writes rows of about 200 bytes."""
    with path.open('w') as file:
        for number in range(lines):
            row_id = {'id': f'photo-{number:07}'} if has_ids else {}
            turns = [{'role': 'user', 'content': PROMPT}]
            file.write(json.dumps({**row_id, 'images': f'photos/{number:07}.jpg', 'conversations': turns}) + '\n')


def read_in_loop(path: str) -> int:
    """Numbers the lines of a file in a plain loop."""
    index = -1
    with Path(path).open(encoding='utf-8') as file:
        for index, line in enumerate(file):  # noqa: B007
            line.strip()
    return index + 1


def run_empty_pipeline(path: str) -> int:
    """Runs a pipeline of one element, for the memory that Beam needs by itself."""
    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        _ = pipeline | beam.Create([path]) | beam.Map(len)
    return 0


class _CountRows(beam.DoFn):
    """Counts at the end of a bundle only, because a metric for each row would cost more than reading it."""

    def start_bundle(self) -> None:
        self._rows = 0

    def process(self, _: object) -> None:
        self._rows += 1

    def finish_bundle(self) -> None:
        beam.metrics.Metrics.counter('benchmark', 'rows').inc(self._rows)


def read_samples(path: str) -> int:
    """Reads the samples of a file on one worker and counts them."""
    pipeline = beam.Pipeline(runner='FnApiRunner')
    _ = pipeline | ReadSamples(path) | beam.ParDo(_CountRows())
    result = pipeline.run()
    result.wait_until_finish()
    return result.metrics().query()['counters'][0].committed


CASES: dict[str, Callable[[str], int]] = {
    'loop': read_in_loop,
    'empty pipeline': run_empty_pipeline,
    'ReadSamples': read_samples,
}


def measure(case: str, path: str) -> dict[str, float]:
    """Runs a case in a process of its own: its rows, seconds without imports, CPU seconds, and peak memory in MB."""
    command = [sys.executable, __file__, '--case', case, '--path', path]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def run_case(case: str, path: str) -> None:
    """Runs a case in this process and prints what `measure` reads."""
    start, start_cpu = time.perf_counter(), time.process_time()
    rows = CASES[case](path)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({'rows': rows, 'seconds': seconds, 'cpu_s': cpu_s, 'peak_mb': peak_mb}))


def compare(lines: int) -> None:
    """Prints a table of all cases."""
    print(f'{"":24}{"rows":>10}{"seconds":>10}{"CPU s":>8}{"× loop":>8}{"peak MB":>10}')
    with tempfile.TemporaryDirectory() as folder:
        for kind, name in FILES.items():
            path = Path(folder, name)
            write_rows(path, lines, has_ids=kind == 'ids')
            loop_s = measure('loop', str(path))['cpu_s']
            for case in CASES:
                result = measure(case, str(path))
                ratio = result['cpu_s'] / loop_s
                times = f'{result["seconds"]:>10.2f}{result["cpu_s"]:>8.2f}{ratio:>8.1f}'
                print(f'{case + ", " + kind:24}{result["rows"]:>10,}{times}{result["peak_mb"]:>10.0f}')
            path.unlink()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--lines', type=int, default=1_000_000)
    parser.add_argument('--case', choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument('--path', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case, arguments.path)
    else:
        compare(arguments.lines)
