"""Totals: what a shard, or a whole data set, holds, in figures."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from beam_image_edit.transforms.exports.rows import ExportRow
from beam_image_edit.transforms.money import to_parts

COUNTS = ('rows', 'left_out', 'source_images', 'result_images', 'picture_bytes', 'file_bytes')
# Of many rows that are left out, the reasons of the first few say enough.
_MOST_REASONS = 3


@dataclass(slots=True)
class Totals:
    """Figures that are added up.

    Attributes:
        counts: by the names in COUNTS.
        cost: what the rows have cost, as `money.to_parts` has it.
        models: rows by model.
        reasons: why the first rows that are left out are.
    """

    counts: Counter[str] = field(default_factory=Counter)
    cost: int = 0
    models: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    def add_row(self, row: ExportRow) -> None:
        """Counts a row."""
        self.counts.update(
            rows=1,
            source_images=len(row.sources),
            result_images=len(row.results),
            picture_bytes=row.picture_bytes,
        )
        self.cost += to_parts(row.columns['cost_usd'] or 0)
        self.models[str(row.columns['model'])] += 1

    def leave_out(self, name: str, reason: str) -> None:
        """Counts a row, by its name, that is left out."""
        self.counts['left_out'] += 1
        if len(self.reasons) < _MOST_REASONS:
            self.reasons.append(f'{name}: {reason}')


def add_totals(parts: Iterable[Totals]) -> Totals:
    """The sum of totals, in their order."""
    total = Totals()
    for part in parts:
        total.counts.update(part.counts)
        total.cost += part.cost
        total.models.update(part.models)
        total.reasons = [*total.reasons, *part.reasons][:_MOST_REASONS]
    return total
