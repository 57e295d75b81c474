"""The page on cost: its commands can be used, and its figures are those that are counted with."""

import re

import pytest

from beam_image_edit.pipeline.dry_run.tokens import THINKING, count_openai_output
from tests.pages import DOCS, follow

PAGE = (DOCS / 'cost.md').read_text(encoding='utf-8')
QUALITIES = re.findall(r'^\| `(\w+)`[^|]*\| ([\d,]+) \| ([\d,]+) \|$', PAGE, re.MULTILINE)


def test_every_command_works(tmp_path):
    page = follow(DOCS / 'cost.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    # The free space of a disk is nobody's to foretell.
    (shown,) = re.findall(r'^rows: 8\n.*?^(?=disk)', PAGE, re.DOTALL | re.MULTILINE)
    assert page.out.startswith(shown)


@pytest.mark.parametrize(('quality', 'square', 'oblong'), QUALITIES)
def test_tokens_of_qualities_are_those_that_are_counted(quality, square, oblong):
    counted = count_openai_output(quality, 1024, 1024), count_openai_output(quality, 1536, 1024)
    assert [f'{tokens:,}' for tokens in counted] == [square, oblong]


def test_nothing_is_missing():
    assert len(QUALITIES) == 5
    assert f'likely are {THINKING} tokens a call, {2 * THINKING} with' in PAGE
