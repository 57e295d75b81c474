"""The job server: which options it knows that Beam's Python does not, asked before a job starts.

Beam asks the same when it hands the job in, and is no help to somebody who mistypes: it drops without a word what the
job server does not know, ends the program with pages of usage where a number is none, and takes no value for a switch.
Of engines without a job server Beam's Python knows all options, and drops all others as well.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.runners import engine_name

_TYPES = beam_job_api_pb2.PipelineOptionType
_ENGINES_WITHOUT = frozenset({'FnApiRunner', 'BundleBasedDirectRunner'})


def check_options(runner: str, beam_options: Sequence[str]) -> None:
    """Raises ConfigurationError if there are options that nobody knows, where there is no job server to know them."""
    if engine_name(runner) not in _ENGINES_WITHOUT:
        return
    options = PipelineOptions(list(beam_options))
    name = min(_find_foreign(options), default=None)
    if name is not None:
        question = _suggest(name, options.get_all_options())
        raise ConfigurationError(
            f'--runner_option {name}: {runner} has no job server and knows no such option{question}'
        )


def spell_options(beam_options: Sequence[str]) -> tuple[str, ...]:
    """Beam's flags, those that only the job server knows checked by it and written as Beam reads them.

    Without the address of a job server they stay as they are: there is none, or Beam starts it later.

    Raises:
        ConfigurationError: the job server does not know an option, its value is of another type, or it does not answer.
    """
    options = PipelineOptions(list(beam_options))
    server = options.view_as(PortableOptions)
    foreign = _find_foreign(options)
    if not foreign or server.job_endpoint in (None, 'embed'):
        return tuple(beam_options)
    known = _describe_options(server.job_endpoint, server.job_server_timeout)
    spelled = (_spell(flag, known) if _name(flag) in foreign else flag for flag in beam_options)
    return tuple(flag for flag in spelled if flag)


def _find_foreign(options: PipelineOptions) -> Collection[str]:
    """The names that Beam's Python does not know."""
    return options.get_all_options(retain_unknown_options=True).keys() - options.get_all_options().keys()


def _describe_options(endpoint: str, timeout_s: float) -> Mapping[str, Any]:
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        try:
            answer = service.DescribePipelineOptions(request, timeout=timeout_s, wait_for_ready=True)
        except grpc.RpcError as error:
            raise ConfigurationError(
                f'the job server at {endpoint} can not be asked for its options: {error.details()}; start it first, or '
                'leave out --runner_option'
            ) from error
    return {option.name: option for option in answer.options}


def _spell(flag: str, known: Mapping[str, Any]) -> str:
    """A flag as Beam reads it; empty for a switch that is as it would be anyway."""
    name, _, value = flag.removeprefix('--').partition('=')
    if name not in known:
        raise ConfigurationError(f'--runner_option {name}: the job server knows no such option{_suggest(name, known)}')
    option = known[name]
    if option.type == _TYPES.INTEGER and not value.lstrip('-').isdecimal():
        raise ConfigurationError(f'--runner_option {name} must be a whole number, got {value!r}')
    if option.type != _TYPES.BOOLEAN:
        return flag
    if value not in ('true', 'false'):
        raise ConfigurationError(f'--runner_option {name} must be true or false, got {value!r}')
    # Its flag alone, without a value, turns what it is by default into the contrary.
    is_default = value == (option.default_value or 'false')
    return '' if is_default else f'--{name}'


def _suggest(name: str, known: Iterable[str]) -> str:
    similar = difflib.get_close_matches(name, list(known), 1)
    return f'; is {similar[0]} meant?' if similar else ''


def _name(flag: str) -> str:
    return flag.removeprefix('--').partition('=')[0]
