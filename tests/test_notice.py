"""A notice is given once, whoever comes first."""

import logging
import threading

from beam_image_edit.transforms.notice import Notice

THREADS = 16


def test_notice_is_given_once(caplog):
    notice = Notice(logging.getLogger('store'), 'the store is %s: %s')
    begin = threading.Barrier(THREADS)

    def meet_the_cause(number):
        begin.wait()
        notice.give('full', number)

    threads = [threading.Thread(target=meet_the_cause, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [record] = caplog.records
    assert record.levelname == 'WARNING'
    assert record.getMessage().startswith('the store is full: ')
