"""Workers: what they have in common with the command that starts the job, as far as the runner's options say.

A worker may be a thread of the command's process, a process that it has started, one that somebody else has started on
the same machine, or run on another machine, which includes containers on this one: they see none of its files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.transforms.runners import engine_name

_ALWAYS_HERE = frozenset({'FnApiRunner', 'DirectRunner', 'SwitchingDirectRunner', 'BundleBasedDirectRunner'})
_THIS_MACHINE = frozenset({'localhost', '127.0.0.1', '::1'})
_LOCAL_SPARK = re.compile(r'local(\[.+\])?')


@dataclass(frozen=True, slots=True)
class Workers:
    """What workers share with the command.

    Attributes:
        environment: its environment variables.
        memory: its memory, and so what `memory://` holds.
        disk: its local files.
    """

    environment: bool
    memory: bool
    disk: bool


THREADS = Workers(environment=True, memory=True, disk=True)
CHILDREN = Workers(environment=True, memory=False, disk=True)
NEIGHBOURS = Workers(environment=False, memory=False, disk=True)
STRANGERS = Workers(environment=False, memory=False, disk=False)


def find_workers(runner: str, beam_options: Sequence[str]) -> Workers:
    """What a job's workers share with the command that starts it; nothing if that is not known."""
    options = PipelineOptions(list(beam_options)).get_all_options()
    engine = engine_name(runner)
    if engine in _ALWAYS_HERE:
        return CHILDREN if options.get('direct_running_mode') == 'multi_processing' else THREADS
    environment = options.get('environment_type') or _default_environment(engine, options)
    if environment == 'LOOPBACK':
        in_child = 'use_loopback_process_worker' in (options.get('experiments') or ())
        return CHILDREN if in_child else THREADS
    if environment == 'EXTERNAL' and _is_here(options.get('environment_config')):
        return NEIGHBOURS
    return STRANGERS


def _default_environment(engine: str, options: dict[str, Any]) -> str:
    """What Beam takes if nothing is said: workers in the command's process where the engine is there too."""
    is_local = {
        'PrismRunner': True,
        'FlinkRunner': options.get('flink_master') in ('[local]', '[auto]'),
        'SparkRunner': bool(_LOCAL_SPARK.fullmatch(str(options.get('spark_master_url')))),
    }
    return 'LOOPBACK' if is_local.get(engine) else 'DOCKER'


def _is_here(address: str | None) -> bool:
    return urlsplit(f'//{address}').hostname in _THIS_MACHINE
