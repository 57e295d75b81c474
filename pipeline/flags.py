"""The flags: their names, defaults and help, in the groups of `--help`."""

import argparse
from importlib.metadata import version
from typing import Any, NoReturn

from beam_image_edit.pipeline.flag_types import (
    dollars,
    json_object,
    name_and_value,
    names,
    per_minute,
    seconds,
    share,
    text,
    whole_number,
)
from beam_image_edit.transforms.clients import API_FORMATS, DEFAULT_MODELS
from beam_image_edit.transforms.exports import EXPORTS
from beam_image_edit.transforms.reruns import RETRIABLE
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import RowFields

PROGRAM = 'beam-image-edit'
DEFAULT_CACHE_PATH = './cache_local/image_edit_api'
DEFAULT_RUNNER = 'FnApiRunner'


class OneLineErrors(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage that would hide it."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with code 2."""
        self.exit(2, f'{PROGRAM}: {message} (see {PROGRAM} --help)\n')


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
        epilog="DF_API_KEY holds the API key (required), DF_BASE_URL another server than the API's own. Exit codes: "
        '0 every row is edited; 3 finished, but some rows are not edited and say why; 1 the job failed or was stopped; '
        '2 the command can not be used. Flags of Apache Beam are passed on to it. To look at what a run has left: '
        f'{PROGRAM} report FOLDER, {PROGRAM} show FOLDER ROW.',
    )
    parser.add_argument('--version', action='version', version=f'{PROGRAM} {version(PROGRAM)}')
    _add_job_flags(parser.add_argument_group('the job'))
    _add_row_flags(parser.add_argument_group('the rows'))
    _add_call_flags(parser.add_argument_group('the calls'))
    _add_limit_flags(parser.add_argument_group('the limits'))
    _add_money_flags(parser.add_argument_group('the money'))
    _add_parameter_flags(parser.add_argument_group('what is asked of the API, where a row does not say otherwise'))
    _add_engine_flags(parser.add_argument_group('the engine'))
    return parser


def _add_job_flags(group: Any) -> None:
    group.add_argument('--api_format', choices=sorted(API_FORMATS), default='gemini', help='the API to call')
    models = ', '.join(f'{model} for {name}' for name, model in DEFAULT_MODELS.items())
    group.add_argument('--model_name', default='', help=f'any model of the API; if not given, {models}')
    group.add_argument(
        '--first_entry_file_name',
        '--input',
        default='',
        metavar='JSONL',
        help='the rows: a path, URL or glob, also .gz and .zst; if not given, the shipped example',
    )
    group.add_argument(
        '--images',
        type=text,
        metavar='GLOB',
        help='in place of rows: a glob of images, path or URL, each of which is edited by --instruction; the rows are '
        'written to rows.jsonl in the output folder',
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
    group.add_argument('--batch_size', type=whole_number(1), default=4, help='rows handed to the edit step at a time')
    group.add_argument(
        '--rows_per_manifest_file', type=whole_number(1), default=100_000, help='more rows make several manifest files'
    )
    group.add_argument('--check_inputs', action='store_true', help='read every image again, even if unchanged')
    group.add_argument(
        '--decode_inputs',
        action='store_true',
        help='decode every image in full before it is sent; else only its structure',
    )
    group.add_argument(
        '--image_root',
        type=text,
        metavar='FOLDER',
        help='read no local image outside this folder; if not given, whatever the rows name',
    )
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
    group.add_argument(
        '--dry_run',
        action='store_true',
        help='look at all rows and tell what they would cost, without a key and without a call',
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


def _add_call_flags(group: Any) -> None:
    policy = RetryPolicy()
    group.add_argument(
        '--max_attempts',
        type=whole_number(1),
        default=policy.max_attempts,
        help='tries of a call, all kinds of failures counted but quotas, for which calls wait',
    )
    group.add_argument(
        '--max_ambiguous_retries',
        type=whole_number(0),
        default=policy.max_ambiguous_retries,
        help='further tries of a call that may have been billed although its answer was lost',
    )
    group.add_argument(
        '--max_no_image_retries',
        type=whole_number(0),
        default=policy.max_no_image_retries,
        help='further tries of a call that was answered without an image',
    )
    group.add_argument(
        '--in_doubt',
        choices=('retry', 'skip'),
        default='retry',
        help='what to do with calls that were in flight when an earlier run crashed, and may have been billed',
    )
    group.add_argument('--connect_timeout_s', type=seconds, default=30.0, help='seconds until a connection must stand')
    group.add_argument(
        '--read_timeout_s',
        type=seconds,
        default=300.0,
        help='seconds until an answer begins, and then until it is whole',
    )


def _add_limit_flags(group: Any) -> None:
    group.add_argument('--max_in_flight', type=whole_number(1), default=16, help='calls in flight, per worker process')
    group.add_argument(
        '--max_memory_mb',
        type=whole_number(1),
        default=1024,
        metavar='MB',
        help='memory for the pictures of requests and answers, per worker process; calls wait for it',
    )
    group.add_argument(
        '--requests_per_minute',
        type=per_minute,
        metavar='N',
        help="the account's limit of calls, for the whole job; if not given, it is found out",
    )
    group.add_argument(
        '--images_per_minute',
        type=per_minute,
        metavar='N',
        help="the account's limit of images, for the whole job; if not given, it is found out",
    )
    group.add_argument(
        '--rate_limit_service',
        type=text,
        metavar='HOST:PORT',
        help='a service that keeps the limits of many machines, by the protocol of Envoy',
    )


def _add_money_flags(group: Any) -> None:
    group.add_argument(
        '--max_cost_usd',
        type=dollars,
        metavar='USD',
        help='the most to spend, over all runs with the same --cache_path; each call counts with the most that it can '
        'cost, so give --price_per_image too if you know it',
    )
    group.add_argument(
        '--price_per_image',
        type=dollars,
        metavar='USD',
        help='what an image costs; if not given, the published prices of tokens',
    )
    group.add_argument(
        '--max_failure_share',
        type=share,
        metavar='SHARE',
        help='stop when more than this share of the rows that were sent, 0 to 1, is not edited; after 20 rows',
    )
    group.add_argument(
        '--retry',
        type=names(*RETRIABLE),
        default=(),
        metavar='STATUSES',
        help=f'ask again for what earlier runs have left as {" or ".join(RETRIABLE)}, such as {",".join(RETRIABLE)}',
    )
    group.add_argument(
        '--check_images', action='store_true', help='read every image that is bought and compare it; else only its size'
    )
    group.add_argument(
        '--repair', action='store_true', help='buy again what was bought, if its image is gone or was altered'
    )


def _add_parameter_flags(group: Any) -> None:
    group.add_argument('--n', type=whole_number(1, 10), help='images for each instruction, 1 to 10')
    group.add_argument(
        '--match_aspect',
        action='store_true',
        help="ask for the aspect ratio (Gemini) or size (OpenAI) that is nearest to a row's first image",
    )
    group.add_argument('--aspect_ratio', type=text, help='Gemini: such as 16:9')
    group.add_argument('--resolution', type=text, help='Gemini: 1K, 2K or 4K')
    group.add_argument('--size', type=text, help='OpenAI: such as 1536x1024')
    group.add_argument('--quality', type=text, help='OpenAI: such as low, medium, high')
    group.add_argument('--background', type=text, help='OpenAI: transparent, opaque or auto')
    group.add_argument('--output_format', type=text, help='OpenAI: png, jpeg or webp')
    group.add_argument('--output_compression', type=whole_number(0, 100), help='OpenAI: 0 to 100, for jpeg and webp')
    group.add_argument('--input_fidelity', type=text, help='OpenAI, older models: low or high')
    group.add_argument('--moderation', type=text, help='OpenAI: auto or low')
    group.add_argument(
        '--use_variations',
        action='store_const',
        const=True,
        help='OpenAI: variations, without an instruction',
    )
    group.add_argument('--extra_body', type=json_object, metavar='JSON', help='raw fields of the API, merged in last')


def _add_engine_flags(group: Any) -> None:
    group.add_argument('--runner', type=text, default=DEFAULT_RUNNER, help='the Beam runner')
    group.add_argument(
        '--runner_option',
        action='append',
        default=[],
        type=name_and_value,
        metavar='NAME=VALUE',
        help='an option that only a remote job server knows; can be repeated',
    )
