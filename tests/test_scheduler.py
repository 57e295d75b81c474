"""The scheduler: thousands of edits wait at once, hold no thread while they do, and all end when it closes."""

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait

import pytest

from beam_image_edit.transforms.scheduler import Scheduler, pause, settled
from tests.waiting import wait_until

AT_EXIT = """
import threading
from concurrent.futures import Future
from beam_image_edit.transforms.scheduler import Scheduler, pause, settled
from tests.waiting import wait_until

scheduler = Scheduler(1)
threading._register_atexit(scheduler.close)
leader = Future()

async def wait_long():
    await pause(1000)
    print('waited', flush=True)
    for _ in range(3):
        await pause(1000)
    leader.set_result('led')
    return 'done'

async def follow():
    print(await settled(leader), flush=True)

for work in (follow(), wait_long()):
    scheduler.start(work).add_done_callback(lambda future: print('future', future.result(), flush=True))
"""


@pytest.fixture
def scheduler():
    scheduler = Scheduler(2)
    yield scheduler
    scheduler.close()


def test_a_result_and_an_exception_reach_the_future(scheduler):
    async def give():
        return 5

    async def fail():
        raise KeyError('mine')

    assert scheduler.start(give()).result(20) == 5
    with pytest.raises(KeyError, match='mine'):
        scheduler.start(fail()).result(20)


def test_an_exception_that_is_no_error_reaches_the_future_too(scheduler):
    async def leave():
        await pause(0)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        scheduler.start(leave()).result(20)


def test_work_goes_on_after_pauses(scheduler):
    async def count():
        for _ in range(5):
            await pause(0.001)
        return threading.current_thread().name

    began = time.monotonic()
    assert scheduler.start(count()).result(20).startswith('edit_')
    assert time.monotonic() - began >= 0.005


def test_a_thousand_paused_coroutines_hold_no_thread(scheduler):
    resumed = []

    async def wait_long(number):
        await pause(1000)
        resumed.append(number)

    waiting = [scheduler.start(wait_long(number)) for number in range(1000)]

    async def give():
        return 5

    assert scheduler.start(give()).result(20) == 5
    assert resumed == []
    scheduler.end_pauses()
    wait(waiting, 20)
    assert sorted(resumed) == list(range(1000))


def test_a_thousand_followers_hold_no_thread(scheduler):
    leader = Future()

    async def follow():
        return await settled(leader)

    followers = [scheduler.start(follow()) for _ in range(1000)]

    async def lead():
        leader.set_result('bought')

    scheduler.start(lead())
    assert {follower.result(20) for follower in followers} == {'bought'}


def test_what_is_settled_already_is_not_waited_for(scheduler):
    done, failed = Future(), Future()
    done.set_result(1)
    failed.set_exception(KeyError('theirs'))

    async def follow(future):
        return await settled(future)

    assert scheduler.start(follow(done)).result(20) == 1
    with pytest.raises(KeyError, match='theirs'):
        scheduler.start(follow(failed)).result(20)


def test_pauses_end_in_the_order_of_their_time():
    scheduler = Scheduler(1)
    ended = []

    async def wait_for(seconds):
        await pause(seconds)
        ended.append(seconds)

    waiting = [scheduler.start(wait_for(seconds)) for seconds in (0.3, 0.1, 0.2, 0.0)]
    wait(waiting, 20)
    scheduler.close()
    assert ended == [0.0, 0.1, 0.2, 0.3]


def test_work_is_begun_in_the_order_in_which_it_was_started():
    scheduler = Scheduler(1)
    begun = []

    async def begin(number):
        begun.append(number)

    wait([scheduler.start(begin(number)) for number in range(100)], 20)
    scheduler.close()
    assert begun == list(range(100))


def test_no_more_than_the_threads_run_at_one_time(scheduler):
    running, most = set(), []
    lock = threading.Lock()

    async def run(number):
        with lock:
            running.add(number)
            most.append(len(running))
        time.sleep(0.002)
        with lock:
            running.discard(number)

    wait([scheduler.start(run(number)) for number in range(30)], 20)
    assert max(most) <= 2


def test_pauses_stay_ended(scheduler):
    scheduler.end_pauses()

    async def wait_long():
        for _ in range(50):
            await pause(1000)
        return 'done'

    assert scheduler.start(wait_long()).result(20) == 'done'


@pytest.mark.parametrize('is_ended_first', [False, True])
def test_firm_pauses_last_until_the_scheduler_is_closed(scheduler, is_ended_first):
    reached = threading.Event()

    async def wait_long():
        await pause(1000)
        reached.set()
        await pause(1000, is_firm=True)
        return 'done'

    if is_ended_first:
        scheduler.end_pauses()
    future = scheduler.start(wait_long())
    scheduler.end_pauses()
    assert reached.wait(20)
    scheduler.end_pauses()
    assert not future.done()
    scheduler.close()
    assert future.result(20) == 'done'


def test_what_was_begun_can_not_be_cancelled(scheduler):
    async def wait_long():
        await pause(1000)
        return 'done'

    future = scheduler.start(wait_long())
    assert not future.cancel()
    scheduler.end_pauses()
    assert future.result(20) == 'done'


def test_closing_ends_pauses_and_lets_the_threads_go():
    before = set(threading.enumerate())
    scheduler = Scheduler(3)

    async def wait_long():
        await pause(1000)
        await pause(1000)
        return 'done'

    waiting = [scheduler.start(wait_long()) for _ in range(10)]
    scheduler.close()
    scheduler.close()
    assert {future.result(20) for future in waiting} == {'done'}
    wait_until(lambda: set(threading.enumerate()) <= before)
    # Otherwise it would be reported as a leak when it is collected.
    wait_until(scheduler._clock.is_closed)


def test_followers_come_to_their_end_after_closing():
    scheduler = Scheduler(1)
    leader = Future()

    async def follow():
        outcome = await settled(leader)
        await pause(1000)
        return outcome

    follower = scheduler.start(follow())
    wait_until(lambda: leader._done_callbacks)
    scheduler.close()
    leader.set_result('bought')
    assert follower.result(20) == 'bought'


def test_work_that_is_started_after_closing_runs_where_it_is_started():
    scheduler = Scheduler(1)
    scheduler.close()

    async def name():
        await pause(1000)
        return threading.current_thread()

    assert scheduler.start(name()).result(20) is threading.current_thread()


def test_everything_comes_to_its_end_when_the_interpreter_does():
    done = subprocess.run([sys.executable, '-c', AT_EXIT], capture_output=True, text=True, check=True, timeout=60)
    assert sorted(done.stdout.split('\n')) == ['', 'future None', 'future done', 'led', 'waited']
    assert 'Traceback' not in done.stderr


def test_only_pauses_and_settled_futures_can_be_awaited(scheduler):
    async def sleep():
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match='no running event loop'):
        scheduler.start(sleep()).result(20)
