"""The ledger and the whole job on every kind of store: S3 and GCS as real servers on loopback, over HTTP."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import requests

from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.storage import Storage
from tests.ledger_processes import begin_together, calls_sent_by, start_buyer, worker
from tests.store_servers import gcs_variables, running_gcs, running_s3
from tests.waiting import DEADLINE_S, wait_until

IN_FLIGHT = 4
ROWS = [{'images': 'a.png', 'conversations': [f'Blur it {number} times']} for number in range(24)]
KEYS = 40
TYPED_FILES = {
    'image/jpeg': 'sample_0/sample_0_0.jpg',
    'application/json': 'summary.json',
    'application/jsonl': 'manifest.jsonl',
    'application/vnd.apache.parquet': 'manifest.parquet',
    'text/markdown; charset=utf-8': 'export/README.md',
    'application/x-tar': 'export/webdataset/train-00000-of-00001.tar',
}


@dataclass
class Store:
    """A bucket of a server.

    Attributes:
        url: as the job names it.
        object_url: where HTTP finds a file, given its path within the bucket.
        upload_url: where it puts one; POST at GCS, PUT at S3.
    """

    url: str
    object_url: str
    upload_url: str

    def put(self, path, content):
        send = requests.put if self.url.startswith('s3') else requests.post
        send(self.upload_url.format(quote(path, safe='')), data=content, timeout=30).raise_for_status()

    def get(self, path):
        return self._answer(path).content

    def type_of(self, path):
        return self._answer(path).headers['Content-Type']

    def _answer(self, path):
        answer = requests.get(self.object_url.format(quote(path, safe='')), timeout=30)
        answer.raise_for_status()
        return answer


@pytest.fixture(scope='module')
def s3_server():
    with running_s3() as url:
        yield url


@pytest.fixture(scope='module')
def gcs_server():
    with running_gcs() as url:
        yield url


@pytest.fixture
def s3(s3_server, monkeypatch):
    bucket = f'b-{uuid.uuid4().hex[:12]}'
    requests.put(f'{s3_server}/{bucket}', timeout=30).raise_for_status()
    # So that plain HTTP can look at what the job has put there.
    anybody = {'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': f'arn:aws:s3:::{bucket}/*'}
    policy = {'Version': '2012-10-17', 'Statement': [anybody]}
    requests.put(f'{s3_server}/{bucket}?policy', json=policy, timeout=30).raise_for_status()
    monkeypatch.setenv('AWS_ENDPOINT_URL', s3_server)
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.setenv(name, 'any')
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'us-east-1')
    return Store(f's3://{bucket}', f'{s3_server}/{bucket}/{{}}', f'{s3_server}/{bucket}/{{}}')


@pytest.fixture
def gcs(gcs_server, monkeypatch):
    bucket = f'b-{uuid.uuid4().hex[:12]}'
    requests.post(f'{gcs_server}/storage/v1/b', json={'name': bucket}, timeout=30).raise_for_status()
    for name, value in gcs_variables(gcs_server).items():
        monkeypatch.setenv(name, value)
    upload = f'{gcs_server}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={{}}'
    return Store(f'gs://{bucket}', f'{gcs_server}/storage/v1/b/{bucket}/o/{{}}?alt=media', upload)


@pytest.fixture(params=['s3', 'gcs'])
def store(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=['local', 's3', 'gcs'])
def shared_root(request, tmp_path):
    """A cache path that several processes can share."""
    return str(tmp_path) if request.param == 'local' else f'{request.getfixturevalue(request.param).url}/out'


@pytest.fixture(params=['local', 'memory', 's3', 'gcs'])
def root_and_processes(request, tmp_path):
    """A cache path, and how many processes race on it."""
    if request.param == 'memory':
        return 'memory://race', 1
    return (str(tmp_path) if request.param == 'local' else f'{request.getfixturevalue(request.param).url}/out'), 2


def test_every_call_has_one_buyer_among_threads_and_processes(root_and_processes):
    root, processes = root_and_processes
    with ExitStack() as ends:
        buyers = [ends.enter_context(start_buyer(root, f'run-{number}', KEYS)) for number in range(processes)]
        begin_together(*buyers)
        sent = calls_sent_by(*buyers)
    assert [buyer.returncode for buyer in buyers] == [0] * processes
    assert len(sent) == len(set(sent)) == KEYS


def test_living_owner_is_waited_for_and_a_dead_one_is_taken_over(shared_root):
    with worker(shared_root, 'first') as first, worker(shared_root, 'second') as second:
        assert first('claim') == 'Claim 1'
        assert second('claim') == 'Busy'
        first.process.kill()
        first.process.wait()
        assert second('claim') == 'Claim 2'
        with worker(shared_root, 'third') as third:
            assert third('claim') == 'Busy'
            second('edited')
            assert third('claim') == 'Record'


@pytest.fixture
def start(store, emulator, photos):
    """Starts the job with its input and its output on the store, as on a machine of its own."""
    store.put('in/rows.jsonl', ''.join(f'{json.dumps(row)}\n' for row in ROWS).encode())
    store.put('in/a.png', (photos / 'a.png').read_bytes())
    places = [f'--input={store.url}/in/rows.jsonl', f'--cache_path={store.url}/out', f'--max_in_flight={IN_FLIGHT}']
    with ExitStack() as ends:

        def start(*flags, **variables):
            disk = ends.enter_context(tempfile.TemporaryDirectory())
            command = [sys.executable, '-m', 'beam_image_edit.pipeline', '--report=off', *places, *flags]
            job = ends.enter_context(
                subprocess.Popen(
                    command,
                    cwd=disk,
                    env={
                        **os.environ,
                        'DF_API_KEY': 'any',
                        'DF_BASE_URL': emulator.url,
                        'HOME': disk,
                        'TMPDIR': disk,
                        **variables,
                    },
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            ends.callback(job.kill)
            return job

        yield start


def calls_by_prompt(emulator):
    return Counter(call.prompt for call in emulator.calls)


def end_of(job):
    _, log = job.communicate(timeout=DEADLINE_S)
    return job.returncode, log


def test_job_and_its_rerun_from_another_machine(store, emulator, start):
    code, log = end_of(start('--export=webdataset'))
    assert code == 0, log
    manifest = store.get('out/manifest.jsonl')
    rows = [json.loads(line) for line in manifest.splitlines()]
    assert [row['conversations'] for row in rows] == [row['conversations'] for row in ROWS]
    assert {kind: store.type_of(f'out/{name}') for kind, name in TYPED_FILES.items()} == {
        kind: kind for kind in TYPED_FILES
    }
    made = {call.prompt: call.produced[0] for call in emulator.calls}
    for row in rows:
        image = store.get(row['output_image'][0].removeprefix(f'{store.url}/'))
        assert hashlib.sha256(image).hexdigest() == made[row['conversations'][0]]
    assert end_of(start())[0] == 0
    assert calls_by_prompt(emulator) == {row['conversations'][0]: 1 for row in ROWS}
    assert store.get('out/manifest.jsonl') == manifest
    assert json.loads(store.get('out/summary.json'))['calls'] == 0


def test_job_waits_for_another_ones_calls_and_takes_them_over_when_it_is_killed(store, emulator, start):
    emulator.hold()
    killed, other = start(), start()
    wait_until(lambda: emulator.in_flight == 2 * IN_FLIGHT)
    killed.kill()
    killed.wait()
    emulator.release()
    code, log = end_of(other)
    assert code == 0, log
    calls = calls_by_prompt(emulator)
    assert (len(calls), sum(calls.values())) == (len(ROWS), len(ROWS) + IN_FLIGHT)
    assert max(calls.values()) == 2
    assert json.loads(store.get('out/summary.json'))['possibly_double_billed'] == IN_FLIGHT


def essence(manifest, root):
    """A manifest without the folder, and without what differs from one answer to the next."""
    rows = [json.loads(line) for line in manifest.decode().replace(root, '').splitlines()]
    return [{**row, 'edit': {**row['edit'], 'latency_s': None, 'request_ids': None}} for row in rows]


def test_manifest_is_the_one_of_a_local_job_but_for_the_folder(store, edit, start, photos):
    rows = [
        *ROWS[:3],
        {'images': ['a.png', 'b.jpg'], 'conversations': ['Mirror it', 'Invert it'], 'id': 'chat'},
        {'images': 'missing.png', 'conversations': ['Blur it']},
        {'images': 'a.png', 'mask': 'mask.png', 'conversations': ['Blur it'], 'price': 1.10},
        'no object',
    ]
    local = edit(rows)
    for name in ('rows.jsonl', 'a.png', 'b.jpg', 'mask.png'):
        store.put(f'mixed/{name}', (photos / name).read_bytes())
    code, log = end_of(start('--input=', f'--input={store.url}/mixed/rows.jsonl'))
    assert code == local.code == 3, log
    there = store.get('out/manifest.jsonl').replace(f'{store.url}/mixed'.encode(), str(photos).encode())
    there = there.replace(b'no such file or bucket', b'no such file')
    assert essence(there, f'{store.url}/out') == essence(
        (local.folder / 'manifest.jsonl').read_bytes(), str(local.folder)
    )


def test_bucket_that_is_not_there_is_a_usage_error_and_is_not_made(store, emulator, start):
    typo = f'{store.url}-typo'
    code, log = end_of(start(f'--cache_path={typo}/out'))
    assert (code, emulator.count) == (2, 0)
    assert typo in log.splitlines()[-1]
    assert requests.head(store.upload_url.replace(store.url[5:], typo[5:]).format('x'), timeout=30).status_code == 404
    with pytest.raises(StorageError):
        Storage(typo).write('x', b'')


@pytest.mark.parametrize('store', ['s3'], indirect=True)
@pytest.mark.parametrize(
    'flags', [[], ['--input=', '--images={}/in/*.png', '--instruction=Blur it']], ids=['rows', 'images']
)
def test_rows_that_can_not_be_reached_for_want_of_credentials_are_a_usage_error(
    store, emulator, start, tmp_path, flags
):
    nobody = {'AWS_ACCESS_KEY_ID': '', 'AWS_SECRET_ACCESS_KEY': '', 'AWS_EC2_METADATA_DISABLED': 'true'}
    code, log = end_of(start(f'--cache_path={tmp_path}', *(flag.format(store.url) for flag in flags), **nobody))
    assert (code, emulator.count) == (2, 0)
    assert re.fullmatch(r'beam-image-edit: .* can not be listed: Unable to locate credentials', log.splitlines()[-1])
    assert 'Traceback' not in log


@pytest.mark.parametrize('store', ['s3'], indirect=True)
def test_options_of_the_command_find_the_store_for_input_pictures_key_and_output_in_all_workers(
    s3_server, store, start
):
    store.put('keys/editing', b' any\n')
    code, log = end_of(
        start(
            f'--storage_options={json.dumps({"s3": {"endpoint_url": s3_server}})}',
            f'--api_key=file:{store.url}/keys/editing',
            '--direct_running_mode=multi_processing',
            '--direct_num_workers=2',
            AWS_ENDPOINT_URL='http://127.0.0.1:1',
            DF_API_KEY='',
        )
    )
    assert code == 0, log
    assert len(store.get('out/manifest.jsonl').splitlines()) == len(ROWS)
