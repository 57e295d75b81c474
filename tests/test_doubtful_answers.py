"""A proxy's page is believed to mean every call once as many got it, and nothing else, as can be in flight."""

import pytest

from beam_image_edit.transforms.doubtful_answers import DoubtfulAnswers
from beam_image_edit.transforms.errors import ApiError

PAGE = ApiError('fatal', 'HTTP 403', 403, is_doubtful=True)
CERTAIN = ApiError('fatal', 'HTTP 401', 401)
OVERLOADED = ApiError('retry', 'HTTP 503', 503)


def beliefs(answers, *errors):
    """What each answer proves, each of another call."""
    return [answers.are_fatal(str(number), error) for number, error in enumerate(errors)]


def test_answer_of_the_api_is_believed_at_once():
    assert beliefs(DoubtfulAnswers(16), CERTAIN) == [True]


@pytest.mark.parametrize(('max_in_flight', 'believed_after'), [(1, 3), (5, 5)])
def test_pages_are_believed_when_there_are_enough(max_in_flight, believed_after):
    pages = [PAGE] * believed_after
    assert beliefs(DoubtfulAnswers(max_in_flight), *pages) == [False] * (believed_after - 1) + [True]


def test_page_for_the_same_call_again_proves_nothing_new():
    answers = DoubtfulAnswers(1)
    assert [answers.are_fatal('a', PAGE) for _ in range(5)] == [False] * 5


@pytest.mark.parametrize('let_in', [None, *(ApiError(kind, 'x', 200) for kind in ('refused', 'no_image', 'bad_image'))])
def test_call_that_is_let_in_proves_the_pages_wrong(let_in):
    assert not any(beliefs(DoubtfulAnswers(1), PAGE, PAGE, let_in, PAGE, PAGE))


def test_failure_of_another_kind_proves_nothing():
    assert beliefs(DoubtfulAnswers(1), PAGE, OVERLOADED, PAGE, PAGE) == [False, False, False, True]
