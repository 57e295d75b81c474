"""Workers that are killed in the middle of a job on Flink: it does their work again, and what was bought stays bought.

The same cluster, with SDK workers in processes of their own, also shows what only a cluster can: a job that is not
waited for, keys that only the workers have, and bundles that Flink cuts by bounds (with `--streaming`; on 1.19 a batch
job has none).
"""

import os
import signal
from collections import Counter

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from tests.engines.engines import KEY, WORKERS, flink_cluster
from tests.engines.jobs import Job, mean_in_flight, mean_of_fullest, wait_for_calls
from tests.engines.processes import kill
from tests.engines.rows import write_plain_rows
from tests.waiting import wait_until

ROWS = 120
MAX_IN_FLIGHT = 4


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
    with flink_cluster(tmp_path_factory.mktemp('cluster')) as running:
        yield running


@pytest.fixture
def api():
    with Emulator(pixels='64x48', latency_s=0.5, api_key=KEY) as running:
        yield running


@pytest.fixture
def start(cluster, api, tmp_path):
    """Makes a job on the cluster, which starts when it is entered."""

    def make(*flags, files=WORKERS):
        source = write_plain_rows(tmp_path, ROWS, files)
        return Job(tmp_path, api, source, f'--max_in_flight={MAX_IN_FLIGHT}', *cluster.flags, *flags)

    return make


def kill_sdk_worker(cluster):
    # The newest: one of an earlier job may not have noticed its end yet.
    os.kill(max(cluster.sdk_workers()), signal.SIGKILL)


def kill_task_manager(cluster):
    kill(cluster.cluster.task_managers.pop())
    wait_until(lambda: cluster.cluster.count_task_managers() == len(cluster.cluster.task_managers))


def test_key_is_read_on_the_workers(start, api):
    with start() as job:
        assert job.wait() == 0, job.log[-3000:]
    # The emulator takes no other key, and the program itself had another one.
    assert api.count == ROWS


def test_job_that_is_not_waited_for_goes_on(start, cluster, api):
    with start('--no_wait_until_finish') as job:
        assert job.wait() == 0, job.log[-3000:]
        assert 'is handed over' in job.log
        assert not (job.out / 'summary.json').exists()
        wait_until((job.out / 'summary.json').exists)
    assert job.summary['rows']['edited'] == ROWS
    wait_until(lambda: cluster.cluster.jobs().count('RUNNING') == 0)


def test_windows_stay_full_where_flink_cuts_bundles(start, api, record_property):
    # A bundle is cut between files: here each holds one window of calls.
    with start('--streaming', files=ROWS // MAX_IN_FLIGHT) as job:
        assert job.wait() == 0, job.log[-3000:]
    wanted = WORKERS * MAX_IN_FLIGHT
    record_property('share of --max_in_flight in flight', f'{mean_in_flight(api.calls) / wanted:.0%} of {wanted}')
    assert mean_of_fullest(api.calls) >= 0.9 * wanted


@pytest.mark.parametrize('strike', [kill_sdk_worker, kill_task_manager])
def test_job_survives_the_death_of_a_worker(start, cluster, api, record_property, strike):
    with start() as job:
        wait_for_calls(api, ROWS // 3, job)
        strike(cluster)
        assert job.wait() == 0, job.log[-3000:]
    assert job.summary['rows']['edited'] == ROWS
    times_sent = Counter(call.prompt for call in api.calls)
    assert len(times_sent) == ROWS
    repaid = times_sent.total() - ROWS
    record_property('calls repaid', f'{repaid} of {ROWS}')
    # Only what was in flight may be bought again, and the summary tells of it. A call that is being stored is in
    # flight, too, so that there can be one more for each than there are windows.
    assert repaid <= job.summary['possibly_double_billed'] <= 2 * WORKERS * MAX_IN_FLIGHT
    assert max(times_sent.values()) <= 2
