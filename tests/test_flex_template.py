"""The template for Dataflow: its parameters are the command's flags, and take what these take."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.flags import make_parser

ROOT = Path(__file__).parent.parent
PARAMETERS = {
    parameter['name']: parameter
    for parameter in json.loads((ROOT / 'dataflow' / 'metadata.json').read_text())['parameters']
}
# Dataflow is the runner, and nobody sits before it.
NO_PARAMETERS = {'help', 'version', 'runner', 'runner_option'}
NO_PARAMETERS |= {'images', 'instruction', 'dry_run', 'expected_latency_s', 'progress', 'report'}
REQUIRED = {'input', 'cache_path', 'api_key', 'sdk_container_image'}
# Anything would do for the command, but on a worker only what other machines reach.
URLS_ONLY = {'input', 'cache_path'}
JSON = {'storage_options', 'extra_body'}
VALUES = (
    *(
        '0',
        '1',
        '4',
        '10',
        '11',
        '99',
        '100',
        '101',
        '1000',
        '007',
        '-1',
        '+1',
        '0.5',
        '.5',
        '1.0',
        '1.5',
        '0.04',
        '1e3',
    ),
    *(
        '',
        ' ',
        'x',
        'nan',
        'true',
        'false',
        'True',
        'yes',
        'gemini',
        'openai',
        'retry',
        'skip',
        'DEBUG',
        'INFO',
        'webdataset',
        'debug',
    ),
    *('refused', 'no_image', 'refused,no_image', 'no_image,refused', 'refused,', 'edited', '16:9', '2K', '1024x1024'),
    *('env:KEY', 'env:', 'env:a-b', 'file:gs://b/key', 'file:', 'gcp-secret:projects/p/secrets/s/versions/1'),
    *('gcp-secret:x', 'sk-12345', 'host:9', 'host', 'gs://bucket/a', '{}', '{"s3": {"anon": true}}', '[]', '{'),
)


def flags():
    """Each flag's names."""
    for action in make_parser()._actions:
        names = {option.removeprefix('--') for option in action.option_strings if option.startswith('--')}
        if not names & NO_PARAMETERS:
            yield names


def is_taken_by_command(name, value):
    """Whether the command runs with a value; other flags that it needs then are given too."""
    try:
        parse_args([f'--{name}={value}', *(['--price_per_image=1'] if name == 'max_cost_usd' else [])], {})
    except SystemExit:
        return False
    return True


def is_taken_by_template(name, value):
    # As Dataflow does: a parameter that is left empty is not passed on.
    return all(re.fullmatch(regex, value) for regex in PARAMETERS[name]['regexes'])


def test_parameters_are_the_flags():
    named = [sorted(names & PARAMETERS.keys()) for names in flags()]
    assert [len(names) for names in named] == [1] * len(named)
    assert {name for names in named for name in names} == PARAMETERS.keys() - {'sdk_container_image'}


def test_parameters_are_told_in_full():
    for parameter in PARAMETERS.values():
        assert parameter.keys() == {'name', 'label', 'helpText', 'isOptional', 'regexes'}
        assert all(parameter[text] for text in ('label', 'helpText', 'regexes'))
    assert {name for name, parameter in PARAMETERS.items() if not parameter['isOptional']} == REQUIRED


@pytest.mark.parametrize('name', sorted(PARAMETERS.keys() - URLS_ONLY - JSON - {'sdk_container_image'}))
def test_template_takes_what_the_command_takes(name):
    taken = {value: (is_taken_by_template(name, value), is_taken_by_command(name, value)) for value in VALUES}
    only_template = [value for value, (template, command) in taken.items() if template and not command]
    only_command = [value for value, (template, command) in taken.items() if command and not template]
    assert only_template == []
    # Odd spellings, which nobody needs in a form.
    assert set(only_command) <= {'007', '+1', '1e3', 'True', '1.5'}


@pytest.mark.parametrize('name', sorted(JSON))
def test_template_takes_the_json_that_the_command_takes(name):
    taken = {value for value in VALUES if is_taken_by_command(name, value)}
    assert taken
    assert all(is_taken_by_template(name, value) for value in taken)


@pytest.mark.parametrize('name', sorted(URLS_ONLY))
def test_template_takes_urls_and_no_local_paths(name):
    assert is_taken_by_template(name, 'gs://bucket/a')
    assert not is_taken_by_template(name, '/home/me/a')
    assert not is_taken_by_template(name, 'out')


def test_image_has_one_version_of_beam_and_of_python_and_an_extra_that_exists():
    dockerfile = (ROOT / 'dataflow' / 'Dockerfile').read_text()
    assert len(set(re.findall(r'(?:sdk:|apache-beam==)([\d.]+)', dockerfile))) == 1
    assert {version.replace('.', '') for version in re.findall(r'python(3\.?\d+)', dockerfile)} == {'311'}
    extras = re.search(r"'\.\[(.*?)\]'", dockerfile)[1].split(',')
    assert set(extras) <= set(tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['optional-dependencies'])


def test_image_holds_all_that_it_copies():
    for line in re.findall(r'^COPY (?!--from)(.*)$', (ROOT / 'dataflow' / 'Dockerfile').read_text(), re.MULTILINE):
        *sources, _ = line.split()
        assert [source for source in sources if not (ROOT / source).exists()] == []
