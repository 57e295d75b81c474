"""The page for those who embed: its commands are run, the examples do what it says, and no argument is missing."""

import ast
import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest

from beam_image_edit.transforms import (
    EditImages,
    EditorConfig,
    EditRows,
    ExportParquetImages,
    ExportWebDataset,
    Parameters,
    ReadSamples,
    WriteDatasetCard,
    WriteManifest,
)
from beam_image_edit.transforms.retries import RetryPolicy
from tests.pages import DOCS, ROOT, follow

PAGE = (DOCS / 'embedding.md').read_text(encoding='utf-8')
EXAMPLES = ROOT / 'examples'


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    return follow(DOCS / 'embedding.md', tmp_path_factory.mktemp('page'))


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def test_every_command_works(page):
    assert page.code == 0, page.err[-3000:]


def test_products_become_rows_of_a_table(page):
    rows = read_lines(page.folder / 'table' / 'products.jsonl')
    assert sorted(row['product_id'] for row in rows) == ['handbag', 'mug', 'tulips']
    assert all((page.folder / row['picture']).exists() and row['picture_width'] > 100 for row in rows)
    assert {row['price'] for row in rows} == {12.5, 129.5, 9.0}
    (failed,) = read_lines(page.folder / 'table' / 'failed.jsonl')
    assert (failed['product_id'], failed['status']) == ('lamp', 'invalid_input')
    assert 'no such file' in failed['error']
    (counts,) = re.findall(r'^rows by status: (.*)$', page.out, re.MULTILINE)
    assert ast.literal_eval(counts) == {'edited': 3, 'invalid_input': 1}


def test_two_models_are_joined_by_id(page):
    rows = {row.pop('id'): row for row in read_lines(page.folder / 'compared' / 'comparison.jsonl')}
    assert set(rows) == {'handbag', 'mug', 'tulips', 'lamp'}
    for results in (rows['mug'], rows['handbag'], rows['tulips']):
        assert results['gemini']['picture'].startswith('compared/gemini/')
        assert results['openai']['picture'].startswith('compared/openai/')
        assert results['gemini']['cost_usd'] > results['openai']['cost_usd'] > 0
    assert {result['status'] for result in rows['lamp'].values()} == {'invalid_input'}


def test_yaml_gives_rows_and_errors(page):
    (written,) = (page.folder / 'by_yaml').glob('products.jsonl*')
    rows = read_lines(written)
    assert sorted(row['product_id'] for row in rows) == ['handbag', 'mug', 'tulips']
    assert all((page.folder / row['picture']).exists() and row['cost_usd'] > 0 for row in rows)
    (written,) = (page.folder / 'by_yaml').glob('failed.jsonl*')
    (failed,) = read_lines(written)
    assert failed['product_id'] == 'lamp'
    assert failed['error'].startswith('invalid_input: ')


def test_programs_print_what_came_out(page):
    assert "mug ('edited/sample_mug/sample_mug_0.jpg',)" in page.out
    assert sorted(re.findall('sample_[012] invalid_input', page.out)) == [
        f'sample_{day} invalid_input' for day in range(3)
    ]


@pytest.mark.parametrize('example', sorted(EXAMPLES.glob('*.*')), ids=lambda path: path.name)
def test_examples_are_short_and_on_the_page(example):
    assert len(example.read_text(encoding='utf-8').splitlines()) < 80
    assert f'examples/{example.name}' in PAGE


def list_arguments(*kinds):
    """The arguments of classes with their defaults: `required`; None where the page says none."""
    found = {}
    for kind in kinds:
        factories = {field.name for field in fields_of(kind) if field.default_factory is not dataclasses.MISSING}
        for name, argument in inspect.signature(kind.__init__).parameters.items():
            if name == 'self' or argument.kind is argument.VAR_KEYWORD:
                continue
            is_required = argument.default in (argument.empty, '')
            found[name] = 'required' if is_required else None if name in factories else argument.default
    return found


def fields_of(kind):
    return dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()


def read_arguments(beginning):
    """The arguments in the table below the line that begins so, with their defaults."""
    table = PAGE.split(f'\n{beginning}')[1].split('\n\n')[1]
    told = {}
    for cell, default in re.findall(r'^\| (`[^|]+`) \| ?([^|]*?) ?\|', table, re.MULTILINE):
        names = re.findall('`([^`]+)`', cell)
        values = re.findall('`([^`]+)`', default)
        assert len(values) in (0, len(names)), cell
        told |= dict(
            zip(names, map(ast.literal_eval, values) if values else [default or None] * len(names), strict=True)
        )
    return told


@pytest.mark.parametrize('kind', [EditImages, EditRows, ReadSamples, WriteManifest], ids=lambda kind: kind.__name__)
def test_arguments_and_their_defaults_are_all_told(kind):
    assert list(read_arguments(f'**{kind.__name__}**').items()) == list(list_arguments(kind).items())


def test_further_arguments_of_edit_images_are_all_told():
    known = list_arguments(EditorConfig, RetryPolicy, Parameters)
    own = {*list_arguments(EditImages), 'retry_policy', 'parameters'}
    told = read_arguments('**Further arguments of EditImages**')
    assert told == {name: default for name, default in known.items() if name not in own}
    given = {'price_per_image': 0.04, 'rate_limit_service': 'limits:7000'}
    EditImages(cache_path='edited', **{name: value for name, value in {**told, **given}.items() if value is not None})


def test_arguments_of_exports_are_all_told():
    told = read_arguments('**ExportParquetImages**, **ExportWebDataset**')
    assert told == list_arguments(ExportParquetImages) == list_arguments(ExportWebDataset)
    first, *_, last = told
    assert [first, last] == list(list_arguments(WriteDatasetCard))
