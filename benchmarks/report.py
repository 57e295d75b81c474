"""The document: what was measured, kept as JSON, and all that is said about it, made anew from there.

No sentence with a number is written by hand, so the text can't disagree with the figures.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import plots
from benchmarks.figures import NAMES, load_figure
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.runs import Run
from benchmarks.sections import Section, Verdict, write_table

DOCUMENT = 'performance.md'
_PLOTS = 'performance'
_INTRODUCTION = """\
# Performance

What the job takes, beside what other ways of doing the same work take: a **bare** client (a thread pool, `requests`,
`json`, `base64`, `open().write()`) without any of the job's guarantees, a **tuned** one with every copy taken out by
hand, the official SDKs in a thread pool, and Beam's own `RunInference` and `RequestResponseIO`. All call the same
server on the same machine, one after the other and in turns, with the same rows and pictures.

This page is written by `python -m benchmarks`, sentences included.
"""
_CAVEAT = """\
**Ratios count, absolute times do not.** The server, the clients and whatever else runs share the machine's cores, and a
cloud machine's speed changes within minutes. Where something was measured several times, the median is given, with
the lowest and the highest in brackets; ratios are of runs that followed each other. A difference within the brackets
is none.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a figure has measured.

    Attributes:
        name: of the figure.
        runs: in their order.
        is_quick: whether there were only a few rows.
        date: when.
        machine: where.
        versions: with what.
    """

    name: str
    runs: Sequence[Run]
    is_quick: bool
    date: str
    machine: str
    versions: str

    @classmethod
    def of(cls, name: str, runs: Sequence[Run], is_quick: bool) -> 'Result':
        """The result of runs that have just ended here."""
        return cls(name, runs, is_quick, f'{datetime.now(UTC):%Y-%m-%d}', describe_machine(), describe_versions())

    def save(self, folder: Path) -> None:
        """Keeps it."""
        folder.mkdir(parents=True, exist_ok=True)
        _path(folder, self.name).write_text(json.dumps(asdict(self), indent=1) + '\n')


def load_results(folder: Path) -> list[Result]:
    """What was kept, in the order of the figures."""
    known = [json.loads(path.read_text()) for name in NAMES if (path := _path(folder, name)).exists()]
    return [Result(**{**values, 'runs': [Run(**run) for run in values['runs']]}) for values in known]


def write_document(folder: Path, results: Sequence[Result]) -> Path:
    """Writes the document and its plots; gives its path."""
    sections = {result.name: load_figure(result.name).describe(result.runs) for result in results}
    charts = [chart for section in sections.values() for chart in section.charts]
    (folder / _PLOTS).mkdir(parents=True, exist_ok=True)
    for chart in charts:
        plots.draw(chart, folder / _PLOTS / f'{chart.name}.svg')
    path = folder / DOCUMENT
    path.write_text(compose(results, sections))
    return path


def compose(results: Sequence[Result], sections: dict[str, Section]) -> str:
    """The document's text."""
    verdicts = [verdict for section in sections.values() for verdict in section.verdicts]
    advice = [f'- {sentence}' for section in sections.values() for sentence in section.advice]
    parts = [
        _INTRODUCTION,
        *_describe_places(results, sections),
        _CAVEAT,
        '## Targets\n',
        _write_targets(verdicts),
        '## What to do with it\n',
        '\n'.join(advice) + '\n',
        *(_write_section(section) for section in sections.values()),
    ]
    return '\n'.join(parts)


def _describe_places(results: Sequence[Result], sections: dict[str, Section]) -> list[str]:
    """When, where and with what it was measured; where that differs, for each section."""
    titles: dict[str, list[str]] = {}
    for result in results:
        titles.setdefault(_describe_place(result), []).append(sections[result.name].title)
    if len(titles) == 1:
        return [f'Measured on {place}.\n' for place in titles]
    entries = [f'- **{", ".join(measured)}** on {place}.' for place, measured in titles.items()]
    return ['Not all was measured at once:\n', *entries, '']


def _describe_place(result: Result) -> str:
    size = ', quick: **too few rows to judge by**' if result.is_quick else ''
    return f'{result.date}{size}: {result.machine}; {result.versions}'


def _write_targets(verdicts: Sequence[Verdict]) -> str:
    rows = [[each.what, each.target, each.measured, 'met' if each.is_met else '**missed**'] for each in verdicts]
    return write_table(['what', 'target', 'measured', ''], rows) + '\n'


def _write_section(section: Section) -> str:
    images = [f'![{chart.title}]({_PLOTS}/{chart.name}.svg)\n' for chart in section.charts]
    return '\n'.join([f'## {section.title}\n', section.text + '\n', section.table + '\n', *images])


def _path(folder: Path, name: str) -> Path:
    return folder / f'{name}.json'
