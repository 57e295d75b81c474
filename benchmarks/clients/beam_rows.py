"""What a Beam pipeline does besides calling: rows in, pictures out."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam


def read_row(item: tuple[int, str]) -> tuple[int, str, str]:
    """A row's number, instruction and picture."""
    row = json.loads(item[1])
    return item[0], row['conversations'][0], row['images']


def write_picture(folder: str, edited: tuple[int, bytes]) -> str:
    """Writes the picture of a row; gives its path."""
    path = Path(folder, f'{edited[0]}.png')
    with path.open('wb') as file:
        file.write(edited[1])
    return str(path)


def do_rows_with_beam(arguments: argparse.Namespace, edit: Callable[[Any], Any]) -> None:
    """Edits all rows; `edit` takes a PCollection of (number, prompt, path) and gives one of (number, picture)."""
    arguments.output.mkdir(parents=True, exist_ok=True)
    with beam.Pipeline(runner='FnApiRunner') as root:
        rows = root | beam.Create(list(enumerate(arguments.input.read_text().splitlines()))) | beam.Map(read_row)
        _ = edit(rows) | 'WritePicture' >> beam.Map(partial(write_picture, str(arguments.output)))
