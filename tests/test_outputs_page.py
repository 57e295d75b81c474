"""The page on outputs: its fields, their order and their types are those of what a job writes."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_image_edit.transforms.outcomes import STATUSES
from tests.pages import DOCS, follow

PAGE = (DOCS / 'outputs.md').read_text(encoding='utf-8')


@pytest.fixture
def run(edit):
    """A job whose output has every field: an edited row, one with a mask, and one that can't be used."""
    row = {'id': 7, 'images': 'a.png', 'conversations': ['Make it warm'], 'rank': 1}
    return edit([{**row, 'mask': 'mask.png'}, {**row, 'images': 'lost.png'}], '--api_format=openai')


def read_table(heading):
    """The fields in the tables below a heading: name and type, for every name."""
    part = PAGE.split(f'\n## {heading}\n')[1].split('\n## ')[0]
    rows = re.findall(r'^\| (`[^|]+`) \| ([^|]+) \|', part, re.MULTILINE)
    return [(name, kind) for cell, kind in rows for name in re.findall('`([^`]+)`', cell)]


def list_members(value, path=''):
    """The names of a JSON value's members, at any depth."""
    for name, inner in value.items():
        yield f'{path}{name}'
        if isinstance(inner, dict):
            yield from list_members(inner, f'{path}{name}.')
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            yield from list_members(inner[0], f'{path}{name}[].')


def list_columns(fields, path=''):
    """Names and types of a schema's columns, at any depth."""
    for field in fields:
        is_list = pa.types.is_list(field.type)
        kind = field.type.value_type if is_list else field.type
        name = 'float64' if pa.types.is_float64(kind) else 'struct' if pa.types.is_struct(kind) else str(kind)
        yield f'{path}{field.name}', f'list of {name}s' if is_list else name
        if pa.types.is_struct(kind):
            yield from list_columns(kind, f'{path}{field.name}{"[]" if is_list else ""}.')


def test_fields_of_a_line_are_those_that_a_job_writes(run):
    row = run.rows[0]
    assert sorted(row) == ['conversations', 'edit', 'id', 'images', 'mask', 'output_image', 'rank']
    told = [name for name, _ in read_table('A line of manifest.jsonl')]
    assert sorted(told) == sorted(['output_image', 'edit', *list_members(row['edit'])])
    # Within an object of the API's or the picture's figures the order means nothing.
    assert [name for name in told if '.' not in name] == ['output_image', 'edit', *row['edit']]


def test_columns_are_those_of_the_parquet_file(run):
    columns = list(list_columns(pq.read_schema(run.folder / 'manifest.parquet')))
    own = [column for column in columns if not column[0].startswith('edit.')]
    assert read_table('Columns of manifest.parquet') == own
    of_edit = {(name.removeprefix('edit.'), kind) for name, kind in columns if name.startswith('edit.')}
    assert set(read_table('A line of manifest.jsonl')[2:]) == of_edit


def test_fields_of_the_summary_are_those_that_a_job_writes(run):
    parents = {'rows', 'tokens', 'tokens_of_all_rows'}
    written = [name for name in list_members(run.summary) if name not in parents]
    assert [name for name, _ in read_table('Fields of summary.json')] == written
    assert [name.removeprefix('rows.') for name in written if name.startswith('rows.')] == list(STATUSES)


def test_every_command_works(tmp_path):
    page = follow(DOCS / 'outputs.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    assert '\n7 edited 0.139' in page.out
