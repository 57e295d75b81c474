"""The job: its graph, its run, and how it ends."""

import logging
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.bundles import bundle_options
from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.interrupts import shield_workers, stopped_by_signals
from beam_image_edit.pipeline.past_job import PastJob
from beam_image_edit.pipeline.progress import showing_progress
from beam_image_edit.pipeline.workers import find_workers
from beam_image_edit.transforms.edit_images import EditImages
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.exports import EXPORTS, WriteDatasetCard
from beam_image_edit.transforms.limits.pace import limits_path
from beam_image_edit.transforms.probes import leave_probe
from beam_image_edit.transforms.read_samples import ReadSamples
from beam_image_edit.transforms.runners import engine_name
from beam_image_edit.transforms.write_manifest import WriteManifest

_log = logging.getLogger(__name__)
# DirectRunner first downloads another engine, and without a limit waits for ever where there is no way out.
_DOWNLOAD_TIMEOUT_S = 20.0


def build_pipeline(root: Any, config: JobConfig, started_at: float = 0.0) -> Any:
    """The job's graph; reads no flag, no environment and no file.

    Args:
        root: a Pipeline.
        config: the job, its editor with a run id.
        started_at: when the run began, in seconds since the epoch; 0 leaves its time out of the summary.
    """
    edits = (
        root
        # Rows are numbered and named as they are read; image names depend on it.
        | 'ReadSamples' >> ReadSamples(config.input, storage_options=config.editor.storage_options)
        # The only step that costs money. What it has done is safe, whatever happens to the steps after it.
        | 'EditImages' >> EditImages(config=config.editor, batch_size=config.batch_size)
    )
    if config.exports:
        _export(edits.edited, config)
    return edits.outcomes | 'WriteManifest' >> WriteManifest(
        config.editor.cache_path,
        config.editor.run_id,
        started_at,
        rows_per_file=config.rows_per_file,
        fields=config.editor.fields,
        storage_options=config.editor.storage_options,
    )


def _export(edited: Any, config: JobConfig) -> None:
    editor = config.editor
    summaries = [
        edited
        | f'Export {name}'
        >> EXPORTS[name](
            editor.cache_path,
            fields=editor.fields,
            image_root=editor.image_root,
            storage_options=editor.storage_options,
        )
        for name in config.exports
    ]
    _ = summaries | beam.Flatten() | 'WriteDatasetCard' >> WriteDatasetCard(editor.cache_path, editor.storage_options)


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was handed to its engine.

    Attributes:
        run_id: its name in the ledger.
        has_ended: whether it is over, rather than not waited for.
    """

    run_id: str
    has_ended: bool


def run_job(config: JobConfig) -> Started:
    """Runs the job, to its end unless it runs elsewhere and is not to be waited for.

    What it did is in `summary.json`, which the engine's last step writes.

    Raises:
        Exception: the job failed; each engine has errors of its own.
    """
    started_at = time.time()
    config = replace(config, editor=_begin_run(config, started_at))
    _keep(config)
    # The user's own options come later, so that they count.
    options = PipelineOptions([*bundle_options(config.runner, config.editor.max_in_flight), *config.beam_options])
    is_waiting = not _is_only_submitted(config, options)
    pipeline = beam.Pipeline(shield_workers(config.runner, options), options=options)
    build_pipeline(pipeline, config, started_at)
    try:
        with stopped_by_signals(config.editor), _limited_download(config.runner), showing_progress(config):
            result = pipeline.run()
            if is_waiting:
                result.wait_until_finish()
    finally:
        limits_path(config.editor.run_id).unlink(missing_ok=True)
    _log.info('engine: %s', _engine_of(result, config.runner))
    return Started(config.editor.run_id, has_ended=is_waiting)


def _keep(config: JobConfig) -> None:
    try:
        PastJob(config.input, config.editor).write(config.editor.open_storage(), config.editor.run_id)
    except StorageError as error:
        _log.warning('the report will not find images that rows name by relative paths: %s', error)


def _is_only_submitted(config: JobConfig, options: PipelineOptions) -> bool:
    """Whether nobody waits for the job's end: as was asked for, or since what is made is a template.

    A job whose workers are this program's own ends with it, so it is always waited for.
    """
    told = options.get_all_options()
    is_left_alone = told.get('no_wait_until_finish') or told.get('template_location')
    return bool(is_left_alone) and not find_workers(config.runner, config.beam_options).environment


def _begin_run(config: JobConfig, started_at: float) -> EditorConfig:
    """The editor of a new run; workers that can't but see the cache path as this process does need no probe."""
    editor = replace(config.editor, run_id=_new_run_id(started_at))
    if find_workers(config.runner, config.beam_options).memory:
        return editor
    return replace(editor, probe=leave_probe(editor.open_storage(), editor.run_id))


def _new_run_id(started_at: float) -> str:
    return f'{time.strftime("%Y%m%dT%H%M%S", time.gmtime(started_at))}-{uuid.uuid4().hex[:8]}'


def _engine_of(result: Any, runner: str) -> str:
    """The engine that ran: asked for DirectRunner, Beam chooses among three, and else it is the one asked for."""
    name = engine_name(runner)
    if name not in ('DirectRunner', 'SwitchingDirectRunner'):
        return name
    # Prism's results are those of any engine behind a job server.
    engines = {
        'fn_runner': 'FnApiRunner',
        'portable_runner': 'PrismRunner',
        'direct_runner': 'BundleBasedDirectRunner',
    }
    module = type(result).__module__
    return next((engine for part, engine in engines.items() if part in module), module)


@contextmanager
def _limited_download(runner: str) -> Iterator[None]:
    if engine_name(runner) not in ('DirectRunner', 'PrismRunner', 'SwitchingDirectRunner'):
        yield
        return
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
