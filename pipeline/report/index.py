"""The index: the few values of every row by which the page filters and sorts, as columns."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_image_edit.pipeline.report.cards import Row, ShownPicture, is_noticeable, searched_text
from beam_image_edit.transforms.outcomes import STATUSES
from beam_image_edit.transforms.reasons import MAX_REASONS, reason_of

_COLUMNS = ('status', 'latency', 'cost', 'reason', 'drift', 'text')

Columns = dict[str, Any]


class Index:
    """The index of a report, handed over in blocks.

    A block's columns: `status`, a digit for each row, its place in `outcomes.STATUSES`; `latency` in seconds and `cost`
    in dollars, null where they are not known; `reason`, a number or -1; `drift`, 1 where a result's shape is not its
    source's; `text`, which can be searched.

    Args:
        rows_per_block: how many rows a block has, but for the last one.
    """

    def __init__(self, rows_per_block: int) -> None:
        self._rows_per_block = rows_per_block
        self._rows: list[tuple[Any, ...]] = []
        self._blocks = 0
        self._count = 0
        self._statuses: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._drifted = 0
        self._reasons = _Reasons()

    def add(self, row: Row, results: Sequence[ShownPicture]) -> None:
        """Adds the next row."""
        edit = row['edit']
        self._count += 1
        self._statuses[edit['status']] += 1
        if edit['model']:
            self._models[edit['model']] += 1
        drift = int(any(is_noticeable(picture.drift) for picture in results))
        self._drifted += drift
        status = STATUSES.index(edit['status'])
        reason = self._reasons.add(edit)
        self._rows.append((status, edit['latency_s'], edit['cost_usd'], reason, drift, searched_text(row)))

    def take_full_blocks(self) -> Iterator[tuple[int, Columns]]:
        """Each block that is complete, with its number; each once."""
        while len(self._rows) >= self._rows_per_block:
            yield self._take(self._rows_per_block)

    def take_rest(self) -> Iterator[tuple[int, Columns]]:
        """What is left when all rows are added: a last block, or none."""
        if self._rows:
            yield self._take(len(self._rows))

    def totals(self) -> dict[str, Any]:
        """What is known of all rows together."""
        return {
            'rows': self._count,
            'statuses': [{'name': status, 'count': self._statuses[status]} for status in STATUSES],
            'drifted': self._drifted,
            'models': [model for model, _ in self._models.most_common(10)],
            'reasons': self._reasons.to_json(),
        }

    def _take(self, count: int) -> tuple[int, Columns]:
        rows, self._rows = self._rows[:count], self._rows[count:]
        columns: Columns = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        for name in ('status', 'drift'):
            columns[name] = ''.join(map(str, columns[name]))
        self._blocks += 1
        return self._blocks - 1, columns


class _Reasons:
    """Counts the rows of each reason, in bounded memory."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: list[int] = []

    def add(self, edit: Mapping[str, Any]) -> int:
        """The number of a row's reason; -1 for a row that has none."""
        if not edit['error']:
            return -1
        key = (edit['status'], reason_of(edit['error']))
        if key not in self._numbers and len(self._numbers) >= MAX_REASONS - 1:
            key = ('', 'other reasons')
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self._counts):
            self._counts.append(0)
        self._counts[number] += 1
        return number

    def to_json(self) -> list[dict[str, Any]]:
        """All reasons by their numbers."""
        return [
            {'status': status, 'text': text, 'count': self._counts[number]}
            for (status, text), number in self._numbers.items()
        ]
