"""Options that only a job server knows, as the real ones of Flink and Spark take them."""

import pytest

from beam_image_edit.pipeline.job_server import spell_options
from beam_image_edit.transforms.errors import ConfigurationError
from tests.engines.engines import start_flink_job_server
from tests.engines.processes import Processes
from tests.engines.spark import spark_job_server


@pytest.fixture(scope='module')
def endpoints(tmp_path_factory):
    with Processes(tmp_path_factory.mktemp('job-servers')) as processes:
        yield {
            'flink': f'--job_endpoint=localhost:{start_flink_job_server(processes, "[local]")}',
            'spark': f'--job_endpoint=localhost:{spark_job_server(processes, "local[1]")}',
        }


@pytest.mark.parametrize(
    ('engine', 'option', 'spelled'),
    [
        ('flink', '--max_bundle_size=160', ['--max_bundle_size=160']),
        ('flink', '--object_reuse=true', ['--object_reuse']),
        ('flink', '--fail_on_checkpointing_errors=false', ['--fail_on_checkpointing_errors']),
        ('flink', '--fail_on_checkpointing_errors=true', []),
        ('spark', '--files_to_stage=job-server.jar', ['--files_to_stage=job-server.jar']),
        ('spark', '--cache_disabled=true', ['--cache_disabled']),
    ],
)
def test_job_server_knows_its_options(endpoints, engine, option, spelled):
    assert spell_options([endpoints[engine], option]) == (endpoints[engine], *spelled)


@pytest.mark.parametrize(
    ('engine', 'option', 'words'),
    [
        ('flink', '--max_bundel_size=160', r'knows no such option; is max_bundle_size meant\?'),
        ('flink', '--number_of_execution_retries=many', "must be a whole number, got 'many'"),
        ('spark', '--max_bundle_size=160', 'knows no such option'),
        ('spark', '--cache_disabled=yes', "must be true or false, got 'yes'"),
    ],
)
def test_job_server_does_not_know_others(endpoints, engine, option, words):
    with pytest.raises(ConfigurationError, match=words):
        spell_options([endpoints[engine], option])
