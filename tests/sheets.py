"""A browser for the tests of the contact sheet, and results to make one of."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import Any

from PIL import Image

from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.parquet_rows import open_rows, parquet_row
from beam_image_edit.transforms.rows import RowFields

CHROMIUM = which('chromium') or which('chromium-browser') or which('google-chrome')
DRIVER = which('chromedriver')


def write_png(path: Path, size: tuple[int, int] = (64, 48), colour: str = 'teal') -> dict[str, Any]:
    """A picture's file, and what a manifest says of it."""
    file = BytesIO()
    Image.new('RGB', size, colour).save(file, 'PNG')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())
    facts = {'sha256': sha256(file.getvalue()).hexdigest(), 'bytes': file.tell(), 'mime': 'image/png'}
    return {**facts, 'width': size[0], 'height': size[1]}


def make_row(folder: Path, index: int, **changes: Any) -> dict[str, Any]:
    """A row as in a manifest, edited unless changed; its pictures are those of `write_results`."""
    status = changes.pop('status', 'edited')
    error = changes.pop('error', None)
    is_edited = status == 'edited'
    row = {
        'images': str(folder / 'source.png'),
        'conversations': [f'Instruction {index}'],
        **changes,
        'output_image': [str(folder / 'sample_0' / 'sample_0_0.png')] if is_edited else [],
    }
    source = write_png(folder / 'source.png')
    result = {**write_png(folder / 'sample_0' / 'sample_0_0.png', colour='orange'), 'turn': 0}
    known = {'model': 'a-model', 'cost_usd': 0.01 * (index + 1), 'latency_s': 5.0 + index % 7}
    edit = blank_edit(
        status,
        error,
        sources=[{'place': 'image 0', **source}],
        images=[result] if is_edited else [],
        **(known if status != 'invalid_input' else {}),
    )
    return {**row, 'edit': edit}


def write_results(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A run's results with these rows, as `make_row` makes them."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(row) for row in rows]
    (folder / 'manifest.jsonl').write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    with (folder / 'manifest.parquet').open('wb') as file, open_rows(file) as parquet:
        for index, line in enumerate(lines):
            parquet.add(parquet_row(line, index, RowFields()), len(line))
    manifest = ['manifest.jsonl', 'manifest.parquet']
    statuses = Counter(row['edit']['status'] for row in rows)
    summary = {'run_id': 'none', 'manifest': manifest, 'rows': statuses, 'calls': len(rows)}
    (folder / 'summary.json').write_text(json.dumps(summary))


@contextmanager
def open_browser(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """A Chromium without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ''
    for flag in ('headless=new', 'no-sandbox', 'disable-gpu', f'window-size={width},{height}'):
        options.add_argument(f'--{flag}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()
