"""The stop file: once one process of a run knows that nothing more is to be sent, all of them do, and no other run."""

import uuid

import pytest

from beam_image_edit.transforms.stop_file import StopFile
from beam_image_edit.transforms.storage import Storage


@pytest.fixture
def storage():
    return Storage(f'memory://{uuid.uuid4().hex}')


def test_a_run_goes_on_until_it_is_told_to_stop(storage):
    ours, theirs = StopFile(storage, 'run'), StopFile(storage, 'run')
    assert theirs.read() is None
    ours.write('no credit – “top up”')
    assert theirs.read() == ours.read() == 'no credit – “top up”'


def test_the_first_reason_stands(storage):
    for reason in ('no credit', 'interrupted'):
        StopFile(storage, 'run').write(reason)
    assert StopFile(storage, 'run').read() == 'no credit'


def test_other_runs_go_on(storage):
    StopFile(storage, 'run').write('no credit')
    assert StopFile(storage, 'another').read() is None


def test_without_a_run_there_is_nobody_to_tell(storage):
    StopFile(storage, '').write('no credit')
    assert StopFile(storage, '').read() is None
    assert storage.list('ledger/runs') == []


@pytest.mark.parametrize('content', [b'', b'{"reas', b'null', b'{}', b'[]', b'\xff'], ids=repr)
def test_a_file_that_can_not_be_read_stops_the_run_all_the_same(storage, content):
    storage.write('ledger/runs/run/stop.json', content)
    assert StopFile(storage, 'run').read() == 'the run was stopped'


def test_a_store_that_fails_is_told_of_once_and_asked_again_later(tmp_path, caplog):
    (tmp_path / 'ledger').write_bytes(b'a file where a folder should be')
    stop_file = StopFile(Storage(str(tmp_path)), 'run')
    for reason in ('no credit', 'no credit', 'interrupted'):
        stop_file.write(reason)
    assert caplog.text.count('the other workers could not be told to stop') == 1
    assert stop_file.read() is None
    assert StopFile(Storage(str(tmp_path)), '../../outside').read() is None
