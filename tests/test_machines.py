"""Over how many machines a job's limits are divided."""

import pytest

from beam_image_edit.pipeline.machines import count_machines
from beam_image_edit.transforms.errors import ConfigurationError

CLUSTER = '--environment_type=EXTERNAL'


@pytest.mark.parametrize(
    ('runner', 'options', 'machines'),
    [
        ('FnApiRunner', [], 1),
        ('direct', ['--direct_num_workers=8'], 1),
        ('prism', [], 1),
        ('DirectRunner', ['--direct_num_workers=8'], 1),
        ('apache_beam.runners.portability.fn_api_runner.FnApiRunner', [], 1),
        ('DataflowRunner', ['--max_num_workers=7'], 7),
        ('DataflowRunner', ['--num_workers=3', '--max_num_workers=7'], 7),
        ('DataflowRunner', ['--num_workers=3'], 3),
        ('FlinkRunner', ['--parallelism=4', CLUSTER], 4),
        ('FlinkRunner', ['--parallelism=4', '--max_num_workers=2', CLUSTER], 2),
        ('FlinkRunner', ['--parallelism=4', '--flink_master=[local]'], 1),
        ('SparkRunner', ['--spark_master_url=local[4]'], 1),
        ('FlinkRunner', ['--parallelism=4', '--flink_master=flink:8081', '--environment_type=LOOPBACK'], 1),
    ],
)
def test_machines_are_those_of_the_runners_options(runner, options, machines):
    assert count_machines(runner, options) == machines


@pytest.mark.parametrize('options', [[], ['--parallelism=-1'], ['--direct_num_workers=3']])
def test_unknown_number_of_machines_is_refused(options):
    with pytest.raises(ConfigurationError, match='max_num_workers'):
        count_machines('FlinkRunner', [*options, CLUSTER])


REMOTE = ['--runner=PortableRunner', '--job_endpoint=127.0.0.1:9', '--job_server_timeout=1', '--parallelism=4']
REMOTE += ['--shared_cache_path']


@pytest.mark.parametrize(
    ('flags', 'line'),
    [
        (['--requests_per_minute=600'], 'limits: requests 600/min over 1 worker: 600 each'),
        (['--requests_per_minute=600', *REMOTE], 'limits: requests 600/min over 4 workers: 150 each'),
        ([], 'limits: none told; they are found out'),
    ],
    ids=['local', 'four workers', 'none'],
)
def test_job_logs_at_its_start_how_limits_are_divided(edit, capfd, flags, line):
    edit([{'images': 'a.png', 'conversations': ['Blur it']}], *flags)
    assert line in capfd.readouterr().err
