"""The page on troubleshooting: it cites messages that the code has, and all of those that the code raises or logs."""

import ast
import re

import pytest

from beam_image_edit.transforms.outcomes import STATUSES
from tests.pages import DOCS, ROOT, follow

PAGE = (DOCS / 'troubleshooting.md').read_text(encoding='utf-8')
# Classes whose texts people read, and the two loggers' methods; a notice is a warning too.
SAID_BY = {
    *('ConfigurationError', 'InvalidInput', 'BrokenPicture', 'ApiError', 'StorageError', 'ArgumentTypeError'),
    *('warning', 'error', 'Notice'),
}
SOURCES = [
    path
    for folder in ('transforms', 'pipeline')
    for path in sorted((ROOT / folder).rglob('*.py'))
    if 'emulator' not in path.parts
]


def list_cited():
    cells = re.findall(r'^\| (`.*?`) \|', PAGE, re.MULTILINE)
    return [message for cell in cells for message in re.findall(r'`([^`]+)`', cell) if ' ' in message]


def as_template(node):
    """A text with … for what differs, whether an f-string or one for `%`; None for what is no text."""
    if isinstance(node, ast.JoinedStr):
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else '…' for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub('%[sdg]', '…', node.value)
    return None


def as_pattern(message):
    return re.compile('.*'.join(re.escape(part) for part in message.split('…')), re.DOTALL)


def is_worded(text):
    # A text that only wraps another one, such as `image 0: …`, says nothing of its own.
    return len(re.findall('[a-z]{2,}', text)) > 1 and ' ' in text


TREES = [ast.parse(path.read_text(encoding='utf-8')) for path in SOURCES]
TEXTS = {text for tree in TREES for node in ast.walk(tree) if (text := as_template(node))}
SAID = sorted(
    text
    for tree in TREES
    for node in ast.walk(tree)
    if isinstance(node, ast.Call) and getattr(node.func, 'id', getattr(node.func, 'attr', '')) in SAID_BY
    for argument in node.args
    if (text := as_template(argument)) and is_worded(text)
)
CITED = list_cited()


def test_lists_are_not_empty():
    assert len(CITED) > 120
    assert len(SAID) > 120


@pytest.mark.parametrize('message', CITED)
def test_cited_messages_are_in_the_code(message):
    pattern = as_pattern(message)
    assert any(pattern.fullmatch(text) for text in TEXTS)


def test_all_messages_of_the_code_are_cited():
    # Those that fit everything would hide what is missing.
    patterns = [as_pattern(message) for message in CITED if is_worded(message)]
    assert [text for text in SAID if not any(pattern.fullmatch(text) for pattern in patterns)] == []


def test_every_status_is_explained():
    table = PAGE.split('\n## Rows\n')[1].split('\n## ')[0]
    assert re.findall(r'^\| `(\w+)` \|', table, re.MULTILINE) == list(STATUSES)


def test_every_command_works(tmp_path):
    page = follow(DOCS / 'troubleshooting.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    assert "[(('edited', None), 8)]" in page.out
