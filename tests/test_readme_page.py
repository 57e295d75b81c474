"""The first page: what a new user does from it ends as it says."""

import json
import re

import pytest

from beam_image_edit.pipeline.flags import make_parser
from beam_image_edit.transforms.outcomes import STATUSES
from tests.pages import DOCS, ROOT, follow

README = (ROOT / 'README.md').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    return follow(ROOT / 'README.md', tmp_path_factory.mktemp('page'))


def test_every_command_works(page):
    assert page.code == 0, page.err[-3000:]


def test_price_is_told_and_the_job_done(page):
    assert re.search(r'^estimated cost: \$', page.out, re.MULTILINE)
    (line,) = (page.folder / 'edited' / 'manifest.jsonl').read_text(encoding='utf-8').splitlines()
    assert json.loads(line)['edit']['status'] == 'edited'
    for name in ('manifest.parquet', 'summary.json', 'report/index.html', 'ledger', 'sample_blue/sample_blue_0.jpg'):
        assert (page.folder / 'edited' / name).exists()


def test_it_is_short_and_names_every_page():
    assert len(README.splitlines()) < 150
    assert [each.name for each in DOCS.glob('*.md') if f'docs/{each.name}' not in README] == []


def test_flags_and_statuses_are_those_of_the_code():
    known = {flag for action in make_parser()._actions for flag in action.option_strings}
    assert set(re.findall(r'--\w+', README)) <= known
    assert re.findall(r'^\| `(\w+)` \|', README, re.MULTILINE) == list(STATUSES)
