"""The dry run's report, for people; its last line is for scripts too."""

import math
import shutil
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.dry_run.estimates import (
    BOUGHT,
    SHARED,
    TO_EDIT,
    BadRow,
    Estimate,
    disk_bytes,
    wall_s,
)
from beam_image_edit.pipeline.dry_run.price_table import price_table_date
from beam_image_edit.pipeline.times import show_time
from beam_image_edit.transforms.counts import plural_ending, show_count, show_some
from beam_image_edit.transforms.outcomes import INVALID_INPUT, STOPPED
from beam_image_edit.transforms.prices import PricePerToken

_SHOWN_REASONS = 20
_SHOWN_LINES = 5
_SHOWN_DIGITS = 4
_WORDS = {
    TO_EDIT: 'would be edited',
    BOUGHT: 'already bought',
    SHARED: "share another row's purchase",
    INVALID_INPUT: 'invalid',
    STOPPED: 'over the budget',
}


def write_report(total: Estimate, config: JobConfig) -> Iterator[str]:
    """The lines of the report."""
    rows = sum(total.rows.values())
    yield f'rows: {rows:,}'
    for name, count in sorted(total.rows.items(), key=lambda item: -item[1]):
        yield f'  {count:,} {_WORDS.get(name, f"would stay {name}")}'
    yield from _bad_rows(total.bad_rows, has_files=len({row.file for row in total.bad_rows}) > 1)
    yield f'calls: {total.calls:,}; images: {total.images:,}'
    least, _, most = total.thinking
    thinking = f', {least:,} to {most:,} thinking' if most else ''
    yield (
        f'tokens: {total.text_input:,} text in, {total.image_input:,} image in, '
        f'{total.image_output:,} image out{thinking}'
    )
    yield from _money(total, config)
    if total.calls:
        yield f'time: at least {show_time(wall_s(total, config))} ({_limits(config)})'
        yield _disk(total, config)
    cost = total.cost_usd
    yield f'estimated cost: {show_range(cost[0], cost[-1]) if cost else "unknown"}'


def show_range(low: float, high: float) -> str:
    """An amount of dollars, or the two between which it lies: in cents, small ones more closely.

    >>> show_range(12.344, 12.344), show_range(12.346, 12.991), show_range(0.001234, 0.0016)
    ('$12.34', '$12.34–$13.00', '$0.001234–$0.001600')
    """
    if low == high:
        return show_dollars(low)
    # Outwards, so that what lies in the range lies in the one that is shown.
    decimals = _decimals_of(low)
    return f'{_show(low, decimals, ROUND_FLOOR)}–{_show(high, decimals, ROUND_CEILING)}'


def show_dollars(usd: float) -> str:
    """An amount of dollars.

    >>> show_dollars(1.39914), show_dollars(0.1), show_dollars(0)
    ('$1.399', '$0.1000', '$0.00')
    """
    return _show(usd, _decimals_of(usd), ROUND_HALF_UP)


def _decimals_of(usd: float) -> int:
    # Cents alone would put the bill of a few calls wrong by more than thinking does.
    return max(2, _SHOWN_DIGITS - 1 - math.floor(math.log10(usd))) if usd else 2


def _show(usd: float, decimals: int, rounding: str) -> str:
    return f'${Decimal(str(usd)).quantize(Decimal(1).scaleb(-decimals), rounding):f}'


def _bad_rows(bad_rows: list[BadRow], has_files: bool) -> Iterator[str]:
    by_reason: dict[tuple[str, str], list[int]] = {}
    for row in bad_rows:
        # What is wrong with a row itself begins with its line.
        reason = row.error.removeprefix(f'line {row.line}: ')
        by_reason.setdefault((row.file if has_files else '', reason), []).append(row.line)
    for (file, reason), lines in islice(by_reason.items(), _SHOWN_REASONS):
        place = f'line{plural_ending(len(lines))} {show_some(lines, _SHOWN_LINES)}'
        yield f'  {f"{file}: " if file else ""}{place}: {reason}'
    rest = sum(map(len, islice(by_reason.values(), _SHOWN_REASONS, None)))
    if rest:
        yield f'  … and {rest:,} more, all in dry_run.json'


def _money(total: Estimate, config: JobConfig) -> Iterator[str]:
    price = config.editor.find_price()
    if price is None or total.cost_usd is None:
        yield f'price: that of {config.editor.model} is not known; give --price_per_image'
        return
    is_published = isinstance(price, PricePerToken)
    date = price_table_date(config.editor.api_format) if is_published else None
    yield f'price: {price}' + (f' (entries up to {date})' if date else '')
    low, likely, high = total.cost_usd
    if is_published:
        yield f'through the batch APIs, at half the price: {show_range(low / 2, high / 2)}'
    if low != high:
        yield (
            'the range is thinking, of which the model alone decides: half of what is likely, or half as much again; '
            '--max_cost_usd would reserve the most that a call can cost'
        )
        # An average where rows set levels of their own.
        thinking = round(total.thinking[1] / total.calls)
        yield f'most likely: {show_dollars(likely)}, with {show_count(thinking, "token")} of thoughts a call'


def _limits(config: JobConfig) -> str:
    editor = config.editor
    limits = [f'{show_count(editor.max_in_flight, "call")} in flight of {config.expected_latency_s:g} s each']
    if editor.requests_per_minute:
        limits.append(f'{editor.requests_per_minute:g} request{plural_ending(editor.requests_per_minute)} per minute')
    if editor.images_per_minute:
        limits.append(f'{editor.images_per_minute:g} image{plural_ending(editor.images_per_minute)} per minute')
    return ', '.join(limits)


def _disk(total: Estimate, config: JobConfig) -> str:
    needed = disk_bytes(total, config)
    text = f'disk: about {_show_bytes(needed)}'
    place = Path(config.editor.cache_path)
    if '://' in config.editor.cache_path or not place.is_dir():
        return text
    free = shutil.disk_usage(place).free
    return f'{text} of {_show_bytes(free)} free{"" if needed < free else ": NOT ENOUGH"}'


def _show_bytes(count: int) -> str:
    """A number of bytes with three digits at the most.

    >>> _show_bytes(1_234_567), _show_bytes(999)
    ('1.23 MB', '999 B')
    """
    for unit, size in (('TB', 10**12), ('GB', 10**9), ('MB', 10**6), ('kB', 1000)):
        if count >= size:
            return f'{float(f"{count / size:.3g}"):g} {unit}'
    return f'{count} B'
