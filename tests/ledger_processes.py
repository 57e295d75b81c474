"""Processes that share a ledger: workers, which do what they are told, and buyers, which race for the same calls."""

import subprocess
import sys
from contextlib import contextmanager

from tests.ledger_calls import KEY

WORKER = """
import sys
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

root, run_id, key = sys.argv[1:]
ledger = Ledger(Storage(root), run_id, 30)
for line in sys.stdin:
    if line == 'claim\\n':
        answer = ledger.claim(key)
    elif line == 'release\\n':
        ledger.release(answer, 'no', 'HTTP 429')
    else:
        attempts = (*answer.earlier, Attempt(answer.number, run_id, 'yes'))
        ledger.settle(Record(key, line.strip(), None, 'sample_0', run_id, 'gemini', 'm', attempts=attempts), answer)
    print(type(answer).__name__, getattr(answer, 'number', ''), flush=True)
"""

# Asks for every call twice, on 8 threads as the job does, and tells of every one that it sends before it is settled.
BUYER = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from beam_image_edit.transforms.ledger import Busy, Claim, Ledger
from beam_image_edit.transforms.records import Attempt, Record
from beam_image_edit.transforms.storage import Storage

root, run_id, count = sys.argv[1:]
storage = Storage(root)
ledger = Ledger(storage, run_id, 30)

def buy(key):
    while isinstance(answer := ledger.claim(key), Busy):
        time.sleep(0.005)
    if isinstance(answer, Claim):
        os.write(1, f'{key}\\n'.encode())
        time.sleep(0.002)
        attempts = (*answer.earlier, Attempt(answer.number, run_id, 'yes'))
        ledger.settle(Record(key, 'edited', None, 'sample_0', run_id, 'gemini', 'm', attempts=attempts), answer)

print('ready' if storage.is_exclusive() else 'the store is not exclusive', flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(buy, [f'{number:04x}' * 16 for number in range(int(count))] * 2))
"""


@contextmanager
def worker(root, run_id='run'):
    """A worker; call it with `claim`, `release` or the status to settle with, and it says what the ledger gave it."""
    with start(WORKER, root, run_id, KEY) as process:

        def tell(order):
            process.stdin.write(f'{order}\n')
            process.stdin.flush()
            return process.stdout.readline().strip()

        tell.process = process
        yield tell
        process.kill()


def start_buyer(root, run_id, count):
    """A buyer of so many calls, which waits until it may begin."""
    return start(BUYER, root, run_id, str(count))


def begin_together(*buyers):
    for buyer in buyers:
        assert buyer.stdout.readline() == 'ready\n'
    for buyer in buyers:
        buyer.stdin.write('go\n')
        buyer.stdin.flush()


def calls_sent_by(*buyers):
    """The keys of the calls that the buyers sent till their end, without those that were read before."""
    return [key for buyer in buyers for key in buyer.stdout.read().split()]


def start(script, *arguments):
    command = [sys.executable, '-c', script, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
