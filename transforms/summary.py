"""The summary: what became of the rows and what it cost, in figures and in words.

Every figure is a whole number while it is added up, money included, so that the order in which a runner brings the rows
changes nothing, not even the last digit.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.money import to_parts, to_usd
from beam_image_edit.transforms.outcomes import STATUSES, STOPPED
from beam_image_edit.transforms.reasons import MAX_REASONS, reason_of

_COUNTS = (
    'calls',
    'possibly_double_billed',
    'unpriced_calls',
    'unpriced_calls_of_all_rows',
    'input_tokens',
    'output_tokens',
)
_MOST_REASONS = 20
_OTHERS = ('', '')
_SHOWN_REASONS = 5
_SHOWN_CHARACTERS = 400


@dataclass(slots=True)
class Tally:
    """The figures of some rows.

    Attributes:
        figures: by their names.
        reasons: why rows are not edited: by status and what their errors have in common, how many there are, and the
            error of the first of them.
    """

    figures: Counter[str] = field(default_factory=Counter)
    reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, other: 'Tally') -> None:
        """Adds the figures of rows that come after these."""
        self.figures.update(other.figures)
        for kind, (rows, error) in other.reasons.items():
            is_one_more = kind not in self.reasons and len(self.reasons) >= MAX_REASONS
            if is_one_more and kind[0] != STOPPED:  # why a run stopped is never left out
                kind, error = _OTHERS, 'other reasons'
            rows_before, first = self.reasons.get(kind, (0, error))
            self.reasons[kind] = rows_before + rows, first


def tally_row(edit: Mapping[str, Any], images: int, spent: Mapping[str, float | None]) -> Tally:
    """One row's figures.

    Args:
        edit: the row's `edit`: what was ever paid for it.
        images: how many images it has.
        spent: what this run paid for it, as in `Outcome.spent`.

    >>> tally_row({'status': 'edited', 'cost_usd': 0.04}, images=1, spent={'calls': 1}).figures['cost_of_all_rows']
    40000000000
    """
    tokens = edit.get('tokens') or {}
    costs = {'cost': spent.get('cost_usd'), 'cost_of_all_rows': edit.get('cost_usd')}
    figures = Counter(
        {
            edit['status']: 1,
            'images': images,
            **{figure: int(spent.get(figure) or 0) for figure in _COUNTS},
            'possibly_double_billed_of_all_rows': edit.get('possibly_double_billed') or 0,
            'input_tokens_of_all_rows': tokens.get('input') or 0,
            # Thinking is charged as output.
            'output_tokens_of_all_rows': (tokens.get('output') or 0) + (tokens.get('thinking') or 0),
            **{figure: to_parts(cost or 0) for figure, cost in costs.items()},
            'priced': int(any(cost is not None for cost in costs.values())),
        }
    )
    error = edit.get('error')
    return Tally(figures, {(edit['status'], reason_of(error)): (1, error)} if error else {})


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies: its figures are the same in any order, its reasons name the first row's errors."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def summarize(tally: Tally, *, run_id: str, wall_s: float | None, manifest: Sequence[str]) -> dict[str, Any]:
    """The content of `summary.json`.

    Calls, tokens and `cost_usd` are this run's; what ends in `_of_all_rows` counts earlier runs too, and counts a
    purchase that several rows share once for each. Costs are null where not a single price is known; `unpriced_calls`
    are those that may have been billed, and for which nobody can tell how much. `reasons` are the most frequent ones of
    rows that are not edited, those of stopped ones first, each with the error of the first such row.

    Args:
        tally: the figures of all rows.
        run_id: this run.
        wall_s: how long the run took, in seconds; None if that is not known.
        manifest: the names of the manifest's files.
    """
    figures = tally.figures
    return {
        'run_id': run_id,
        'rows': {status: figures[status] for status in STATUSES},
        'reasons': _list_reasons(tally),
        'calls': figures['calls'],
        'possibly_double_billed': figures['possibly_double_billed'],
        'possibly_double_billed_of_all_rows': figures['possibly_double_billed_of_all_rows'],
        'tokens': _tokens(figures, ''),
        'tokens_of_all_rows': _tokens(figures, '_of_all_rows'),
        'cost_usd': _to_usd(figures, 'cost'),
        'cost_usd_of_all_rows': _to_usd(figures, 'cost_of_all_rows'),
        'unpriced_calls': figures['unpriced_calls'],
        'unpriced_calls_of_all_rows': figures['unpriced_calls_of_all_rows'],
        'images': figures['images'],
        'wall_s': wall_s,
        'manifest': list(manifest),
    }


def summary_text(summary: Mapping[str, Any], cache_path: str) -> str:
    """The summary in a few lines for people, without a last line end."""
    by_status = ', '.join(f'{count:,} {status}' for status, count in summary['rows'].items() if count)
    rows = sum(summary['rows'].values())
    lines = [f'rows: {rows:,}' + (f' ({by_status})' if by_status else ''), *_reasons_text(summary['reasons'])]
    lines += [f'images: {summary["images"]:,}', _calls_text(summary)]
    if summary['tokens']['total']:
        lines.append('tokens: {input:,} in, {output:,} out'.format(**summary['tokens']))
    if summary['cost_usd'] is not None:
        lines.append(_cost_text(summary))
    if summary['wall_s'] is not None:
        lines.append(f'time: {summary["wall_s"]:,.1f} s')
    lines.append(f'files: {_files_text(summary["manifest"])} and summary.json in {cache_path}')
    return '\n'.join(lines)


def _list_reasons(tally: Tally) -> list[dict[str, Any]]:
    def rank(reason: tuple[tuple[str, str], tuple[int, str]]) -> tuple[bool, bool, int, tuple[str, str]]:
        kind, (rows, _) = reason
        return kind[0] != STOPPED, kind == _OTHERS, -rows, kind

    first = sorted(tally.reasons.items(), key=rank)[:_MOST_REASONS]
    return [{'status': status, 'error': error, 'rows': rows} for (status, _), (rows, error) in first]


def _reasons_text(reasons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for reason in reasons[:_SHOWN_REASONS]:
        error = textwrap.shorten(reason['error'], _SHOWN_CHARACTERS, placeholder=' …')
        what = f'{reason["rows"]:,} {reason["status"]}'.rstrip()
        yield f'  {what}{", such as" if reason["rows"] > 1 and reason["status"] else ""}: {error}'
    if len(reasons) > _SHOWN_REASONS:
        yield '  … and more, in summary.json and with each row of the manifest'


def _calls_text(summary: Mapping[str, Any]) -> str:
    text = f'calls in this run: {summary["calls"]:,}'
    if summary['possibly_double_billed']:
        text += f', {summary["possibly_double_billed"]:,} of them possibly billed twice'
    return text


def _cost_text(summary: Mapping[str, Any]) -> str:
    text = f'cost: ${summary["cost_usd"]:,.4f} in this run'
    text += f'; ${summary["cost_usd_of_all_rows"]:,.4f} over all runs, what rows share counted for each'
    unpriced = summary['unpriced_calls_of_all_rows']
    return text + (f'; what {show_count(unpriced, "call")} cost is not known' if unpriced else '')


def _files_text(names: Sequence[str]) -> str:
    return ', '.join(names) if len(names) <= 2 else f'{names[0]} to {names[-1]}'


def _tokens(figures: Mapping[str, int], which: str) -> dict[str, int]:
    counts = {kind: figures[f'{kind}_tokens{which}'] for kind in ('input', 'output')}
    return {**counts, 'total': sum(counts.values())}


def _to_usd(figures: Mapping[str, int], figure: str) -> float | None:
    return to_usd(figures[figure]) if figures['priced'] else None
