"""Fetching again: only what may pass, and no more than three times."""

import pytest

from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.fetches import TRIES, PassingFailure, fetch_patiently, may_pass


@pytest.mark.parametrize(
    ('status', 'passes'),
    [(408, True), (425, True), (429, True), (500, True), (599, True), (400, False), (404, False), (304, False)],
)
def test_may_pass(status, passes):
    assert may_pass(status) is passes


@pytest.mark.parametrize('failures', range(4))
def test_fetch_patiently_tries_three_times(failures):
    answers = iter([PassingFailure('HTTP 503')] * failures + [b'content'])
    waits_s = []

    def fetch():
        answer = next(answers)
        if isinstance(answer, PassingFailure):
            raise answer
        return answer

    if failures < TRIES:
        assert fetch_patiently(fetch, waits_s.append) == b'content'
    else:
        with pytest.raises(PassingFailure, match='HTTP 503'):
            fetch_patiently(fetch, waits_s.append)
    assert waits_s == [0.2, 1.0][:failures]


def test_fetch_patiently_raises_other_failures_at_once():
    waits_s = []

    def fetch():
        raise InvalidInput('the server answered HTTP 404')

    with pytest.raises(InvalidInput):
        fetch_patiently(fetch, waits_s.append)
    assert waits_s == []
