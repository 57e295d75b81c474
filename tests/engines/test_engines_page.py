"""`docs/engines.md`, followed: its commands as they stand, but for hosts and folders, with rows and results on S3.

A cluster here has one TaskManager or one Spark worker, since the page's worker pool is meant for one.
"""

import json
import os
import re
import sys
from pathlib import Path

import fsspec
import pytest

from beam_image_edit.pipeline.emulator import Emulator
from tests.engines.engines import KEY
from tests.engines.flink import FlinkCluster
from tests.engines.packages import PRISM, job_server, prism, spark_home
from tests.engines.processes import Processes, free_port
from tests.engines.rows import write_plain_rows
from tests.engines.spark import SparkCluster
from tests.store_servers import running_s3

PAGE = Path(__file__).parents[2] / 'docs' / 'engines.md'
ROWS = 12
LIMIT_S = 500


class Reader:
    """Somebody at a shell who types what is on the page, in an environment where nothing of the job's is set.

    Attributes:
        places: what is typed in place of the page's hosts, ports, folders and secrets.
    """

    def __init__(self, processes, program):
        self._processes = processes
        self._program = program
        self.places = {'8099': str(free_port()), '50000': str(free_port()), '/shared': str(processes.folder)}
        # Of the API; the store takes any.
        self.places['=…'] = f'={KEY}'
        # Where the page has the rows here, and the results.
        self.places |= {' rows.jsonl': ' s3://shop/rows.jsonl', ' edited': ' s3://shop/edited'}

    def start(self, section, words, port):
        """Starts what the block with these words starts, and waits until it listens at one of the page's ports."""
        process = self._type(section, words)
        self._processes.wait_for_port(process, int(self.places[port]), words)

    def run(self, section, words):
        """Runs the block with these words to its end."""
        assert self._type(section, words).wait(LIMIT_S) == 0, self._processes.last_words(words)

    def _type(self, section, words):
        [block] = [block for block in blocks_of(section) if words in block]
        for written, place in self.places.items():
            block = block.replace(written, place)
        return self._processes.start(words, 'bash', '-ec', f'{self._program}\n{block}')


def blocks_of(section):
    [text] = re.findall(rf'^## {section}\n(.*?)(?=^## |\Z)', PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return re.findall(r'^```sh\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def api():
    with Emulator(pixels='64x48', api_key=KEY) as running:
        yield running


@pytest.fixture
def store(tmp_path):
    """A server of S3 with the page's bucket and the rows in it, as a file system."""
    with running_s3() as url:
        files = fsspec.filesystem('s3', key='any', secret='any', endpoint_url=url, skip_instance_cache=True)
        files.mkdir('shop')
        rows = write_plain_rows(tmp_path, ROWS, files=1)
        files.put_file(rows.with_name('plain-0.jsonl'), 'shop/rows.jsonl')
        files.put_file(rows.with_name('plain.png'), 'shop/plain.png')
        yield files


@pytest.fixture
def read(api, store, tmp_path):
    """Makes a reader; the variables are those of the job's command, besides the store's."""
    (tmp_path / '.venv').symlink_to(sys.prefix)
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    with Processes(tmp_path, {'PATH': path}) as processes:

        def make(**variables):
            variables |= {'AWS_ACCESS_KEY_ID': 'any', 'AWS_SECRET_ACCESS_KEY': 'any', 'DF_BASE_URL': api.url}
            settings = ' '.join(f'{name}={value}' for name, value in variables.items())
            place = json.dumps({'s3': {'endpoint_url': store.endpoint_url}})
            command = f"""{settings} python -m beam_image_edit.pipeline "$@" --storage_options '{place}'"""
            return processes, Reader(processes, f'beam-image-edit() {{ {command}; }}')

        yield make


def test_all_commands_are_followed_here():
    assert (
        PAGE.read_text().count('```sh\n') == len([*blocks_of('Flink'), *blocks_of('Spark'), *blocks_of('Prism')]) == 7
    )


def assert_all_is_edited(store, api):
    summary = json.loads(store.cat_file('shop/edited/summary.json'))
    assert summary['rows']['edited'] == api.count == ROWS
    assert len(store.glob('shop/edited/sample_*/*.jpg')) == ROWS


def test_flink_cluster(read, store, api):
    processes, reader = read()
    cluster = FlinkCluster(processes, task_managers=1)
    reader.places |= {'job-server.jar': str(job_server('flink')), 'jobmanager:8081': cluster.master}
    reader.start('Flink', 'worker_pool_main', '50000')
    reader.start('Flink', 'java -jar', '8099')
    cluster.wait()
    reader.run('Flink', '--job_endpoint')
    assert_all_is_edited(store, api)


def test_spark_cluster(read, store, api):
    processes, reader = read()
    cluster = SparkCluster(processes, workers=1)
    cluster.wait()
    reader.places |= {
        'job-server.jar': str(job_server('spark')),
        '/opt/spark': str(spark_home()),
        'spark://master:7077': cluster.master,
    }
    reader.start('Flink', 'worker_pool_main', '50000')
    reader.start('Spark', 'java ', '8099')
    reader.run('Spark', '--job_endpoint')
    assert_all_is_edited(store, api)


def test_flink_without_a_cluster(read, store, api):
    _, reader = read(DF_API_KEY=KEY)
    reader.places['job-server.jar'] = str(job_server('flink'))
    reader.run('Flink', '[local]')
    assert_all_is_edited(store, api)


def test_prism(read, store, api):
    _, reader = read(DF_API_KEY=KEY)
    # What this line makes was made by the same command before.
    reader.places[f'GOBIN=$PWD go install github.com/apache/beam/sdks/v2/go/cmd/prism@{PRISM}'] = f'cp {prism()} .'
    reader.run('Prism', '--prism_location')
    assert_all_is_edited(store, api)
