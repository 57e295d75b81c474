"""The rows of a dry run: each looked at as a run would look at it, many at a time, and boiled down to what counts.

Nothing is checked here: what is wrong with a row, the job's own editor says. Pictures that were looked at are
remembered as a run remembers them, so that the run after it does not read them again.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.dry_run.tokens import CallTokens, foretell
from beam_image_edit.transforms.budget import Budget, Reservations
from beam_image_edit.transforms.bundle_work import BundleWork
from beam_image_edit.transforms.editor import Editor
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.lines import list_ranges
from beam_image_edit.transforms.read_samples import NumberedBlock, count_rows, plan_blocks, read_rows
from beam_image_edit.transforms.row_plans import RowPlan
from beam_image_edit.transforms.samples import Sample

_ID_KEY = 'id'
_RUN_ID = 'dry-run'


@dataclass(frozen=True, slots=True)
class CallForecast:
    """A call that would be sent.

    Attributes:
        reservation: what it is known by; equal for calls that share a purchase.
        tokens: what it will consume.
    """

    reservation: str
    tokens: CallTokens


@dataclass(frozen=True, slots=True)
class RowForecast:
    """What would become of a row.

    Attributes:
        index: its 0-based position among all rows.
        line: its 1-based physical line.
        file: where that is.
        status: how it would end; None if that is up to its calls.
        error: why it would not be edited.
        calls: those that would be sent, if no other row sends them.
        turns: how many of them come one after the other.
        reserved: what a budget would have to reserve for it; None: there is no budget.
    """

    index: int
    line: int
    file: str
    status: str | None
    error: str | None
    calls: tuple[CallForecast, ...]
    turns: int
    reserved: Reservations | None


def number_blocks(pattern: str, options: StorageOptions | None = None) -> list[NumberedBlock]:
    """The rows of the input files in pieces, numbered as the job numbers them."""
    return list(plan_blocks(count_rows(part, _ID_KEY) for part in list_ranges(pattern, storage_options=options)))


def forecast_rows(
    config: JobConfig, blocks: Sequence[NumberedBlock], note: Callable[[int], None] = lambda _: None
) -> list[RowForecast]:
    """What would become of each row, in their order.

    Args:
        config: the job.
        blocks: the rows.
        note: told how many rows are done.
    """
    forecasts: list[RowForecast] = []
    # Where nothing is sent, no limits have to be kept.
    looking = replace(
        config.editor, run_id=_RUN_ID, requests_per_minute=None, images_per_minute=None, rate_limit_service=None
    )
    editor = Editor(looking, is_looking=True)
    try:
        budget = config.editor.budget()
        for plan, (sample, file) in _plan_all(editor, blocks, 2 * config.editor.max_in_flight):
            forecasts.append(_forecast(plan, sample, file, budget))
            note(len(forecasts))
    finally:
        editor.close()
    return sorted(forecasts, key=lambda forecast: forecast.index)


def _plan_all(
    editor: Editor, blocks: Sequence[NumberedBlock], limit: int
) -> Iterator[tuple[RowPlan, tuple[Sample, str]]]:
    work: BundleWork[tuple[Sample, str], RowPlan] = BundleWork(limit)
    for block in blocks:
        for sample in read_rows(block, _ID_KEY):
            yield from work.submit(functools.partial(editor.plan, sample), (sample, block.file.url))
    yield from work.drain()


def _forecast(plan: RowPlan, sample: Sample, file: str, budget: Budget | None) -> RowForecast:
    calls = plan.calls
    forecasts = (
        tuple(CallForecast(calls.reservation(step), foretell(calls, step)) for step in plan.unbought) if calls else ()
    )
    reserved = None
    if budget and calls:
        reserved = budget.reserve(sample, [(calls.reservation(step), calls.size(step)) for step in plan.unbought])
    return RowForecast(
        index=sample.index or 0,
        line=sample.line or 0,
        file=file,
        status=plan.status,
        error=plan.error,
        calls=forecasts,
        turns=len({step.turn for step in plan.unbought}),
        reserved=reserved,
    )
