"""What a client does besides calling: rows in, pictures and a list of rows out, from a thread pool.

It is the work that a script would do, without the job's guarantees: nothing is remembered between runs, nothing is
checked, a file may be left half-written, and a row whose call fails is lost.
"""

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MODELS = {'gemini': 'gemini-3-pro-image', 'openai': 'gpt-image-2.5-flare'}
KEY = 'benchmark'
# Takes an instruction and a picture's path, gives the edited picture.
Edit = Callable[[str, str], bytes]


def read_arguments() -> argparse.Namespace:
    """The flags that all clients have."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--input', type=Path, required=True)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--in_flight', type=int, required=True)
    parser.add_argument('--url', required=True)
    parser.add_argument('--api_format', choices=sorted(MODELS), required=True)
    return parser.parse_args()


def do_rows(arguments: argparse.Namespace, edit: Edit) -> None:
    """Edits all rows."""
    arguments.output.mkdir(parents=True, exist_ok=True)

    def do_row(number: int, line: str) -> dict[str, Any]:
        row = json.loads(line)
        try:
            picture = edit(row['conversations'][0], row['images'])
        except Exception as error:
            return {**row, 'output_image': None, 'error': str(error)}
        path = arguments.output / f'{number}.png'
        with path.open('wb') as file:
            file.write(picture)
        return {**row, 'output_image': str(path)}

    with (
        arguments.input.open() as rows,
        (arguments.output / 'manifest.jsonl').open('w') as manifest,
        ThreadPoolExecutor(arguments.in_flight) as pool,
    ):
        for row in pool.map(do_row, *zip(*enumerate(rows), strict=True)):
            manifest.write(json.dumps(row) + '\n')
