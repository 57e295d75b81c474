"""Runners: which of Beam's engines can't be trusted with rows that cost money."""

from beam_image_edit.transforms.errors import ConfigurationError


def check_runner(name: str) -> None:
    """Raises ConfigurationError if a runner loses rows and reports success.

    >>> check_runner('apache_beam.runners.direct.DirectRunner')
    """
    if name.rpartition('.')[2].lower().endswith('daskrunner'):
        raise ConfigurationError(
            f'{name} loses rows without a word: it drops what steps give at the end of a bundle, and says that the job '
            'is done; use FnApiRunner, FlinkRunner, SparkRunner or DataflowRunner'
        )
