"""Machines: over how many of them a job's limits are divided, as far as the runner's options say."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.transforms.errors import ConfigurationError

# They run on this machine, where all processes keep the limits together.
_LOCAL_RUNNERS = frozenset(
    {'fnapirunner', 'directrunner', 'switchingdirectrunner', 'bundlebaseddirectrunner', 'prismrunner'}
)
# In this order: what Dataflow may grow to, what it begins with, and how many task slots Flink uses.
_OPTIONS = ('max_num_workers', 'num_workers', 'parallelism')


def runs_here(runner: str) -> bool:
    """Whether a runner's work is done on this machine, by this program and what it starts."""
    return runner.rpartition('.')[2].lower() in _LOCAL_RUNNERS


def count_machines(runner: str, beam_options: Sequence[str]) -> int:
    """By how many workers a job's limits are divided.

    Raises:
        ConfigurationError: the runner has workers of its own, and no option says how many.
    """
    if runs_here(runner):
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
