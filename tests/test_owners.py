"""Owners of claims: who is taken for dead too early has his call bought twice, and who is not is waited for in vain."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from beam_image_edit.transforms.owners import Owner, is_alive, this_process

LATER, NOW, EARLIER = 200.0, 100.0, 50.0
SLEEP = [sys.executable, '-c', 'import sys; print(flush=True); sys.stdin.read()']


def started_at(pid):
    return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]


@pytest.fixture
def child():
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def owner_of(process):
    return replace(this_process(), pid=process.pid, started=started_at(process.pid))


def test_this_process_is_alive_however_long_it_takes():
    assert is_alive(this_process(), EARLIER, NOW)
    assert this_process() == this_process()
    assert this_process().pid == os.getpid()


def test_another_process_of_this_host_is_alive(child):
    assert is_alive(owner_of(child), EARLIER, NOW)


def test_a_killed_process_is_dead_at_once(child):
    owner = owner_of(child)
    child.kill()
    child.wait()
    assert not is_alive(owner, LATER, NOW)


def test_a_zombie_is_dead(child):
    owner = owner_of(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(owner, LATER, NOW)


def test_another_process_with_the_same_number_is_not_the_owner(child):
    assert not is_alive(replace(owner_of(child), started='1'), LATER, NOW)


@pytest.mark.parametrize(
    'change',
    [{'host': 'elsewhere'}, {'boot_id': 'another start'}, {'pid_namespace': 'pid:[1]'}],
    ids=['host', 'boot', 'container'],
)
@pytest.mark.parametrize(('expires_at', 'expected'), [(LATER, True), (NOW, False), (EARLIER, False)])
def test_of_other_machines_only_the_time_is_known(change, expires_at, expected):
    assert is_alive(replace(this_process(), **change), expires_at, NOW) is expected


def test_without_start_times_a_living_number_counts_until_its_time_is_over(child):
    owner = replace(owner_of(child), started='')
    assert is_alive(owner, LATER, NOW)
    assert not is_alive(owner, EARLIER, NOW)
    child.kill()
    child.wait()
    assert not is_alive(owner, LATER, NOW)


def test_time_is_the_clocks_unless_told():
    elsewhere = replace(this_process(), host='elsewhere')
    assert is_alive(elsewhere, 1e12)
    assert not is_alive(elsewhere, 1e9)


def test_json_round_trip():
    assert Owner.from_json(this_process().to_json()) == this_process()


@pytest.mark.parametrize(
    'changes',
    [{'pid': '1'}, {'pid': 0}, {'pid': -1}, {'pid': 1 << 40}, {'pid': None}, {'pid': 1.5}],
    ids=str,
)
def test_what_is_no_owner_is_refused(changes):
    with pytest.raises(ValueError, match='not a'):
        Owner.from_json({**this_process().to_json(), **changes})


def test_missing_members_are_refused():
    with pytest.raises(ValueError, match='not an owner'):
        Owner.from_json({'pid': 1})


def test_a_later_versions_owner_is_known_by_what_is_known_of_it():
    written = {**this_process().to_json(), 'container': 'a-later-versions'}
    assert Owner.from_json(written) == this_process()
