"""Options that only the job server knows: checked by it before the job starts, and written as Beam reads them."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.job_server import check_options, spell_options
from beam_image_edit.transforms.errors import ConfigurationError

TYPES = beam_job_api_pb2.PipelineOptionType
OPTIONS = {
    'max_bundle_size': (TYPES.INTEGER, '0'),
    'checkpointing_mode': (TYPES.STRING, 'EXACTLY_ONCE'),
    'object_reuse': (TYPES.BOOLEAN, 'false'),
    'fail_on_errors': (TYPES.BOOLEAN, 'true'),
    'files_to_stage': (TYPES.ARRAY, ''),
}


class JobService(beam_job_api_pb2_grpc.JobServiceServicer):
    def DescribePipelineOptions(self, request, context):  # noqa: N802 - the name of the call
        described = (
            beam_job_api_pb2.PipelineOptionDescriptor(name=name, type=kind, default_value=default)
            for name, (kind, default) in OPTIONS.items()
        )
        return beam_job_api_pb2.DescribePipelineOptionsResponse(options=described)


@pytest.fixture(scope='module')
def endpoint():
    with ThreadPoolExecutor() as threads:
        server = grpc.server(threads)
        beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(JobService(), server)
        port = server.add_insecure_port('127.0.0.1:0')
        server.start()
        yield f'--job_endpoint=127.0.0.1:{port}'
        server.stop(None).wait()


@pytest.mark.parametrize(
    ('option', 'spelled'),
    [
        ('--max_bundle_size=160', ['--max_bundle_size=160']),
        ('--max_bundle_size=-1', ['--max_bundle_size=-1']),
        ('--checkpointing_mode=true', ['--checkpointing_mode=true']),
        ('--files_to_stage=a.jar', ['--files_to_stage=a.jar']),
        ('--object_reuse=true', ['--object_reuse']),
        ('--object_reuse=false', []),
        ('--fail_on_errors=true', []),
        ('--fail_on_errors=false', ['--fail_on_errors']),
    ],
)
def test_option_that_the_job_server_knows_is_written_as_beam_reads_it(endpoint, option, spelled):
    others = (endpoint, '--parallelism', '2', '--streaming')
    assert spell_options([*others, option]) == (*others, *spelled)


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('--max_bundel_size=1', r'max_bundel_size: the job server knows no such option; is max_bundle_size meant\?'),
        ('--nothing_like_it=1', 'nothing_like_it: the job server knows no such option$'),
        ('--max_bundle_size=many', "max_bundle_size must be a whole number, got 'many'"),
        ('--object_reuse=ja', "object_reuse must be true or false, got 'ja'"),
    ],
)
def test_option_that_it_would_not_take_is_refused(endpoint, option, words):
    with pytest.raises(ConfigurationError, match=f'--runner_option {words}'):
        spell_options([endpoint, option])


@pytest.mark.parametrize('flags', [[], ['--job_endpoint=embed']])
def test_where_no_job_server_can_be_asked_options_stay_as_they_are(flags):
    assert spell_options([*flags, '--any=true']) == (*flags, '--any=true')


def test_job_server_is_not_asked_for_what_beam_knows():
    nobody = ('--job_endpoint=127.0.0.1:9', '--parallelism=2')
    assert spell_options(nobody) == nobody


def test_command_says_so_in_one_line_before_anything_starts(endpoint, capsys, tmp_path):
    job = ['--runner=flink', endpoint, '--environment_type=LOOPBACK', f'--cache_path={tmp_path}/out']
    with pytest.raises(SystemExit) as ended:
        main([*job, '--runner_option=max_bundel_size=1'])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert '--runner_option max_bundel_size' in line
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('runner', 'option', 'words'),
    [
        ('FnApiRunner', '--nothing_like_it=1', 'nothing_like_it: FnApiRunner has no job server .* option$'),
        ('fnapi', '--direct_num_worker=2', r'direct_num_worker: fnapi .*; is direct_num_workers meant\?'),
        ('BundleBasedDirectRunner', '--nothing_like_it=1', 'nothing_like_it'),
    ],
)
def test_option_that_nobody_knows_is_refused_where_there_is_no_job_server(runner, option, words):
    with pytest.raises(ConfigurationError, match=f'--runner_option {words}'):
        check_options(runner, ['--direct_num_workers', '2', option])


@pytest.mark.parametrize(
    ('runner', 'option'),
    [('FnApiRunner', '--direct_running_mode=in_memory'), ('FlinkRunner', '--any=1'), ('DirectRunner', '--any=1')],
)
def test_option_that_somebody_may_know_is_not_refused(runner, option):
    check_options(runner, [option])


def test_job_that_nobody_would_run_as_told_is_a_usage_error(capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(['--runner_option=any=1', '--dry_run', f'--cache_path={tmp_path}/out'])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert '--runner_option any: FnApiRunner has no job server' in line
    assert not (tmp_path / 'out').exists()


def test_job_server_that_does_not_answer_is_told_of():
    with pytest.raises(ConfigurationError, match=r'127\.0\.0\.1:9 can not be asked .*start it first'):
        spell_options(['--job_endpoint=127.0.0.1:9', '--job_server_timeout=1', '--any=1'])
