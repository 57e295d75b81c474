"""Flags and environment: what they become, and how what is wrong with them is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.command_line import JobConfig, example_input, parse_args
from beam_image_edit.pipeline.flags import DEFAULT_CACHE_PATH, make_parser
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import Parameters, RowFields


def test_defaults():
    assert parse_args([], {}) == JobConfig(
        input=example_input(), editor=EditorConfig(api_format='gemini', cache_path=DEFAULT_CACHE_PATH)
    )


def test_default_models():
    assert parse_args([], {}).editor.model == 'gemini-3-pro-image'
    assert parse_args(['--api_format=openai'], {}).editor.model == 'gpt-image-2.5-flare'


def test_every_kind_of_flag():
    flags = (
        '--api_format openai --model_name any-model --batch_size 8 --first_entry_file_name rows.jsonl --cache_path out '
        '--input_image_key pictures --input_conversation_key talk --output_image_key results --max_in_flight 32 '
        '--max_attempts 2 --connect_timeout_s 3 --read_timeout_s 4.5 --log_level DEBUG --n 2 --size 1024x1024 '
        '--in_doubt skip --api_key file:key --shared_cache_path --runner PrismRunner --direct_num_workers 2 '
        '--runner_option restart=fixed'
    )
    assert parse_args(
        [*flags.split(), '--storage_options={"s3": {"anon": true}}'], {'DF_BASE_URL': ' http://localhost:1/v1/ '}
    ) == JobConfig(
        input='rows.jsonl',
        editor=EditorConfig(
            api_format='openai',
            model_name='any-model',
            cache_path='out',
            base_url='http://localhost:1/v1/',
            max_in_flight=32,
            connect_timeout_s=3.0,
            read_timeout_s=4.5,
            retry_policy=RetryPolicy(max_attempts=2),
            fields=RowFields('pictures', 'talk', 'results'),
            parameters=Parameters(n=2, size='1024x1024'),
            is_retrying_in_doubt=False,
            api_key='file:key',
            storage_options={'s3': {'anon': True}},
        ),
        batch_size=8,
        runner='PrismRunner',
        beam_options=('--direct_num_workers', '2', '--restart=fixed'),
        log_level='DEBUG',
        is_cache_path_shared=True,
    )


def test_later_flag_overrides_an_earlier_one():
    config = parse_args(['--cache_path=here', '--output=there', '--n=1', '--n=2', '--input=a', '--input='], {})
    assert (config.editor.cache_path, config.editor.parameters.n, config.input) == ('there', 2, example_input())


def test_short_names_of_input_and_output():
    config = parse_args(['--input=rows.jsonl', '--output=there'], {})
    assert (config.input, config.editor.cache_path) == ('rows.jsonl', 'there')


@pytest.mark.parametrize(
    ('flags', 'words'),
    [
        (['--nonsense'], '--nonsense'),
        (['stray'], 'stray'),
        (['--batch_siz=2'], '--batch_siz'),
        (['--batch_size=0'], 'must be a whole number >= 1'),
        (['--batch_size=x'], "got 'x'"),
        (['--max_in_flight=-1'], '--max_in_flight'),
        (['--n=11'], '1 to 10'),
        (['--read_timeout_s=0'], 'seconds > 0'),
        (['--read_timeout_s=nan'], 'seconds > 0'),
        (['--api_format=dream'], 'dream'),
        (['--extra_body=[1]'], 'JSON object'),
        (['--extra_body={'], 'JSON object'),
        (['--cache_path='], 'must not be empty'),
        (['--input=a.jsonl', '--first_entry_file_name=b.jsonl'], 'is given twice; a glob'),
        (['--runner_option=x'], 'NAME=VALUE'),
        (['--runner_option=parallelism=x'], 'argument --parallelism: invalid int value'),
        (['--runner=DaskRunner'], 'DaskRunner loses rows'),
        (['--runner=NoSuchRunner'], 'NoSuchRunner'),
        (['--input=/no/such/file.jsonl'], '/no/such/file.jsonl'),
        (['--input=nosuch://x/y.jsonl'], 'nosuch'),
        (['--cache_path=/proc/nowhere'], '/proc/nowhere'),
        (['--cache_path=nosuch://x'], 'nosuch'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(flags, words, capsys, monkeypatch):
    monkeypatch.setenv('DF_API_KEY', 'any')
    with pytest.raises(SystemExit) as ended:
        main(flags)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ('flag', 'advice'),
    [
        ('--dryrun', 'did you mean --dry_run?'),
        ('--dry-run', 'did you mean --dry_run?'),
        ('--image=x', 'did you mean --images?'),
        ('--job_endpont=x', 'did you mean --job_endpoint?'),
        ('--checkpoint_interval=1', 'options that only a remote job server knows go through --runner_option'),
    ],
)
def test_unknown_flag_is_told_which_one_may_be_meant(flag, advice, capsys):
    with pytest.raises(SystemExit):
        parse_args([flag], {})
    assert f'unknown flag {flag.partition("=")[0]}; {advice}' in capsys.readouterr().err


@pytest.mark.parametrize('key', [None, '', '  \n'])
def test_missing_key_is_a_usage_error_that_names_it(key, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv('DF_API_KEY', raising=False)
    if key is not None:
        monkeypatch.setenv('DF_API_KEY', key)
    with pytest.raises(SystemExit) as ended:
        main([f'--cache_path={tmp_path / "out"}'])
    assert ended.value.code == 2
    assert 'DF_API_KEY' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('flags', [['--api_key=sk-hidden'], ['--api_key', 'env:sk-hidden'], ['--api_kye=sk-hidden']])
def test_key_in_place_of_a_reference_is_refused_and_not_shown(flags, capsys):
    with pytest.raises(SystemExit) as ended:
        main(flags)
    error = capsys.readouterr().err
    assert (ended.value.code, len(error.splitlines())) == (2, 1)
    assert '--api_kye' in error if 'kye' in flags[0] else 'env:DF_API_KEY' in error
    assert 'hidden' not in error


def test_storage_options_that_hold_a_secret_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['--storage_options={"s3": {"secret": "hidden"}}'])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert 's3.secret' in error
    assert 'hidden' not in error


@pytest.mark.parametrize(
    'base_url', ['ftp://x', 'localhost:80', 'http://', 'https://user:pw@host', 'https://h/v1?key=x']
)
def test_unusable_base_url_is_a_usage_error(base_url, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_args([], {'DF_BASE_URL': base_url})
    assert ended.value.code == 2
    assert 'base URL' in capsys.readouterr().err


def test_help_names_every_promise(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_args(['--help'], {})
    text = ' '.join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for word in (
        'DF_API_KEY',
        'DF_BASE_URL',
        'Exit codes',
        '--first_entry_file_name',
        'default: 16',
        'never bought again',
    ):
        assert word in text


def test_module_runs_as_a_program():
    result = subprocess.run(
        [sys.executable, '-m', 'beam_image_edit.pipeline', '--nonsense'], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count('\n') == 1


def test_retired_model_gets_one_warning_that_names_the_successor(edit, capfd):
    # On a server that still has the model.
    run = edit([{'images': 'square.png', 'conversations': ['Blur it']}], '--api_format=openai', '--model_name=dall-e-2')
    warnings = [line for line in capfd.readouterr().err.splitlines() if 'WARNING' in line]
    assert run.code == 0
    assert len(warnings) == 1
    assert 'gpt-image-2.5-flare' in warnings[0]


def test_page_on_flags_has_every_flag():
    page = (Path(__file__).parent.parent / 'docs' / 'flags.md').read_text(encoding='utf-8')
    flags = {flag for action in make_parser()._actions for flag in action.option_strings if flag.startswith('--')}
    assert [flag for flag in sorted(flags - {'--help', '--version'}) if f'`{flag}`' not in page] == []


@pytest.mark.parametrize('name', ['edit', 'images', 'conversations', 'id'])
def test_result_field_must_have_a_name_of_its_own(name, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_args([f'--output_image_key={name}'], {})
    assert ended.value.code == 2
    assert name in capsys.readouterr().err


def test_flags_of_the_other_format_are_warned_of(edit, capfd):
    edit([{'images': 'a.png', 'conversations': ['Blur it']}], '--size=1024x1024')
    assert '--size: the gemini format has no such parameter' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('word', 'shown'), [('b.jpg', "'b.jpg'"), ('AIzaSyA-a-key-of-many-letters-0123456789', 'a word')]
)
def test_word_that_belongs_to_no_flag_is_told_unless_it_may_be_a_key(capsys, word, shown):
    with pytest.raises(SystemExit) as end:
        parse_args(['--images', 'a.jpg', word], {'DF_API_KEY': 'any'})
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f'beam-image-edit: {shown} belongs to no flag; a glob')
