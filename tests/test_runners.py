"""Which runners are refused."""

import pytest

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.runners import check_runner

REFUSED = ['DaskRunner', 'daskrunner', 'apache_beam.runners.dask.dask_runner.DaskRunner', 'ours.MyDaskRunner']


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
