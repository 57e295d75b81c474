"""The estimate: what all rows together would cost, in money, time and disk."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.dry_run.rows import CallForecast, RowForecast
from beam_image_edit.transforms.budget import ADMIT_ALL, Admission, Budget
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.money import to_parts, to_usd
from beam_image_edit.transforms.outcomes import EDITED, STOPPED
from beam_image_edit.transforms.prices import Price

# What becomes of a row that is not told by a status of the manifest.
TO_EDIT, BOUGHT, SHARED = 'to_edit', 'already_bought', 'shares_a_purchase'
# Bytes of a pixel in a usual photograph, and of what the ledger and the manifests take for a call.
_BYTES_PER_PIXEL = {'png': 1.6, 'jpeg': 0.4, 'webp': 0.3}
_RECORD_BYTES = 12_000

Range = tuple[int, int, int]
"""The least, the likely and the most of something."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that would not be edited: where it is and why."""

    index: int
    line: int
    file: str
    status: str
    error: str


@dataclass(slots=True)
class Estimate:
    """What a run would do.

    Attributes:
        rows: how many by what would become of them.
        bad_rows: those that would not be edited.
        calls: that would be sent.
        images: that would be made.
        longest_turns: of one row, which wait for each other.
        text_input: tokens, as the four below.
        image_input: of pictures sent.
        image_output: of pictures made.
        thinking: of thoughts: the least, the likely and the most.
        cost: the least, the likely and the most, in parts of `money`; None if the price is not known.
        pixels: of all images.
    """

    rows: Counter[str] = field(default_factory=Counter)
    bad_rows: list[BadRow] = field(default_factory=list)
    calls: int = 0
    images: int = 0
    longest_turns: int = 0
    text_input: int = 0
    image_input: int = 0
    image_output: int = 0
    thinking: Range = (0, 0, 0)
    cost: Range | None = (0, 0, 0)
    pixels: int = 0

    @property
    def cost_usd(self) -> tuple[float, float, float] | None:
        """The least, the likely and the most, in dollars; None if the price is not known."""
        if self.cost is None:
            return None
        low, likely, high = map(to_usd, self.cost)
        return low, likely, high


def estimate(forecasts: Sequence[RowForecast], config: JobConfig) -> Estimate:
    """Adds up what would become of rows, given in their order."""
    price = config.editor.find_price()
    budget = config.editor.budget()
    admission = _admit(forecasts, budget, config) if budget else ADMIT_ALL
    total = Estimate() if price else Estimate(cost=None)
    seen: set[str] = set()
    for row in forecasts:
        refusals = {call.reservation: admission.refuse(call.reservation, row.index) for call in row.calls}
        refusal = next(filter(None, refusals.values()), None)
        status, error = (STOPPED, f'not sent: {refusal}') if refusal else (row.status, row.error)
        new = [call for call in row.calls if call.reservation not in seen and not refusals[call.reservation]]
        seen.update(call.reservation for call in new)
        _add_calls(total, new, price)
        total.longest_turns = max(total.longest_turns, row.turns if new else 0)
        total.rows[_name(status, new)] += 1
        if status not in (None, EDITED):
            total.bad_rows.append(BadRow(row.index, row.line, row.file, status, error or ''))
    return total


def _admit(forecasts: Iterable[RowForecast], budget: Budget, config: JobConfig) -> Admission:
    ledger = Ledger(config.editor.open_storage(), config.editor.run_id, call_timeout_s=0)
    return budget.admit([row.reserved for row in forecasts if row.reserved is not None], ledger)


def _name(status: str | None, new: Sequence[CallForecast]) -> str:
    if status == EDITED:
        return BOUGHT
    if status is not None:
        return status
    return TO_EDIT if new else SHARED


def _add_calls(total: Estimate, calls: Iterable[CallForecast], price: Price | None) -> None:
    for tokens in (call.tokens for call in calls):
        total.calls += 1
        total.images += tokens.images
        total.pixels += tokens.images * tokens.pixels
        total.thinking = _add(total.thinking, tokens.thinking)
        for name in ('text_input', 'image_input', 'image_output'):
            setattr(total, name, getattr(total, name) + getattr(tokens, name))
        if price and total.cost is not None:
            usages = map(tokens.usage, tokens.thinking)
            total.cost = _add(
                total.cost, [to_parts(price.cost_usd(usage, tokens.images, 'yes', True) or 0) for usage in usages]
            )


def _add(one: Range, other: Iterable[int]) -> Range:
    low, likely, high = map(sum, zip(one, other, strict=True))
    return low, likely, high


def wall_s(total: Estimate, config: JobConfig) -> float:
    """How long the calls would take at least, in seconds: by the slowest of what holds them up."""
    editor = config.editor
    rounds = max(math.ceil(total.calls / editor.max_in_flight), total.longest_turns)
    return max(
        rounds * config.expected_latency_s,
        60 * total.calls / (editor.requests_per_minute or math.inf),
        60 * total.images / (editor.images_per_minute or math.inf),
    )


def disk_bytes(total: Estimate, config: JobConfig) -> int:
    """About how much would be written."""
    usual = 'jpeg' if config.editor.api_format == 'gemini' else 'png'
    file_format = config.editor.parameters.output_format or usual
    per_pixel = _BYTES_PER_PIXEL.get(file_format, _BYTES_PER_PIXEL['png'])
    return int(total.pixels * per_pixel) + total.calls * _RECORD_BYTES


def as_json(total: Estimate, config: JobConfig) -> dict[str, Any]:
    """The content of `dry_run.json`."""
    cost = total.cost_usd
    return {
        'estimated_cost_usd': None if cost is None else _name_range(cost),
        'rows': dict(_sorted(total.rows)),
        'calls': total.calls,
        'images': total.images,
        'tokens': {
            'text_input': total.text_input,
            'image_input': total.image_input,
            'image_output': total.image_output,
            'thinking': _name_range(total.thinking),
        },
        'wall_s': round(wall_s(total, config), 1),
        'disk_bytes': disk_bytes(total, config),
        'bad_rows': [{name: getattr(row, name) for name in BadRow.__slots__} for row in total.bad_rows],
    }


def _name_range(numbers: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(('low', 'likely', 'high'), numbers, strict=True))


def _sorted(rows: Counter[str]) -> Iterator[tuple[str, int]]:
    yield from sorted(rows.items(), key=lambda item: -item[1])
