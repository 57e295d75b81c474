"""The flags: their names, defaults and help, in the groups of `--help`."""

import argparse
from importlib.metadata import version
from typing import Any, NoReturn

from beam_image_edit.pipeline.call_flags import add_call_flags, add_limit_flags, add_money_flags, add_parameter_flags
from beam_image_edit.pipeline.flag_types import (
    add_switch,
    json_object,
    name_and_value,
    seconds,
    text,
    whole_number,
)
from beam_image_edit.transforms.clients import API_FORMATS, DEFAULT_MODELS
from beam_image_edit.transforms.exports import EXPORTS
from beam_image_edit.transforms.rows import RowFields

PROGRAM = 'beam-image-edit'
DEFAULT_CACHE_PATH = './cache_local/image_edit_api'
DEFAULT_RUNNER = 'FnApiRunner'


class OneLineErrors(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage that would hide it."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with code 2."""
        self.exit(2, f'{PROGRAM}: {message} (see {self.prog} --help)\n')


class _Once(argparse.Action):
    """Refuses a second value, which would take the first one's place without a word; an empty one takes it back."""

    def __call__(self, _parser: Any, flags: argparse.Namespace, value: Any, _flag: str | None = None) -> None:
        """Takes the value."""
        if value and getattr(flags, self.dest):
            raise argparse.ArgumentError(self, "is given twice; a glob such as 'rows-*.jsonl' names several files")
        setattr(flags, self.dest, value)


class _KnownDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return super()._get_help_string(action) if action.default else action.help


def make_parser() -> argparse.ArgumentParser:
    """The flags, for `--help` and for the documentation's test."""
    parser = OneLineErrors(
        prog=PROGRAM,
        allow_abbrev=False,
        formatter_class=_KnownDefaults,
        description='Edits images through the Gemini or OpenAI image API: reads a JSONL file of images and '
        'instructions, writes the edited images and a manifest. What has been bought is never bought again: run the '
        'same command to go on after a crash.',
        epilog='DF_API_KEY holds the API key (required, unless --api_key says where else it is), DF_BASE_URL another '
        "server than the API's own. Exit codes: "
        '0 every row is edited; 3 finished, but some rows are not edited and say why; 1 the job failed or was stopped; '
        '2 the command can not be used. Flags of Apache Beam are passed on to it. To look at what a run has left: '
        f'{PROGRAM} report FOLDER, {PROGRAM} show FOLDER ROW.',
    )
    parser.add_argument('--version', action='version', version=f'{PROGRAM} {version(PROGRAM)}')
    _add_job_flags(parser.add_argument_group('the job'))
    _add_view_flags(parser.add_argument_group('what is shown, before, during and after'))
    _add_row_flags(parser.add_argument_group('the rows'))
    add_call_flags(parser.add_argument_group('the calls'))
    add_limit_flags(parser.add_argument_group('the limits'))
    add_money_flags(parser.add_argument_group('the money'))
    add_parameter_flags(parser.add_argument_group('what is asked of the API, where a row does not say otherwise'))
    _add_engine_flags(parser.add_argument_group('the engine'))
    return parser


def add_storage_options(parser: Any) -> None:
    """The one flag that every command has: how to reach the cache path."""
    parser.add_argument(
        '--storage_options',
        type=json_object,
        metavar='JSON',
        help="options of fsspec's file systems by protocol, without secrets: "
        '{"s3": {"endpoint_url": "https://minio.example"}}',
    )


def _add_job_flags(group: Any) -> None:
    group.add_argument('--api_format', choices=sorted(API_FORMATS), default='gemini', help='the API to call')
    models = ', '.join(f'{model} for {name}' for name, model in DEFAULT_MODELS.items())
    group.add_argument('--model_name', default='', help=f'any model of the API; if not given, {models}')
    group.add_argument(
        '--first_entry_file_name',
        '--input',
        action=_Once,
        default='',
        metavar='JSONL',
        help='the rows: a path, URL or glob, also .gz and .zst; if not given, the shipped example',
    )
    group.add_argument(
        '--images',
        action='append',
        default=[],
        type=text,
        metavar='GLOB',
        help='in place of rows: a glob of images, path or URL, each of which is edited by --instruction; can be '
        'repeated; the rows are written to image_rows.jsonl in the output folder',
    )
    group.add_argument(
        '--instruction',
        action='append',
        default=[],
        type=text,
        metavar='TEXT',
        help='what to do with the images of --images; several make a conversation',
    )
    group.add_argument(
        '--cache_path',
        '--output',
        type=text,
        default=DEFAULT_CACHE_PATH,
        metavar='FOLDER',
        help='where images, manifest and ledger are written: a path or URL',
    )
    add_storage_options(group)
    group.add_argument('--batch_size', type=whole_number(1), default=4, help='rows handed to the edit step at a time')
    group.add_argument(
        '--rows_per_manifest_file', type=whole_number(1), default=100_000, help='more rows make several manifest files'
    )
    add_switch(group, '--check_inputs', help='read every image again, even if unchanged')
    add_switch(
        group,
        '--decode_inputs',
        help='decode every image in full before it is sent; else only its structure',
    )
    group.add_argument(
        '--image_root',
        type=text,
        metavar='FOLDER',
        help='read no local image outside this folder; if not given, whatever the rows name',
    )


def _add_view_flags(group: Any) -> None:
    group.add_argument(
        '--report',
        choices=('on', 'off'),
        default='on',
        help=f'make report/index.html at the end; `{PROGRAM} report FOLDER` makes it at any time',
    )
    group.add_argument(
        '--export',
        action='append',
        choices=sorted(EXPORTS),
        default=[],
        help='make a data set of the edited rows and their images in export/, with a card; can be repeated',
    )
    add_switch(
        group, '--dry_run', help='look at all rows and tell what they would cost, without a key and without a call'
    )
    group.add_argument(
        '--expected_latency_s',
        type=seconds,
        default=30.0,
        help='seconds that a call is taken to last when --dry_run tells how long the job would',
    )
    group.add_argument(
        '--progress',
        choices=('auto', 'off'),
        default='auto',
        help='tell on stderr how far the job is: one line on a terminal, else a line now and then',
    )
    group.add_argument(
        '--log_level', choices=('DEBUG', 'INFO', 'WARNING', 'ERROR'), default='INFO', help='least to log'
    )


def _add_row_flags(group: Any) -> None:
    defaults = RowFields()
    group.add_argument('--input_image_key', type=text, default=defaults.images, help='the field with the images')
    group.add_argument(
        '--input_conversation_key', type=text, default=defaults.conversations, help='the field with the instructions'
    )
    group.add_argument(
        '--output_image_key', type=text, default=defaults.output_image, help='the field for the edited images'
    )


def _add_engine_flags(group: Any) -> None:
    group.add_argument('--runner', type=text, default=DEFAULT_RUNNER, help='the Beam runner')
    add_switch(
        group,
        '--shared_cache_path',
        help='local paths of --input and --cache_path are on a folder that the machines of all workers mount',
    )
    group.add_argument(
        '--runner_option',
        action='append',
        default=[],
        type=name_and_value,
        metavar='NAME=VALUE',
        help='an option that only a remote job server knows; can be repeated',
    )
