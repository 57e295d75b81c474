"""What is refused before a job starts because of where its workers would be."""

import pytest

from beam_image_edit.pipeline.checks import check_job
from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.transforms.errors import ConfigurationError

CONTAINERS = '--runner=PortableRunner'
PROCESSES = '--direct_running_mode=multi_processing'
POOL = (CONTAINERS, '--environment_type=EXTERNAL', '--environment_config=localhost:50000')


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.setenv('DF_API_KEY', 'any')
    (tmp_path / 'rows.jsonl').write_text('')
    return tmp_path / 'rows.jsonl'


@pytest.mark.parametrize('local', ['{}', 'file://{}'])
def test_local_paths_are_refused_where_workers_have_other_disks(rows, local):
    out = local.format(rows.parent / 'out')
    with pytest.raises(ConfigurationError, match=r'--input .*--shared_cache_path'):
        check_job(parse_args([f'--input={local.format(rows)}', '--cache_path=memory://out', CONTAINERS]))
    with pytest.raises(ConfigurationError, match=r'--cache_path .*--shared_cache_path'):
        check_job(parse_args(['--input=s3://bucket/rows.jsonl', f'--cache_path={out}', CONTAINERS]))
    assert not (rows.parent / 'out').exists()


def test_local_paths_are_taken_if_they_are_said_to_be_shared(rows):
    check_job(parse_args([f'--input={rows}', f'--cache_path={rows.parent}/out', CONTAINERS, '--shared_cache_path']))


@pytest.mark.parametrize('flags', [(), (PROCESSES,), POOL], ids=['threads', 'processes', 'pool'])
def test_local_paths_are_taken_where_workers_are_on_this_machine(rows, flags):
    check_job(parse_args([f'--input={rows}', f'--cache_path={rows.parent}/out', *flags]))


@pytest.mark.parametrize(
    ('flag', 'place'), [('--input', 'rows.jsonl'), ('--cache_path', './out'), ('--cache_path', '~/out')]
)
def test_paths_that_begin_at_the_current_folder_are_refused_where_workers_have_another(rows, monkeypatch, flag, place):
    monkeypatch.chdir(rows.parent)
    places = {'--input': str(rows), '--cache_path': str(rows.parent / 'out'), flag: place}
    flags = [f'{name}={value}' for name, value in places.items()]
    for workers in (POOL, (CONTAINERS, '--shared_cache_path')):
        with pytest.raises(ConfigurationError, match=f'{flag} {place} .*give the whole path'):
            check_job(parse_args([*flags, *workers]))
    if not place.startswith('~'):
        check_job(parse_args([*flags, PROCESSES]))


@pytest.mark.parametrize('flags', [(PROCESSES,), POOL, (CONTAINERS, '--shared_cache_path')])
@pytest.mark.parametrize('flag', ['--input', '--cache_path'])
def test_memory_is_refused_where_workers_are_in_other_processes(rows, flags, flag):
    places = {'--input': str(rows), '--cache_path': str(rows.parent / 'out'), flag: 'memory://a/rows.jsonl'}
    with pytest.raises(ConfigurationError, match=f'{flag} memory://a/rows.jsonl is in the memory of this process'):
        check_job(parse_args([*(f'{name}={value}' for name, value in places.items()), *flags]))


def test_key_is_asked_for_where_workers_have_this_environment(rows, monkeypatch):
    flags = [f'--input={rows}', f'--cache_path={rows.parent}/out', '--api_key=env:OTHER_KEY']
    with pytest.raises(ConfigurationError, match='OTHER_KEY'):
        check_job(parse_args(flags))
    with pytest.raises(ConfigurationError, match='OTHER_KEY'):
        check_job(parse_args([*flags, PROCESSES]))
    check_job(parse_args([*flags, *POOL]))
    monkeypatch.setenv('OTHER_KEY', 'any')
    check_job(parse_args(flags))
