"""The page for those who embed: every command and program in it is run, and the examples do what it says."""

import json
import re
from pathlib import Path

import pytest

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
