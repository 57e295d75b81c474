"""The summary: what became of the rows and what it cost, in figures and in words.

Every figure is a whole number while it is added up, money included, so that the order in which a runner brings the rows
changes nothing, not even the last digit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.money import to_parts, to_usd
from beam_image_edit.transforms.outcomes import STATUSES

_COUNTS = ('calls', 'possibly_double_billed', 'unpriced_calls', 'input_tokens', 'output_tokens')

Tally = Mapping[str, int]


def tally_row(edit: Mapping[str, Any], images: int, spent: Mapping[str, float | None]) -> Tally:
    """One row's figures.

    Args:
        edit: the row's `edit`: what was ever paid for it.
        images: how many images it has.
        spent: what this run paid for it, as in `Outcome.spent`.

    >>> tally_row({'status': 'edited', 'cost_usd': 0.04}, images=1, spent={'calls': 1})['cost_of_all_rows']
    40000000000
    """
    tokens = edit.get('tokens') or {}
    costs = {'cost': spent.get('cost_usd'), 'cost_of_all_rows': edit.get('cost_usd')}
    return Counter(
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


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies, the same in any order."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return total


def summarize(tally: Tally, *, run_id: str, wall_s: float | None, manifest: Sequence[str]) -> dict[str, Any]:
    """The content of `summary.json`.

    Calls, tokens and `cost_usd` are this run's; what ends in `_of_all_rows` counts earlier runs too, and counts a
    purchase that several rows share once for each. Costs are null where not a single price is known; `unpriced_calls`
    are those of this run that may have been billed, and for which nobody can tell how much.

    Args:
        tally: the figures of all rows.
        run_id: this run.
        wall_s: how long the run took, in seconds; None if that is not known.
        manifest: the names of the manifest's files.
    """
    tally = Counter(tally)  # for figures that are not there
    return {
        'run_id': run_id,
        'rows': {status: tally[status] for status in STATUSES},
        'calls': tally['calls'],
        'possibly_double_billed': tally['possibly_double_billed'],
        'possibly_double_billed_of_all_rows': tally['possibly_double_billed_of_all_rows'],
        'tokens': _tokens(tally, ''),
        'tokens_of_all_rows': _tokens(tally, '_of_all_rows'),
        'cost_usd': _to_usd(tally, 'cost'),
        'cost_usd_of_all_rows': _to_usd(tally, 'cost_of_all_rows'),
        'unpriced_calls': tally['unpriced_calls'],
        'images': tally['images'],
        'wall_s': wall_s,
        'manifest': list(manifest),
    }


def summary_text(summary: Mapping[str, Any], cache_path: str) -> str:
    """The summary in a few lines for people, without a last line end."""
    by_status = ', '.join(f'{count:,} {status}' for status, count in summary['rows'].items() if count)
    rows = sum(summary['rows'].values())
    lines = [f'rows: {rows:,}' + (f' ({by_status})' if by_status else ''), _calls_text(summary)]
    if summary['tokens']['total']:
        lines.append('tokens: {input:,} in, {output:,} out'.format(**summary['tokens']))
    if summary['cost_usd'] is not None:
        lines.append(
            f'cost: ${summary["cost_usd"]:,.4f} in this run, ${summary["cost_usd_of_all_rows"]:,.4f} for all rows'
            + (
                f'; what {show_count(summary["unpriced_calls"], "call")} cost is not known'
                if summary['unpriced_calls']
                else ''
            )
        )
    if summary['wall_s'] is not None:
        lines.append(f'time: {summary["wall_s"]:,.1f} s')
    lines.append(f'files: {_files_text(summary["manifest"])} and summary.json in {cache_path}')
    return '\n'.join(lines)


def _calls_text(summary: Mapping[str, Any]) -> str:
    text = f'calls: {summary["calls"]:,}'
    if summary['possibly_double_billed']:
        text += f', {summary["possibly_double_billed"]:,} of them possibly billed twice'
    return f'{text}; images: {summary["images"]:,}'


def _files_text(names: Sequence[str]) -> str:
    return ', '.join(names) if len(names) <= 2 else f'{names[0]} to {names[-1]}'


def _tokens(tally: Tally, which: str) -> dict[str, int]:
    counts = {kind: tally[f'{kind}_tokens{which}'] for kind in ('input', 'output')}
    return {**counts, 'total': sum(counts.values())}


def _to_usd(tally: Tally, figure: str) -> float | None:
    return to_usd(tally[figure]) if tally['priced'] else None
