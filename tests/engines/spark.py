"""A Spark standalone cluster on loopback: a master and two workers with a core each, from the jars alone."""

import json
from urllib.request import urlopen

from tests.engines.flink import OPENED
from tests.engines.packages import job_server, spark_home
from tests.engines.processes import free_port
from tests.waiting import wait_until

WORKERS = 2


class SparkCluster:
    """A running cluster.

    Attributes:
        master: where jobs are handed in, as `spark://host:port`.
    """

    def __init__(self, processes, workers=WORKERS):
        self._workers = workers
        port, self._page = free_port(), free_port()
        self.master = f'spark://127.0.0.1:{port}'
        # Workers make the commands of the programs that they start from it.
        home = (f'SPARK_HOME={spark_home()}', 'SPARK_SCALA_VERSION=2.12', 'SPARK_LOCAL_IP=127.0.0.1')
        command = ('env', *home, 'java', '-Xmx256m', *OPENED, '-cp', f'{spark_home()}/jars/*')
        at = ('--host', '127.0.0.1', '--webui-port')
        processes.start(
            'master', *command, 'org.apache.spark.deploy.master.Master', *at, str(self._page), '--port', str(port)
        )
        for number in range(workers):
            folder = processes.folder / f'spark-{number}'
            processes.start(
                f'worker-{number}', *command, 'org.apache.spark.deploy.worker.Worker', *at, '0',
                '--cores', '1', '--memory', '1g', '--work-dir', str(folder), self.master,
            )  # fmt: skip

    def wait(self):
        """Waits until all workers have reported."""
        wait_until(lambda: self._count_workers() == self._workers)

    def _count_workers(self):
        try:
            with urlopen(f'http://127.0.0.1:{self._page}/json/', timeout=10) as answer:
                return json.load(answer)['aliveworkers']
        except OSError:
            return 0


def spark_job_server(processes, master):
    """Starts Beam's job server for a master; gives its port."""
    port = free_port()
    server = processes.start(
        'jobserver', 'env', 'SPARK_LOCAL_IP=127.0.0.1', 'java', '-Xmx1g', *OPENED,
        '-cp', f'{job_server("spark")}:{spark_home()}/jars/*', 'org.apache.beam.runners.spark.SparkJobServerDriver',
        f'--spark-master-url={master}', f'--job-port={port}', '--artifact-port=0', '--expansion-port=0',
        f'--artifacts-dir={processes.folder}/artifacts',
    )  # fmt: skip
    processes.wait_for_port(server, port, 'jobserver')
    return port
