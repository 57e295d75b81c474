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
# The package is not installed where it is tested before it is.
PROGRAM = 'beam-image-edit() { python -m beam_image_edit.pipeline "$@"; }\n'


class Reader:
    """Somebody at a shell who types what is on the page.

    Attributes:
        places: what is typed in place of the page's hosts, ports and folders.
    """

    def __init__(self, processes, section):
        self._processes = processes
        [text] = re.findall(rf'^## {section}\n(.*?)(?=^## |\Z)', PAGE.read_text(), re.DOTALL | re.MULTILINE)
        self._blocks = re.findall(r'^```sh\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
        self.places = {'8099': str(free_port()), '50000': str(free_port()), '/shared': str(processes.folder)}

    def start(self, words, port):
        """Starts what the block with these words starts, and waits until it listens at one of the page's ports."""
        process = self._type(words)
        self._processes.wait_for_port(process, int(self.places[port]), words)

    def run(self, words):
        """Runs the block with these words to its end."""
        assert self._type(words).wait(LIMIT_S) == 0, self._processes.last_words(words)

    def _type(self, words):
        [block] = [block for block in self._blocks if words in block]
        for written, place in self.places.items():
            block = block.replace(written, place)
        return self._processes.start(words, 'bash', '-ec', PROGRAM + block)


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
def processes(api, store, tmp_path):
    """Processes in an environment with the store, its credentials, and the package's Python."""
    (tmp_path / '.venv').symlink_to(sys.prefix)
    environment = {
        'AWS_ENDPOINT_URL': store.endpoint_url,
        'AWS_ACCESS_KEY_ID': 'any',
        'AWS_SECRET_ACCESS_KEY': 'any',
        'DF_BASE_URL': api.url,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
    }
    with Processes(tmp_path, environment) as running:
        yield running


def assert_all_is_edited(store, api):
    summary = json.loads(store.cat_file('shop/edited/summary.json'))
    assert summary['rows']['edited'] == api.count == ROWS
    assert len(store.glob('shop/edited/sample_*/*.jpg')) == ROWS


def test_flink_cluster(processes, store, api):
    cluster = FlinkCluster(processes, task_managers=1)
    reader = Reader(processes, 'Flink')
    reader.places |= {'job-server.jar': str(job_server('flink')), 'jobmanager:8081': cluster.master, '=…': f'={KEY}'}
    reader.start('worker_pool_main', '50000')
    reader.start('java -jar', '8099')
    cluster.wait()
    reader.run('--job_endpoint')
    assert_all_is_edited(store, api)


def test_spark_cluster(processes, store, api):
    cluster = SparkCluster(processes, workers=1)
    cluster.wait()
    pool, reader = Reader(processes, 'Flink'), Reader(processes, 'Spark')
    pool.places['=…'] = f'={KEY}'
    reader.places |= {
        '50000': pool.places['50000'],
        'job-server.jar': str(job_server('spark')),
        '/opt/spark': str(spark_home()),
        'spark://master:7077': cluster.master,
    }
    pool.start('worker_pool_main', '50000')
    reader.start('java ', '8099')
    reader.run('--job_endpoint')
    assert_all_is_edited(store, api)


@pytest.fixture
def key_here(monkeypatch):
    monkeypatch.setenv('DF_API_KEY', KEY)


@pytest.fixture
def reader_here(key_here, processes):
    """A reader of a section whose engine runs here, with the key in the program's environment."""

    def read(section):
        reader = Reader(processes, section)
        reader.places |= {'rows.jsonl': 's3://shop/rows.jsonl', ' edited': ' s3://shop/edited'}
        return reader

    return read


def test_flink_without_a_cluster(reader_here, store, api):
    reader = reader_here('Flink')
    reader.places['job-server.jar'] = str(job_server('flink'))
    reader.run('[local]')
    assert_all_is_edited(store, api)


def test_prism(reader_here, store, api):
    reader = reader_here('Prism')
    # What this line makes was made by the same command before.
    reader.places[f'GOBIN=$PWD go install github.com/apache/beam/sdks/v2/go/cmd/prism@{PRISM}'] = f'cp {prism()} .'
    reader.run('--prism_location')
    assert_all_is_edited(store, api)
