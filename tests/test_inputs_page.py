"""The page on inputs: its rows are what it says of them."""

import json
import re

import pytest

from beam_image_edit.transforms.rows import _ROW_PARAMETERS
from tests.pages import DOCS, follow

PAGE = (DOCS / 'inputs.md').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    return follow(DOCS / 'inputs.md', tmp_path_factory.mktemp('page'))


def test_every_command_works(page):
    assert page.code == 0, page.err[-3000:]


def test_four_rows_are_five_calls(page):
    assert page.out.startswith('rows: 4\n  4 would be edited\ncalls: 5; images: 5\n')


def test_row_of_a_manifest_is_a_row(page):
    assert '\nrows: 1\n  1 would be edited\n' in page.out


def test_mask_is_taken(page):
    (row,) = [json.loads(line) for line in (page.folder / 'masked' / 'manifest.jsonl').read_text().splitlines()]
    assert (row['edit']['status'], row['output_image']) == ('edited', ['masked/sample_straps/sample_straps_0.png'])
    assert '\nsample_straps_0.png\n' in page.out


def test_parts_are_the_whole(page):
    assert page.out.count('rows: 4\n  4 would be edited\n') == 2


def test_glob_makes_rows_with_ids(page):
    rows = [json.loads(line) for line in (page.folder / 'cut-out' / 'image_rows.jsonl').read_text().splitlines()]
    assert [row['id'] for row in rows] == ['lake', 'mug']
    assert [turn['content'] for turn in rows[0]['conversations']] == ['Remove the background', 'Add a soft shadow']


def test_invalid_rows_have_the_reasons_shown(page):
    shown = re.findall(r'^  line \d: .*$', PAGE, re.MULTILINE)
    printed = re.findall(r'^  line \d: .*$', page.out.replace(f'{page.folder}/', '…/'), re.MULTILINE)
    assert len(shown) == 8
    assert printed[-8:] == shown


def test_row_parameters_are_all_named():
    assert ', '.join(f'`{name}`' for name in _ROW_PARAMETERS) in PAGE
