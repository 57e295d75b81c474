"""Memory that held large pictures goes back to the system, whichever threads had it."""

import subprocess
import sys

import pytest

# Threads take 20 MB piece by piece, as answers come, and each keeps a little of what it has read.
PROGRAM = """
import threading
from beam_image_edit.transforms.allocation import give_large_blocks_back

def measure():
    return int(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])

give_large_blocks_back()
before = measure()
kept, together = [], threading.Barrier(8)

def read():
    for _ in range(3):
        whole = bytearray()
        for _ in range(80):
            whole += bytes(256 * 1024)
        kept.append(bytes(100_000))
        together.wait()
        del whole

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(measure() - before)
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems have other C libraries')
def test_memory_of_many_threads_goes_back_to_the_system():
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, check=True, text=True)
    assert int(done.stdout) < 80_000  # of 160,000 KB
