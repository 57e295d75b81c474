"""The dry run from its configuration to its exit code."""

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.display import Display, tell
from beam_image_edit.pipeline.dry_run.estimates import as_json, estimate
from beam_image_edit.pipeline.dry_run.report import write_report
from beam_image_edit.pipeline.dry_run.rows import forecast_rows, number_blocks
from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.json_text import write_compact

FILE = 'dry_run.json'


def run_dry(config: JobConfig) -> int:
    """Tells what a job would do and cost, and writes it as `dry_run.json`; needs no key and calls no API.

    Returns:
        The exit code: 0 if every row can be edited, 3 if not.

    Raises:
        StorageError: the input can't be read, or the output not be written.
    """
    blocks = number_blocks(config.input, config.editor.storage_options)
    rows = sum(block.block.rows for block in blocks)
    done = 0

    def note(count: int) -> None:
        nonlocal done
        done = count

    with Display(config.is_showing_progress, lambda: f'looked at {done:,} of {show_count(rows, "row")}'):
        forecasts = forecast_rows(config, blocks, note)
    total = estimate(forecasts, config)
    config.editor.open_storage().write(FILE, write_compact(as_json(total, config)) + b'\n')
    tell(*write_report(total, config))
    return 3 if total.bad_rows else 0
