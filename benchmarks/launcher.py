"""Runs a command to its end and prints, as JSON, when that was and what it used.

A process of its own, and a small one: a process is charged with the peak memory of the one that started it.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == '__main__':
    started_s = time.monotonic()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    ended_s = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_mb = usage.ru_maxrss / (1024 * 1024 if sys.platform == 'darwin' else 1024)
    told = {
        'code': process.returncode,
        'started_s': started_s,
        'ended_s': ended_s,
        'cpu_s': usage.ru_utime + usage.ru_stime,
        'peak_mb': peak_mb,
    }
    print(json.dumps(told))
