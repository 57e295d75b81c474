"""Jobs whose rows meet faults: a rule of the emulator for each row, and what a run left of it."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from beam_image_edit.pipeline.__main__ import main
from tests.conftest import KEY
from tests.fault_cases import Ending


@dataclass(frozen=True)
class Run:
    """What a run left: its exit code, the manifest's rows and the calls for each by the row's number, the summary."""

    code: int
    rows: dict[int, dict[str, Any]]
    calls: dict[int, list[Any]]
    summary: dict[str, Any]

    def ending(self, number):
        edit = self.rows[number]['edit']
        return Ending(edit['status'], len(self.calls[number]), edit['possibly_double_billed'])

    @property
    def edits(self):
        return [row['edit'] for row in self.rows.values()]


class Job:
    """A folder with rows, an emulator, and what is to happen to the rows there."""

    def __init__(self, api_format, folder, emulator):
        self.api_format = api_format
        self.folder = folder
        self.emulator = emulator
        self.prompts = []
        self.rules = []
        Image.new('RGB', (32, 24), 'orange').save(folder / 'a.png')

    def add(self, rule=None, times=None):
        """Adds a row, and what happens to its calls; gives its number."""
        number = len(self.prompts)
        self.prompts.append(f'Blur it, #{number}.')
        if rule:
            self.rules.append({**rule, 'times': times, 'match': f'#{number}.'})
        return number

    def row(self, number):
        return {'images': 'a.png', 'conversations': [self.prompts[number]]}

    def run(self, numbers, *flags):
        """Runs the job with some of the rows."""
        source, out, seen = self.folder / 'rows.jsonl', self.folder / 'out', self.emulator.count
        source.write_text(''.join(f'{json.dumps(self.row(number))}\n' for number in numbers))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv('DF_API_KEY', KEY)
            environment.setenv('DF_BASE_URL', self.emulator.url)
            own = f'--api_format={self.api_format}', f'--input={source}', f'--cache_path={out}', '--report=off'
            code = main([*own, *flags])
        calls = defaultdict(list)
        for call in self.emulator.calls[seen:]:
            calls[call.prompt].append(call)
        manifest = [json.loads(line) for line in (out / 'manifest.jsonl').read_text().splitlines()]
        return Run(
            code,
            rows=dict(zip(numbers, manifest, strict=True)),
            calls={number: calls[self.prompts[number]] for number in numbers},
            summary=json.loads((out / 'summary.json').read_bytes()),
        )
