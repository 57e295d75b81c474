"""Commands beside the job itself: they look at what a run has left, and send nothing.

`beam-image-edit report FOLDER`, `beam-image-edit show FOLDER ROW` and `beam-image-edit spent FOLDER`. The job has
flags only, so that a first word that is none names one of these.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from beam_image_edit.pipeline.command_line import fail
from beam_image_edit.pipeline.display import tell
from beam_image_edit.pipeline.flag_types import text
from beam_image_edit.pipeline.flags import PROGRAM, OneLineErrors, add_storage_options
from beam_image_edit.pipeline.report import write_report
from beam_image_edit.pipeline.show import read_picture, show_row
from beam_image_edit.pipeline.spent import tell_spent
from beam_image_edit.transforms.errors import ConfigurationError, InvalidInput, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions

_log = logging.getLogger(__name__)
# A job's end is not the time to read 100,000 pictures again; the report command makes the rest.
MOST_NEW_THUMBNAILS = 10_000
_INTERRUPTED = 'interrupted: the same command goes on'


def find_command(argv: Sequence[str]) -> Callable[[Sequence[str]], int] | None:
    """The command that the arguments name; None for the job."""
    return _COMMANDS.get(argv[0]) if argv else None


def make_final_report(cache_path: str, options: StorageOptions | None, is_showing_progress: bool) -> str | None:
    """Makes the report at the end of a run; None if that fails, which changes nothing of the run but a warning."""
    _log.info('making the report; the results are whole, and Ctrl-C leaves it out')
    try:
        return write_report(cache_path, MOST_NEW_THUMBNAILS, options, is_showing_progress)
    except (Exception, KeyboardInterrupt) as error:
        _log.debug('the report failed', exc_info=True)
        _log.warning(
            'the report could not be made: %s; the results are whole, `%s report %s` makes it',
            'interrupted' if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__,
            PROGRAM,
            cache_path,
        )
        return None


def _report(argv: Sequence[str]) -> int:
    parser = _make_parser('report', 'Makes the report of a run: pages that show before and after, made from its files.')
    arguments = parser.parse_args(argv)
    with _usage_errors():
        place = write_report(arguments.cache_path, options=arguments.storage_options, is_showing_progress=True)
        tell(f'report: {place}')
    return 0


def _show(argv: Sequence[str]) -> int:
    parser = _make_parser(
        'show', 'Shows a row of a run and its requests; the output is a shell script that sends them.'
    )
    parser.add_argument('row', metavar='ROW', type=text, help='its index in the manifest, or its id')
    parser.add_argument(
        '--picture',
        type=text,
        metavar='SHA256',
        help='write the bytes of this picture of the row, as they are sent, and nothing else',
    )
    arguments = parser.parse_args(argv)
    with _usage_errors():
        if arguments.picture:
            sys.stdout.buffer.write(
                read_picture(arguments.cache_path, arguments.row, arguments.picture, arguments.storage_options)
            )
        else:
            tell(show_row(arguments.cache_path, arguments.row, arguments.storage_options).removesuffix('\n'))
    return 0


def _spent(argv: Sequence[str]) -> int:
    parser = _make_parser('spent', 'Adds up what was paid on a cache path, by all runs, each call once.')
    arguments = parser.parse_args(argv)
    with _usage_errors():
        tell(*tell_spent(arguments.cache_path, arguments.storage_options))
    return 0


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, InvalidInput, StorageError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.stderr.write(f'{PROGRAM}: {_INTERRUPTED}\n')
        raise SystemExit(1) from None


def _make_parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = OneLineErrors(prog=f'{PROGRAM} {name}', allow_abbrev=False, description=description)
    parser.add_argument('cache_path', metavar='CACHE_PATH', type=text, help='where the run has written its results')
    add_storage_options(parser)
    return parser


_COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {'report': _report, 'show': _show, 'spent': _spent}
