"""The page on cost: its commands can be used, and its figures are those that are counted with."""

import re
import shlex
from pathlib import Path

import pytest

from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.dry_run.tokens import MOST_THINKING, count_openai_output

PAGE = (Path(__file__).parent.parent / 'docs' / 'cost.md').read_text(encoding='utf-8')
COMMANDS = re.findall(r'^beam-image-edit (.*)$', PAGE, re.MULTILINE)
QUALITIES = re.findall(r'^\| `(\w+)`[^|]*\| ([\d,]+) \| ([\d,]+) \|$', PAGE, re.MULTILINE)


@pytest.mark.parametrize('command', COMMANDS)
def test_commands_can_be_used(command):
    assert parse_args(shlex.split(command), {}).is_dry_run


@pytest.mark.parametrize(('quality', 'square', 'oblong'), QUALITIES)
def test_tokens_of_qualities_are_those_that_are_counted(quality, square, oblong):
    counted = count_openai_output(quality, 1024, 1024), count_openai_output(quality, 1536, 1024)
    assert [f'{tokens:,}' for tokens in counted] == [square, oblong]


def test_nothing_is_missing():
    assert (len(COMMANDS), len(QUALITIES)) == (3, 5)
    assert f'{MOST_THINKING:,} tokens of them' in PAGE
