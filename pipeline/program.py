"""The program: from the command line to the exit code."""

import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from beam_image_edit.pipeline.checks import check_job, find_warnings
from beam_image_edit.pipeline.command_line import JobConfig, fail, parse_args
from beam_image_edit.pipeline.commands import find_command, make_final_report
from beam_image_edit.pipeline.display import tell
from beam_image_edit.pipeline.dry_run.run import run_dry
from beam_image_edit.pipeline.flags import PROGRAM
from beam_image_edit.pipeline.image_rows import write_image_rows
from beam_image_edit.pipeline.job import run_job
from beam_image_edit.pipeline.job_server import spell_options
from beam_image_edit.pipeline.machines import describe_limits
from beam_image_edit.pipeline.progress import describe_end
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.outcomes import NOT_SENT_AGAIN, STOPPED
from beam_image_edit.transforms.stop_file import StopFile
from beam_image_edit.transforms.summary import summary_text

_log = logging.getLogger(__name__)


def run(argv: Sequence[str]) -> int:
    """Runs the command.

    Args:
        argv: the flags; or a command and what it takes, see `commands`.

    Returns:
        The exit code: 0 every row edited, or the job only submitted; 3 some rows are not edited; 1 failed or stopped. A
        command that can't be used ends the program with 2.
    """
    command = find_command(argv)
    if command:
        return command(argv[1:])
    config = parse_args(argv)
    _set_up_logging(config.log_level)
    try:
        config = replace(config, beam_options=spell_options(config.beam_options))
        config = write_image_rows(config)
        check_job(config)
        warnings = list(find_warnings(config))
    except (ConfigurationError, StorageError) as error:
        fail(str(error))
    for warning in warnings:
        _log.warning(warning)
    _log.info('price of %s: %s', config.editor.model, config.editor.find_price() or 'not known')
    _log.info('limits: %s', describe_limits(config.editor.limits, config.editor.workers))
    try:
        if config.is_dry_run:
            return run_dry(config)
        started = run_job(config)
        if not started.has_ended:
            _log.info(
                'run %s is handed over; when it ends it writes %s/summary.json',
                started.run_id,
                config.editor.cache_path,
            )
            return 0
        return _report(config, started.run_id)
    except Exception as error:
        _log.debug('the job failed', exc_info=True)
        _log.error('the job failed: %s; what was bought is kept, run the same command to go on', _find_reason(error))
        return 1


def _report(config: JobConfig, run_id: str) -> int:
    """Tells how a run ended; gives the exit code."""
    editor = config.editor
    storage = editor.open_storage()
    summary = json.loads(storage.read('summary.json') or b'{}')
    if config.is_showing_progress:
        sys.stderr.write(f'{describe_end(summary)}\n')
    tell(summary_text(summary, editor.cache_path))
    if config.exports:
        tell(f'export: {storage.url("export")}')
    report = _make_report(config) if config.is_reporting else None
    if report:
        tell(f'report: {report}')
    reason = StopFile(storage, run_id).read() or _find_stop(summary)
    if reason:
        _log.error('stopped: %s', reason)
        return 1
    return exit_code(summary['rows'])


def _find_stop(summary: Mapping[str, Any]) -> str | None:
    """Why rows were not sent, or not sent again, though nobody stopped the run: its budget did not reach them."""
    for reason in summary['reasons']:
        if reason['status'] == STOPPED or f'; {NOT_SENT_AGAIN}: ' in reason['error']:
            return str(reason['error'])
    return None


def _make_report(config: JobConfig) -> str | None:
    return make_final_report(config.editor.cache_path, config.editor.storage_options, config.is_showing_progress)


def exit_code(rows: Mapping[str, int]) -> int:
    """What the rows' statuses mean for a script."""
    if rows.get('stopped'):
        return 1
    return 3 if any(count for status, count in rows.items() if status != 'edited') else 0


def _set_up_logging(level: str) -> None:
    # Beam has put a handler of its own on the root logger by now.
    logging.basicConfig(level=level, format=f'%(asctime)s {PROGRAM} %(levelname)s %(message)s', force=True)
    if level != 'DEBUG':
        # What Beam logs as an error ends the job, which then says so in one line instead of in pages.
        logging.getLogger('apache_beam').setLevel(logging.CRITICAL)
        # A job server's errors come by the root logger.
        logging.getLogger().handlers[0].addFilter(lambda record: '/apache_beam/' not in record.pathname)


def _find_reason(error: BaseException) -> str:
    """What to tell of a failure that passed through Beam: its cause, not where it was wrapped, nor a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    is_traceback = any(line.startswith('Traceback ') for line in lines)
    reason = re.sub(r'^[\w.]+(Error|Exception|Input|Picture): ', '', lines[-1]) if is_traceback else lines[0]
    return re.sub(r" \[while running '.*", '', reason)
