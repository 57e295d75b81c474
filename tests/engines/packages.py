"""What the engines are made of, fetched once by each language's own client and kept in the project's cache folder.

Flink and Spark themselves come as the jars inside their Python packages, Beam's job servers for them by Maven, Prism by
Go. Each function gives the path; where the client is missing or fetches nothing, the test is skipped and says so.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines.processes import CACHE

FLINK, SPARK, PRISM = '1.19.3', '3.5.9', 'v2.77.0'
_POMS = Path(__file__).parent / 'jars'
_LIMIT_S = 900


def flink_jars():
    """The folder with the jars of a Flink cluster."""
    _need('java')
    return _python_package('apache-flink-libraries', FLINK) / 'pyflink' / 'lib'


def spark_home():
    """Where Spark is, with its jars and scripts."""
    _need('java')
    return _python_package('pyspark', SPARK) / 'pyspark'


def job_server(engine):
    """Beam's job server for `flink` or `spark`, one jar with all that it needs but Spark."""
    _need('java')
    pom = _POMS / f'{engine}.xml'
    # Another pom is another jar.
    jar = CACHE / f'{engine}-job-server-{_checksum(pom):08x}' / 'job-server.jar'

    def build(folder):
        _need('mvn')
        shutil.copy(pom, folder / 'pom.xml')
        _run(folder, 'mvn', '--batch-mode', '--quiet', 'package')
        (folder / 'target' / 'job-server.jar').rename(folder / 'job-server.jar')

    return _fetch(jar, build)


def prism():
    """The Prism binary."""

    def build(folder):
        _need('go')
        _run(folder, 'go', 'install', f'github.com/apache/beam/sdks/v2/go/cmd/prism@{PRISM}', GOBIN=str(folder))

    return _fetch(CACHE / f'prism-{PRISM}' / 'prism', build)


def _python_package(name, version):
    def install(folder):
        # Only the jars inside are meant: the packages that they need in Python are not.
        pip = (sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps')
        _run(folder, *pip, '--target', 'whole', f'{name}=={version}')

    return _fetch(CACHE / f'{name}-{version}' / 'whole', install)


def _checksum(path):
    return zlib.crc32(path.read_bytes())


def _need(program):
    if shutil.which(program) is None:
        pytest.skip(f'{program} is not installed')


def _fetch(wanted, make):
    """The path, after it was made if it was not there; one process makes it and others wait."""
    with _one_at_a_time(wanted.parent.name):
        if not wanted.exists():
            folder = wanted.parent.with_name(f'{wanted.parent.name}.unfinished')
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            folder.rename(wanted.parent)
    return wanted


@contextmanager
def _one_at_a_time(name):
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(folder, *command, **environment):
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=_LIMIT_S
    )
    if done.returncode:
        # Of a registry that is out of reach, not of ours.
        pytest.skip(f'{" ".join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}')
