"""How long WriteManifest takes and how much memory a row costs: 100,000 rows of 1 KB on the local runner.

    python benchmarks/write_manifest.py [rows]

The memory that is told is the peak of the process less what the same pipeline takes with a single row. Each measurement
has a process of its own, because a peak can't be reset. The outcomes are made in the pipeline, in shuffled order.
"""

import random
import resource
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import apache_beam as beam

from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.outcomes import EDITED, Outcome
from beam_image_edit.transforms.write_manifest import WriteManifest

ROW_BYTES = 1024
_WORDS = [''.join(random.Random(number).choices(string.ascii_lowercase, k=2 + number % 9)) for number in range(5000)]


def make_outcome(index: int) -> Outcome:
    """An outcome of a row of ROW_BYTES, of words and with a hash like real ones: it compresses about as they do."""
    chance = random.Random(index)
    sha256, key = f'{chance.getrandbits(256):064x}', f'{chance.getrandbits(256):064x}'
    start = f'{{"id": "photo-{index}", "images": ["{index:06}.jpg"], "conversations": [{{"role": "user", "content": "'
    words = ' '.join(chance.choices(_WORDS, k=300))
    text = f'{start}{words[: ROW_BYTES - len(start) - 4]}"}}]}}'
    image = {'sha256': sha256, 'bytes': 1_400_000, 'width': 1024, 'height': 1024, 'mime': 'image/png', 'turn': 0}
    edit = blank_edit(
        EDITED,
        api_format='gemini',
        model='gemini-3-pro-image',
        request_keys=[key],
        request_ids=[key[:22]],
        attempts=1,
        tokens={'input': 560, 'output': 1290, 'thinking': 310, 'total': 2160},
        cost_usd=0.134,
        latency_s=round(chance.uniform(5, 30), 3),
        images=[image],
    )
    name = f'sample_photo-{index}'
    spent = {'calls': 1, 'input_tokens': 560, 'output_tokens': 1290, 'cost_usd': 0.134}
    return Outcome(text, index, name, (f'./cache_local/image_edit_api/{name}/{name}_0.png',), edit, spent)


def make_outcomes(rows: int) -> Iterator[Outcome]:
    """Outcomes of so many rows, in ranges of 256 that come in any order."""
    starts = list(range(0, rows, 256))
    random.Random(0).shuffle(starts)
    for start in starts:
        yield from map(make_outcome, range(start, min(start + 256, rows)))


def measure(rows: int) -> None:
    """Prints seconds and the peak of this process in KB."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(runner='FnApiRunner')
        outcomes = pipeline | beam.Create([rows]) | beam.FlatMap(make_outcomes).with_output_types(Outcome)
        _ = outcomes | WriteManifest(cache_path=folder, run_id='benchmark', started_at=0)
        begin = time.perf_counter()
        pipeline.run()
        print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def measure_apart(rows: int) -> tuple[float, int]:
    """Measures in a process of its own: seconds, KB."""
    command = [sys.executable, __file__, 'measure', str(rows)]
    seconds, kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(kilobytes)


def main(rows: int) -> None:
    """Measures and prints."""
    begin = time.perf_counter()
    for _ in make_outcomes(rows):
        pass
    making_s = time.perf_counter() - begin
    _, empty_kb = measure_apart(1)
    seconds, peak_kb = measure_apart(rows)
    print(f'{rows:,} rows of {ROW_BYTES} bytes: {seconds:.1f} s, of which making the outcomes {making_s:.1f} s')
    per_row = (peak_kb - empty_kb) / rows
    print(f'memory: {per_row:.2f} KB per row (peak {peak_kb / 1024:.0f} MB, {empty_kb / 1024:.0f} MB with one row)')


if __name__ == '__main__':
    if sys.argv[1:2] == ['measure']:
        measure(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
