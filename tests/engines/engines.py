"""The engines that the job is tested on: each brought up with the flags that take the job there, and brought down."""

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.engines.flink import OPENED, FlinkCluster
from tests.engines.packages import FLINK, job_server, prism
from tests.engines.processes import Processes, children_of, free_port
from tests.engines.spark import SparkCluster, spark_job_server

KEY = 'key-on-the-workers-4711'
WORKERS = 2


@dataclass(frozen=True)
class Engine:
    """An engine that runs.

    Attributes:
        flags: take the job there.
        editors: how many processes or places of its have an edit window each.
        cluster: the cluster, where there is one to be hurt.
        pool: the process that starts SDK workers, where there is one.
        processes: where further ones can be started.
    """

    flags: tuple[str, ...]
    editors: int = 1
    cluster: Any = None
    pool: Any = None
    processes: Any = None

    def sdk_workers(self):
        """The numbers of the SDK workers' processes."""
        return children_of(self.pool)


def _worker_environment():
    """Of the workers: they start `python`, which must be this one, and they alone need the key."""
    return {'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}', 'DF_API_KEY': KEY}


@contextmanager
def flink_cluster(folder):
    """A Flink cluster with SDK workers in processes of their own."""
    with Processes(folder, _worker_environment()) as processes:
        cluster = FlinkCluster(processes)
        pool, workers = _start_worker_pool(processes)
        port = start_flink_job_server(processes, cluster.master)
        cluster.wait()
        flags = ('--runner=FlinkRunner', f'--job_endpoint=localhost:{port}', f'--parallelism={WORKERS}', *workers)
        yield Engine(flags, WORKERS, cluster, pool, processes)


@contextmanager
def flink_local(_folder):
    """Flink inside a job server that Beam starts for the job, the SDK worker inside the program."""
    opened = (f'--job_server_jvm_properties={option}' for option in OPENED)
    jar = f'--flink_job_server_jar={job_server("flink")}'
    version = '.'.join(FLINK.split('.')[:2])
    local = ('--runner=FlinkRunner', '--flink_master=[local]', f'--flink_version={version}', '--parallelism=2')
    yield Engine((*local, jar, *opened))


@contextmanager
def spark(folder, master=''):
    """Spark, a cluster of its own or another master, with SDK workers in processes of their own."""
    with Processes(folder, _worker_environment()) as processes:
        if not master:
            cluster = SparkCluster(processes)
            cluster.wait()
            master = cluster.master
        pool, workers = _start_worker_pool(processes)
        port = spark_job_server(processes, master)
        # Otherwise each job takes all of Spark's own jars to the workers, which have them.
        staged = f'--runner_option=files_to_stage={job_server("spark")}'
        # Otherwise each stage starts its SDK workers anew.
        kept = '--environment_cache_millis=600000'
        flags = ('--runner=SparkRunner', f'--job_endpoint=localhost:{port}', staged, kept, *workers)
        yield Engine(flags, pool=pool)


@contextmanager
def prism_runner(_folder):
    """The engine that DirectRunner downloads where it can."""
    yield Engine(('--runner=PrismRunner', f'--prism_location={prism()}'))


def _start_worker_pool(processes):
    port = free_port()
    pool = processes.start('pool', sys.executable, str(Path(__file__).with_name('worker_pool.py')), str(port))
    processes.wait_for_port(pool, port, 'pool')
    return pool, ('--environment_type=EXTERNAL', f'--environment_config=localhost:{port}')


def start_flink_job_server(processes, master):
    """Starts Beam's job server for a master; gives its port."""
    port = free_port()
    server = processes.start(
        'jobserver', 'java', '-Xmx512m', *OPENED, '-jar', str(job_server('flink')), f'--flink-master={master}',
        f'--job-port={port}', '--artifact-port=0', '--expansion-port=0',
        f'--artifacts-dir={processes.folder}/artifacts',
    )  # fmt: skip
    processes.wait_for_port(server, port, 'jobserver')
    return port


def _of_beam(*flags, editors=1):
    @contextmanager
    def bring_up(_folder):
        yield Engine(flags, editors)

    return bring_up


_FN = '--runner=FnApiRunner'
_TWO = '--direct_num_workers=2'
ENGINES = {
    'FnApiRunner in memory': _of_beam(_FN),
    'FnApiRunner threads': _of_beam(_FN, _TWO, '--direct_running_mode=multi_threading'),
    'FnApiRunner processes': _of_beam(_FN, _TWO, '--direct_running_mode=multi_processing', editors=2),
    'BundleBasedDirectRunner': _of_beam('--runner=BundleBasedDirectRunner'),
    'Prism': prism_runner,
    'Flink local': flink_local,
    'Flink cluster': flink_cluster,
    'Spark local': partial(spark, master='local[4]'),
    'Spark cluster': spark,
}
