"""Runners: the one name that each of Beam's engines has here, and which can't be trusted with rows that cost money."""

from apache_beam.options.pipeline_options import StandardOptions

from beam_image_edit.transforms.errors import ConfigurationError

_KNOWN = {name.lower(): name for name in StandardOptions.KNOWN_RUNNER_NAMES}


def engine_name(runner: str) -> str:
    """The name of a runner's class, by whatever name Beam takes it for: in any case, without `Runner`, with its module.

    >>> engine_name('flink'), engine_name('apache_beam.runners.direct.DirectRunner')
    ('FlinkRunner', 'DirectRunner')
    """
    plain = runner.lower()
    return _KNOWN.get(plain) or _KNOWN.get(f'{plain}runner') or runner.rpartition('.')[2]


def check_runner(name: str) -> None:
    """Raises ConfigurationError if a runner loses rows and reports success.

    >>> check_runner('apache_beam.runners.direct.DirectRunner')
    """
    # Beam does not know it by a short name, but would not say why it should not be asked for.
    if engine_name(name).lower().removesuffix('runner').endswith('dask'):
        raise ConfigurationError(
            f'{name} loses rows without a word: it drops what steps give at the end of a bundle, and says that the job '
            'is done; use FnApiRunner, FlinkRunner, SparkRunner or DataflowRunner'
        )
