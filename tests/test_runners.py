"""By which names runners are known, and which of them are refused."""

import pytest
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.runner import create_runner

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.bundles import bundle_options
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.runners import check_runner, engine_name

REFUSED = ['DaskRunner', 'daskrunner', 'Dask', 'apache_beam.runners.dask.dask_runner.DaskRunner', 'ours.MyDaskRunner']


KNOWN = StandardOptions.KNOWN_RUNNER_NAMES


@pytest.mark.parametrize('path', StandardOptions.ALL_KNOWN_RUNNERS, ids=KNOWN)
def test_engine_has_one_name_whatever_it_is_called(path):
    name = path.rpartition('.')[2]
    short = name.removesuffix('Runner')
    assert {engine_name(other) for other in (path, name, name.lower(), short, short.upper())} == {name}


@pytest.mark.parametrize('name', ['FnApi', 'bundlebaseddirect', 'FLINK', 'sparkrunner', 'prism', 'portable'])
def test_beam_takes_the_same_names(name):
    assert type(create_runner(name)).__name__ == engine_name(name)


def test_runner_of_the_users_own_keeps_its_name():
    assert engine_name('ours.runners.NightRunner') == 'NightRunner'


@pytest.mark.parametrize('name', ['flink', 'FLINKRUNNER', 'apache_beam.runners.portability.flink_runner.FlinkRunner'])
def test_flink_gets_its_bundles_by_any_name(name):
    assert bundle_options(name, 16) == bundle_options('FlinkRunner', 16) != ()


@pytest.mark.parametrize('name', REFUSED)
def test_dask_is_refused_by_any_name(name):
    with pytest.raises(ConfigurationError, match='loses rows without a word: it drops'):
        check_runner(name)


@pytest.mark.parametrize('name', ['FnApiRunner', 'DataflowRunner', 'dask.FlinkRunner', 'daskrunner.SparkRunner'])
def test_others_are_not(name):
    check_runner(name)


@pytest.mark.parametrize('name', REFUSED)
def test_command_says_so_in_one_line(name, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv('DF_API_KEY', 'any')
    with pytest.raises(SystemExit) as ended:
        main([f'--runner={name}', f'--cache_path={tmp_path}'])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert f'{name} loses rows' in error
    assert len(error.splitlines()) == 1
