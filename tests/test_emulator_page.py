"""The page on the emulator: its example ends as it says, and its tables have every flag and every fault."""

import re

import pytest

from beam_image_edit.pipeline.emulator.__main__ import parse_arguments
from beam_image_edit.pipeline.emulator.faults import FAULTS, MOMENTS
from beam_image_edit.pipeline.emulator.gemini import Gemini
from beam_image_edit.pipeline.emulator.openai import OpenAi
from beam_image_edit.pipeline.emulator.refusals import BODIES
from beam_image_edit.pipeline.emulator.service import _DELIVERIES, _INTERRUPTIONS
from tests.pages import DOCS, follow

PAGE = (DOCS / 'emulator.md').read_text(encoding='utf-8')


def names_in(cell):
    return re.findall('`([^`]+)`', cell)


def find_apis(fault):
    """Which of the APIs have a fault, as the page says it."""
    known = {'Gemini': Gemini(), 'OpenAI': OpenAi()}
    found = [name for name, api in known.items() if fault in {*api.errors, *api.alterations}]
    return 'both' if fault in {*_INTERRUPTIONS, *_DELIVERIES} or len(found) == len(known) else found[0]


def test_faults_happen_as_said(tmp_path):
    page = follow(DOCS / 'emulator.md', tmp_path)
    assert page.code == 0, page.err[-3000:]
    assert re.findall(r'^rows: .*$', page.out, re.MULTILINE) == ['rows: 8 (8 edited)', 'rows: 8 (7 edited, 1 refused)']
    happened = set(re.findall(r"'(\w*)'", page.out.splitlines()[-1]))
    assert happened == {'', 'refused', 'rate_limit', 'internal', 'slow'}


def test_every_flag_is_told_of():
    cells = re.findall(r'^\| (`--[^|]+) \|', PAGE, re.MULTILINE)
    assert [flag for cell in cells for flag in names_in(cell)] == [f'--{name}' for name in vars(parse_arguments([]))]


def test_every_fault_is_told_of_with_its_fields_and_apis():
    rows = re.findall(r'^\| `(\w+)` \| ?([^|]*) \| (both|Gemini|OpenAI) \|', PAGE, re.MULTILINE)
    told = {fault: (tuple(names_in(fields)), api) for fault, fields, api in rows}
    assert told == {fault: (fields, find_apis(fault)) for fault, fields in FAULTS.items()}


@pytest.mark.parametrize('name', [*MOMENTS, *BODIES])
def test_every_moment_and_body_is_told_of(name):
    assert f'`{name}`' in PAGE
