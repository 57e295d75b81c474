"""The page on guarantees: its example ends as it says, and its tables know every status."""

import re

from beam_image_edit.transforms.outcomes import STATUSES
from tests.pages import DOCS, follow

PAGE = (DOCS / 'guarantees.md').read_text(encoding='utf-8')


def test_lost_answer_is_in_doubt_and_then_sent_again(tmp_path):
    page = follow(DOCS / 'guarantees.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    assert re.findall(r'^(?:rows|images|calls in this run): .*$', page.out, re.MULTILINE) == [
        'rows: 8 (7 edited, 1 in_doubt)',
        'images: 9',
        'calls in this run: 10',
        'rows: 8 (7 edited, 1 in_doubt)',
        'images: 9',
        'calls in this run: 0',
        'rows: 8 (8 edited)',
        'images: 10',
        'calls in this run: 1, 1 of them possibly billed twice',
    ]


def test_every_status_is_told_of():
    assert re.findall(r'^\| `(\w+)` \|.*\|.*\|$', PAGE, re.MULTILINE) == list(STATUSES)
