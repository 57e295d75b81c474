"""The command line: flags and environment become one value; what is wrong with them is said in one line."""

import argparse
import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.flags import DEFAULT_RUNNER, PROGRAM, OneLineErrors, make_parser
from beam_image_edit.pipeline.machines import count_machines
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import Parameters, RowFields

_SHORTEST_KEY = 16
_LEAST_LIKENESS = 0.8
_FOR_JOB_SERVERS = 'options that only a remote job server knows go through --runner_option'


@dataclass(frozen=True, slots=True)
class JobConfig:
    """A job, as asked for on the command line.

    Attributes:
        input: JSONL files: a path, URL or glob.
        editor: how they are edited.
        batch_size: samples handed to the edit step at a time.
        rows_per_file: rows in a manifest file.
        runner: Beam's name of the engine.
        beam_options: Beam's own flags, as given.
        log_level: of the program's log.
        is_reporting: whether the contact sheet is made at the end.
        exports: the formats of data sets that are made at the end, see `transforms.exports`.
        images: globs of images to edit by the instructions, in place of rows; the input is then written first.
        instructions: of `images`, in order.
        is_dry_run: whether nothing is sent, and only told what would be.
        expected_latency_s: how long a dry run takes a call to last, in seconds.
        is_showing_progress: whether it is told on stderr how far the job is.
        is_cache_path_shared: whether local paths are those of a folder that the workers' machines mount too.
    """

    input: str
    editor: EditorConfig
    batch_size: int = 4
    rows_per_file: int = 100_000
    runner: str = DEFAULT_RUNNER
    beam_options: tuple[str, ...] = field(default=())
    log_level: str = 'INFO'
    is_reporting: bool = True
    exports: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    is_dry_run: bool = False
    expected_latency_s: float = 30.0
    is_showing_progress: bool = True
    is_cache_path_shared: bool = False


def parse_args(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> JobConfig:
    """The job that flags and environment describe; ends the program with code 2 where they can't be used."""
    parser = make_parser()
    flags, others = parser.parse_known_args(argv)
    try:
        return _to_config(flags, _check_beam_options(parser, others, flags.runner_option), environment)
    except ConfigurationError as error:
        parser.error(str(error))


def _to_config(flags: argparse.Namespace, beam_options: Sequence[str], environment: Mapping[str, str]) -> JobConfig:
    _check_together(flags)
    editor = _to_editor(flags, environment)
    if editor.limits:
        editor = replace(editor, workers=count_machines(flags.runner, beam_options))
    return JobConfig(
        input=flags.first_entry_file_name or example_input(),
        editor=editor,
        batch_size=flags.batch_size,
        rows_per_file=flags.rows_per_manifest_file,
        runner=flags.runner,
        beam_options=(*beam_options, *(f'--{option}' for option in flags.runner_option)),
        log_level=flags.log_level,
        is_reporting=flags.report == 'on',
        exports=tuple(dict.fromkeys(flags.export)),
        images=tuple(flags.images),
        instructions=tuple(flags.instruction),
        is_dry_run=flags.dry_run,
        expected_latency_s=flags.expected_latency_s,
        is_showing_progress=flags.progress == 'auto',
        is_cache_path_shared=flags.shared_cache_path,
    )


def _to_editor(flags: argparse.Namespace, environment: Mapping[str, str]) -> EditorConfig:
    parameters = Parameters(
        **{name: getattr(flags, name) for name in Parameters.__slots__ if getattr(flags, name) is not None}
    )
    return EditorConfig(
        api_format=flags.api_format,
        model_name=flags.model_name.strip() or None,
        cache_path=flags.cache_path,
        api_key=flags.api_key,
        base_url=environment.get('DF_BASE_URL', '').strip() or None,
        max_in_flight=flags.max_in_flight,
        max_memory_mb=flags.max_memory_mb,
        connect_timeout_s=flags.connect_timeout_s,
        read_timeout_s=flags.read_timeout_s,
        retry_policy=RetryPolicy(
            max_attempts=flags.max_attempts,
            max_ambiguous_retries=flags.max_ambiguous_retries,
            max_no_image_retries=flags.max_no_image_retries,
        ),
        fields=RowFields(flags.input_image_key, flags.input_conversation_key, flags.output_image_key),
        parameters=parameters,
        is_retrying_in_doubt=flags.in_doubt == 'retry',
        is_reading_all_inputs=flags.check_inputs,
        is_decoding_inputs=flags.decode_inputs,
        # Worker processes may have another current folder.
        image_root=flags.image_root and str(Path(flags.image_root).absolute()),
        retried=flags.retry,
        is_checking_images=flags.check_images,
        is_repairing=flags.repair,
        max_failure_share=flags.max_failure_share,
        max_cost_usd=flags.max_cost_usd,
        price_per_image=flags.price_per_image,
        requests_per_minute=flags.requests_per_minute,
        images_per_minute=flags.images_per_minute,
        rate_limit_service=flags.rate_limit_service,
        is_matching_aspect=flags.match_aspect,
        storage_options=flags.storage_options,
    )


def _check_together(flags: argparse.Namespace) -> None:
    """Refuses flags that contradict each other."""
    if flags.images and flags.first_entry_file_name:
        raise ConfigurationError('--images makes the rows, so it can not be used together with --input')
    if flags.instruction and not flags.images:
        raise ConfigurationError('--instruction needs --images; the rows of --input have instructions of their own')
    if flags.images and not flags.instruction and not flags.use_variations:
        raise ConfigurationError('--images needs --instruction, which says what to do with them')
    if flags.images and flags.instruction and flags.use_variations:
        raise ConfigurationError('variations take no --instruction')
    if flags.match_aspect and (flags.aspect_ratio or flags.size):
        raise ConfigurationError('--match_aspect chooses --aspect_ratio or --size itself: give one or the other')


def example_input() -> str:
    """The shipped example's rows."""
    return str(files('beam_image_edit.pipeline') / 'examples' / 'edits.jsonl')


def _check_beam_options(
    parser: argparse.ArgumentParser, others: Sequence[str], runner_options: Sequence[str]
) -> Sequence[str]:
    """Refuses what Beam does not know either, which it would drop with a warning, and values that it can not use."""
    beam = OneLineErrors(prog=PROGRAM, allow_abbrev=False, add_help=False)
    beam.add_value_provider_argument = beam.add_argument  # type: ignore[attr-defined]
    for options in PipelineOptions.__subclasses__():
        try:
            # Where Beam's option classes name their flags.
            options._add_argparse_args(beam)  # type: ignore[arg-type]  # noqa: SLF001
        except argparse.ArgumentError:
            continue  # somebody else's class, with a flag that is there already
    _, unknown = beam.parse_known_args(others)
    beam.parse_known_args([f'--{option}' for option in runner_options])  # those that Beam knows after all
    if unknown:
        # A value may be a key, and so may a word of its own that is long enough.
        name = unknown[0].partition('=')[0]
        if name.startswith('-'):
            parser.error(f'unknown flag {name}; {_advise(name, (parser, beam))}')
        word = repr(name) if len(name) < _SHORTEST_KEY else 'a word'
        parser.error(f'{word} belongs to no flag; a glob, and a text with spaces, go into quotes')
    return others


def _advise(unknown: str, parsers: Sequence[argparse.ArgumentParser]) -> str:
    """What to do about a flag that nobody knows."""
    known = [flag for parser in parsers for flag in parser._option_string_actions]  # noqa: SLF001 - no public list
    alike = difflib.get_close_matches(unknown, known, n=1, cutoff=_LEAST_LIKENESS)
    return f'did you mean {alike[0]}?' if alike else _FOR_JOB_SERVERS


def fail(message: str) -> NoReturn:
    """Ends the program as a usage error."""
    sys.stderr.write(f'{PROGRAM}: {message}\n')
    raise SystemExit(2)
