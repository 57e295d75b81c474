"""All pages: what is on them can be done, and leads where it says."""

import re
from pathlib import Path

import pytest

from tests.pages import PAGES, follow, list_blocks

TESTS = Path(__file__).parent
# A page with a test of its own is followed there.
OTHERS = [
    page
    for page in PAGES
    if list_blocks(page.read_text(encoding='utf-8')) and not (TESTS / f'test_{page.stem.lower()}_page.py').exists()
]
EVERY_PAGE = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)


@pytest.mark.parametrize('page', OTHERS, ids=lambda page: page.name)
def test_every_command_works(page, tmp_path):
    followed = follow(page, tmp_path)
    assert followed.code == 0, followed.err[-3000:]


@EVERY_PAGE
def test_links_lead_somewhere(page):
    places = re.findall(r'\]\(([^)\s]+)\)', page.read_text(encoding='utf-8'))
    inner = [place for place in places if not place.startswith(('http:', 'https:'))]
    assert [place for place in inner if not _exists(page, place)] == []


@EVERY_PAGE
def test_blocks_of_commands_are_marked_as_such(page):
    # A block without a language is output: commands in it would never be run.
    blocks = re.findall(r'^```(\w*)\n(.*?)^```$', page.read_text(encoding='utf-8'), re.DOTALL | re.MULTILINE)
    unmarked = [text for language, text in blocks if not language]
    assert [text for text in unmarked if text.startswith(('beam-image-edit ', './', 'export ', 'python '))] == []


def _exists(page: Path, place: str) -> bool:
    path, _, anchor = place.partition('#')
    target = page.parent / path if path else page
    if not anchor or not target.exists():
        return target.exists()
    headings = re.findall(r'^#+ (.*)$', target.read_text(encoding='utf-8'), re.MULTILINE)
    return anchor in {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}
