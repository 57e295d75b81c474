"""A Flink cluster on loopback: a JobManager and two TaskManagers, from the jars alone."""

import json
from urllib.request import urlopen

from tests.engines.packages import flink_jars
from tests.engines.processes import free_port
from tests.waiting import wait_until

TASK_MANAGERS = 2
SLOTS = 2  # of each, so that one can do the other's work

_PACKAGES = (
    'java.io java.lang java.lang.invoke java.lang.reflect java.net java.nio java.text java.time java.util '
    'java.util.concurrent java.util.concurrent.atomic sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar'
)
# Java keeps these to itself since 17, and Flink and Spark look into them.
OPENED = tuple(f'--add-opens=java.base/{name}=ALL-UNNAMED' for name in _PACKAGES.split())

_CONFIGURATION = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: 1
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 128m
taskmanager.memory.network.max: 128m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 500 ms
# Both work, though one could do it all.
cluster.evenly-spread-out-slots: true
# Otherwise each shuffle asks for 512 buffers.
taskmanager.network.sort-shuffle.min-buffers: 64
# A dead TaskManager is noticed within seconds.
heartbeat.interval: 1000
heartbeat.timeout: 8000
io.tmp.dirs: {folder}
"""


class FlinkCluster:
    """A running cluster.

    Attributes:
        task_managers: their processes.
        master: where jobs are handed in, as `host:port`.
    """

    def __init__(self, processes, task_managers=TASK_MANAGERS):
        self._processes = processes
        self._rest = free_port()
        self.master = f'127.0.0.1:{self._rest}'
        folder = processes.folder / 'flink'
        folder.mkdir()
        text = _CONFIGURATION.format(rpc=free_port(), rest=self._rest, slots=SLOTS, folder=folder)
        # Its name up to Flink 1.20; 2.0 reads config.yaml.
        (folder / 'flink-conf.yaml').write_text(text)
        self._java('jobmanager', 'StandaloneSessionClusterEntrypoint', 'runtime.entrypoint', '-Xmx512m')
        self.task_managers = [
            self._java(f'taskmanager-{number}', 'TaskManagerRunner', 'runtime.taskexecutor', '-Xmx384m')
            for number in range(task_managers)
        ]

    def wait(self):
        """Waits until all TaskManagers have reported."""
        wait_until(lambda: self.count_task_managers() == len(self.task_managers))

    def count_task_managers(self):
        try:
            return len(self._ask('taskmanagers')['taskmanagers'])
        except OSError:
            return 0

    def jobs(self):
        """The state of every job."""
        return [job['status'] for job in self._ask('jobs')['jobs']]

    def _ask(self, what):
        with urlopen(f'http://{self.master}/{what}', timeout=10) as answer:
            return json.load(answer)

    def _java(self, name, main_class, package, memory):
        return self._processes.start(
            name, 'java', memory, *OPENED, '-cp', f'{flink_jars()}/*', f'org.apache.flink.{package}.{main_class}',
            '--configDir', str(self._processes.folder / 'flink'),
        )  # fmt: skip
