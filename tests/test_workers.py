"""What a job's workers share with the command that starts it."""

import pytest

from beam_image_edit.pipeline.workers import CHILDREN, NEIGHBOURS, STRANGERS, THREADS, find_workers


@pytest.mark.parametrize(
    ('runner', 'options', 'workers'),
    [
        ('FnApiRunner', [], THREADS),
        (
            'apache_beam.runners.portability.fn_api_runner.FnApiRunner',
            ['--direct_running_mode=multi_threading'],
            THREADS,
        ),
        ('FnApiRunner', ['--direct_running_mode=multi_processing'], CHILDREN),
        ('fnapi', ['--direct_running_mode=multi_processing'], CHILDREN),
        ('BundleBasedDirectRunner', [], THREADS),
        ('direct', [], THREADS),
        ('PrismRunner', [], THREADS),
        ('prism', [], THREADS),
        ('PrismRunner', ['--environment_type=DOCKER'], STRANGERS),
        ('FlinkRunner', [], THREADS),
        ('FlinkRunner', ['--flink_master=[local]'], THREADS),
        ('Flink', ['--flink_master=[local]'], THREADS),
        ('FlinkRunner', ['--flink_master=http://127.0.0.1:8081'], STRANGERS),
        ('FlinkRunner', ['--flink_master=flink:8081', '--environment_type=LOOPBACK'], THREADS),
        ('SparkRunner', [], THREADS),
        ('SparkRunner', ['--spark_master_url=local'], THREADS),
        ('spark', ['--spark_master_url=local[2]'], THREADS),
        ('SparkRunner', ['--spark_master_url=spark://127.0.0.1:7077'], STRANGERS),
        ('PortableRunner', ['--job_endpoint=localhost:1'], STRANGERS),
        ('PortableRunner', ['--environment_type=LOOPBACK', '--experiments=use_loopback_process_worker'], CHILDREN),
        ('PortableRunner', ['--environment_type=EXTERNAL', '--environment_config=localhost:50000'], NEIGHBOURS),
        ('PortableRunner', ['--environment_type=EXTERNAL', '--environment_config=[::1]:50000'], NEIGHBOURS),
        ('PortableRunner', ['--environment_type=EXTERNAL', '--environment_config=pool:50000'], STRANGERS),
        ('PortableRunner', ['--environment_type=PROCESS', '--environment_config={}'], STRANGERS),
        ('DataflowRunner', ['--num_workers=1'], STRANGERS),
    ],
)
def test_workers_share_what_the_runners_options_say(runner, options, workers):
    assert find_workers(runner, options) == workers
