"""What is checked before a job starts: everything that would otherwise fail after the first rows were paid for."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
from apache_beam.runners.runner import create_runner

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.job_server import check_options
from beam_image_edit.pipeline.workers import Workers, find_workers
from beam_image_edit.transforms.api_keys import read_api_key
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_kinds import check_files
from beam_image_edit.transforms.input_files import list_files
from beam_image_edit.transforms.local_inputs import resolve_image_root
from beam_image_edit.transforms.models import retirement_warning
from beam_image_edit.transforms.row_checks import select_parameters
from beam_image_edit.transforms.runners import check_runner

_LOCAL_PROTOCOLS = frozenset({'file', 'local'})


def check_job(config: JobConfig) -> None:
    """Raises ConfigurationError if the job can't work: no key, no rows to read, an output that can't be written."""
    _check_runner(config.runner)
    check_options(config.runner, config.beam_options)
    workers = find_workers(config.runner, config.beam_options)
    _check_reach(config, workers)
    if workers.environment and not config.is_dry_run:
        read_api_key(config.editor.api_key, config.editor.storage_options)
    check_files(list_files(config.input, config.editor.storage_options))
    if config.editor.image_root is not None:
        resolve_image_root(config.editor.image_root)
    _check_writable(config.editor)


def find_warnings(config: JobConfig) -> Iterator[str]:
    """What may go wrong though it can be tried."""
    retired = retirement_warning(config.editor.model)
    if retired:
        yield retired
    if not config.editor.open_storage().is_exclusive():
        yield (
            f'{config.editor.cache_path} can not create a file only if it is absent: run one process at a time on it, '
            'or two may buy the same call'
        )
    unused = _unused_flags(config)
    if unused:
        yield f'{unused}: the {config.editor.api_format} format has no such parameter, so it is left out'
    if config.editor.parameters.use_variations and not config.editor.base_url:
        yield 'api.openai.com has retired /images/variations; only compatible servers (DF_BASE_URL) still have it'


def _unused_flags(config: JobConfig) -> str:
    asked = config.editor.parameters
    used = select_parameters(asked, config.editor.api_format)
    return ', '.join(f'--{name}' for name in asked.__slots__ if getattr(asked, name) and not getattr(used, name))


def _check_runner(runner: str) -> None:
    check_runner(runner)
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise ConfigurationError(f'--runner {runner} can not be used: {error}') from error


def _check_reach(config: JobConfig, workers: Workers) -> None:
    """Refuses places that exist for the command alone, where workers would find nothing or write for nobody."""
    for flag, url in (('--input', config.input), ('--cache_path', config.editor.cache_path)):
        protocol = fsspec.utils.get_protocol(url)
        if protocol == 'memory' and not workers.memory:
            raise ConfigurationError(
                f'{flag} {url} is in the memory of this process, and the job has its workers in others; give a folder '
                'or a store that all of them share'
            )
        if protocol in _LOCAL_PROTOCOLS and not workers.disk and not config.is_cache_path_shared:
            raise ConfigurationError(
                f'{flag} {url} is on this machine, and the job has its workers on others: give a URL that all of them '
                'reach, such as s3:// or gs://, or say --shared_cache_path if it is a folder that all of them mount'
            )
        if not workers.environment and '://' not in url and not Path(url).is_absolute():
            raise ConfigurationError(
                f'{flag} {url} begins at the current folder, and the workers have another: give the whole path'
            )


def _check_writable(editor: EditorConfig) -> None:
    storage = editor.open_storage()
    probe = f'ledger/probe-{os.getpid()}-{uuid.uuid4().hex}'
    try:
        storage.write(probe, b'')
        storage.delete(probe)
        storage.remove_unfinished()
    except Exception as error:  # every store has errors of its own
        raise ConfigurationError(f'--cache_path {editor.cache_path} can not be written: {error}') from error
