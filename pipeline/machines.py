"""Machines: over how many of them a job's limits are divided, as far as the runner's options say."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.workers import find_workers
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.limits.places import Limits
from beam_image_edit.transforms.runners import engine_name

# They run on this machine, where all processes keep the limits together.
_LOCAL_RUNNERS = frozenset(
    {'FnApiRunner', 'DirectRunner', 'SwitchingDirectRunner', 'BundleBasedDirectRunner', 'PrismRunner'}
)
# In this order: what Dataflow may grow to, what it begins with, and how many task slots Flink uses.
_OPTIONS = ('max_num_workers', 'num_workers', 'parallelism')


def is_local(runner: str) -> bool:
    """Whether a runner works on this machine alone."""
    return engine_name(runner) in _LOCAL_RUNNERS


def count_machines(runner: str, beam_options: Sequence[str]) -> int:
    """By how many workers a job's limits are divided.

    Raises:
        ConfigurationError: the runner has workers of its own, and no option says how many.
    """
    # What runs in the program's own processes has no other machine, however many tasks the engine makes of it.
    if is_local(runner) or find_workers(runner, beam_options).environment:
        return 1
    options = PipelineOptions(list(beam_options)).get_all_options()
    told = [options.get(name) for name in _OPTIONS]
    workers = next((int(number) for number in told if number and int(number) > 0), None)
    if workers is None:
        raise ConfigurationError(
            f'limits per minute are divided among the workers of {runner}, and their number is not known: give '
            '--max_num_workers or --parallelism, or leave the limits to --rate_limit_service'
        )
    return workers


def describe_limits(limits: Limits, workers: int) -> str:
    """How limits are divided, for the log.

    >>> describe_limits(Limits(requests_per_minute=600, images_per_minute=50), 4)
    'requests 600/min over 4 workers: 150 each; images 50/min over 4 workers: 12.5 each'
    >>> describe_limits(Limits(), 4)
    'none told; they are found out'
    """
    part = limits.shared_by(workers)
    told = [
        (what, whole, each)
        for what, whole, each in (
            ('requests', limits.requests_per_minute, part.requests_per_minute),
            ('images', limits.images_per_minute, part.images_per_minute),
        )
        if whole is not None
    ]
    over = f'{workers} worker{"s" if workers > 1 else ""}'
    return '; '.join(f'{what} {whole:g}/min over {over}: {each:g} each' for what, whole, each in told) or (
        'none told; they are found out'
    )
