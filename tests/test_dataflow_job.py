"""The job for Dataflow, up to its submission: what is staged, and what the service is asked to run.

The command runs as its users run it, with a bucket on loopback; what would be sent to the service goes into a file.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from tests.store_servers import gcs_variables, running_gcs
from tests.unpacking import unpack
from tests.waiting import DEADLINE_S

pytest.importorskip('apache_beam.runners.dataflow.internal.apiclient', reason="needs pip install 'apache-beam[gcp]'")

ROOT = Path(__file__).parent.parent
KEY = 'sk-Pq7Zr2Wm9Xv4Tn8Ls3Kd6Hf'
REFERENCE = 'gcp-secret:projects/shop/secrets/editing/versions/3'
IMAGE = 'europe-docker.pkg.dev/shop/jobs/beam-image-edit:0.1.0'


@dataclass
class Submission:
    """What the command has left.

    Attributes:
        log: what it has printed.
        job: what it would have sent.
        staged: the files in the bucket, by their last names.
    """

    log: str
    job: dict
    staged: dict

    @property
    def pool(self):
        """The workers that are asked for."""
        [pool] = self.job['environment']['workerPools']
        return pool

    @property
    def graph(self):
        return beam_runner_api_pb2.Pipeline.FromString(self.staged['pipeline.pb']).components


def copy_sources(folder):
    """The project's sources, where the build may leave what it likes."""
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, folder)
    for name in ('pipeline', 'transforms'):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns('__pycache__'))


@pytest.fixture(scope='module')
def submission(tmp_path_factory):
    folder = tmp_path_factory.mktemp('dataflow')
    copy_sources(folder)
    with running_gcs() as url:
        for bucket in ('jobs', 'shop'):
            requests.post(f'{url}/storage/v1/b', json={'name': bucket}, timeout=30).raise_for_status()
        upload = f'{url}/upload/storage/v1/b/shop/o?uploadType=media&name=rows.jsonl'
        requests.post(upload, data=b'{"images": "a.png", "conversations": ["Blur it"]}', timeout=30).raise_for_status()
        ended = subprocess.run(
            [
                *(sys.executable, '-m', 'beam_image_edit.pipeline', '--runner=DataflowRunner'),
                *('--project=shop', '--region=europe-west1', '--temp_location=gs://jobs/temp', '--no_auth'),
                *(f'--setup_file={folder}/setup.py', f'--template_location={folder}/job.json'),
                *('--max_num_workers=4', '--number_of_worker_harness_threads=2', f'--sdk_container_image={IMAGE}'),
                *('--input=gs://shop/rows.jsonl', '--cache_path=gs://shop/edited', f'--api_key={REFERENCE}'),
            ],
            env={**os.environ, **gcs_variables(url), 'DF_API_KEY': KEY, 'PYTHONWARNINGS': 'ignore'},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert ended.returncode == 0, ended.stderr
        listed = requests.get(f'{url}/storage/v1/b/jobs/o', timeout=30).json()['items']
        staged = {
            entry['name'].rpartition('/')[2]: requests.get(entry['mediaLink'], timeout=30).content for entry in listed
        }
    return Submission(ended.stdout + ended.stderr, json.loads((folder / 'job.json').read_text()), staged)


def test_command_says_that_it_has_only_submitted(submission):
    assert 'is handed over' in submission.log
    assert 'gs://shop/edited/summary.json' in submission.log


def test_package_is_staged_whole(submission):
    with tarfile.open(fileobj=io.BytesIO(submission.staged['workflow.tar.gz'])) as archive:
        staged = {name.partition('/')[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(ROOT)) for name in ('pipeline', 'transforms') for path in (ROOT / name).rglob('*.py')
    }
    assert sources | {'setup.py', 'pyproject.toml', 'pipeline/examples/edits.jsonl'} <= staged
    names = [package['name'] for package in submission.pool['packages']]
    assert 'workflow.tar.gz' in names


def test_workers_and_threads_are_those_asked_for(submission):
    assert submission.pool['autoscalingSettings']['maxNumWorkers'] == 4
    assert submission.pool['numThreadsPerWorker'] == 2
    assert submission.pool['workerHarnessContainerImage'] == IMAGE
    assert 'use_runner_v2' in submission.job['environment']['experiments']


def test_rows_are_spread_over_the_workers_before_they_are_edited(submission):
    transforms = [one for one in submission.graph.transforms.values() if not one.subtransforms]
    makers = {output: one for one in transforms for output in one.outputs.values()}
    [one] = [one for one in transforms if one.unique_name.startswith('EditImages/Edit/')]
    # What runs in one piece with the edits, up to the shuffle before.
    while one.spec.urn != common_urns.primitives.GROUP_BY_KEY.urn:
        one = makers[next(iter(one.inputs.values()))]
    # By random keys: the shuffle before that one gathers everything in a single worker.
    assert one.unique_name.startswith('ReadSamples/SpreadBlocks/Reshuffle')


def test_key_is_nowhere_and_its_reference_is_in_the_graph(submission):
    assert REFERENCE.encode() in unpack(submission.staged['pipeline.pb'])
    with tarfile.open(fileobj=io.BytesIO(submission.staged['workflow.tar.gz'])) as archive:
        members = [archive.extractfile(member).read() for member in archive if member.isfile()]
    texts = [submission.log, json.dumps(submission.job)]
    for content in (*submission.staged.values(), *members, *(text.encode() for text in texts)):
        assert KEY.encode() not in unpack(content)
