"""Whether and when a failed call is tried again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import ApiError, ConfigurationError
from beam_image_edit.transforms.retries import RetryPolicy, Tries, decide_delay

POLICY = RetryPolicy()


def lowest():
    return 0.0


def highest():
    return 1.0


def fail(kind='retry', **more):
    return ApiError(kind, 'failed', **more)


LOST = fail(may_be_billed=True)
BAD_IMAGE = fail('bad_image', may_be_billed=True)
NO_IMAGE = fail('no_image')


@pytest.mark.parametrize(
    ('error', 'tries', 'is_tried_again'),
    [
        pytest.param(fail(), Tries(clean=1), True, id='clean'),
        pytest.param(fail(), Tries(clean=4), True, id='clean-4'),
        pytest.param(fail(), Tries(clean=5), False, id='clean-5'),
        pytest.param(fail('quota'), Tries(clean=4), True, id='quota-4'),
        pytest.param(fail('quota'), Tries(clean=5), True, id='quota-5'),
        pytest.param(fail('quota'), Tries(overtaken=4), True, id='quota-overtaken-4'),
        pytest.param(fail('quota'), Tries(overtaken=5), False, id='quota-overtaken-5'),
        pytest.param(LOST, Tries(ambiguous=1), True, id='lost'),
        pytest.param(LOST, Tries(ambiguous=2), False, id='lost-twice'),
        pytest.param(fail(), Tries(clean=1, ambiguous=1), True, id='clean-after-lost'),
        pytest.param(LOST, Tries(clean=4, ambiguous=1), False, id='lost-at-the-last-try'),
        pytest.param(BAD_IMAGE, Tries(ambiguous=1), True, id='bad-image'),
        pytest.param(BAD_IMAGE, Tries(ambiguous=2), False, id='bad-image-after-lost'),
        pytest.param(NO_IMAGE, Tries(no_image=1), True, id='no-image'),
        pytest.param(NO_IMAGE, Tries(no_image=2), False, id='no-image-twice'),
        pytest.param(NO_IMAGE, Tries(clean=4, no_image=1), False, id='no-image-at-the-last-try'),
        pytest.param(fail('refused'), Tries(clean=1), False, id='refused'),
        pytest.param(fail('permanent'), Tries(clean=1), False, id='permanent'),
        pytest.param(fail('permanent', may_be_billed=True), Tries(ambiguous=1), False, id='permanent-and-billed'),
        pytest.param(fail('fatal'), Tries(clean=1), False, id='fatal'),
        pytest.param(fail('fatal', retry_after_s=1), Tries(clean=1), False, id='fatal-with-a-wait'),
    ],
)
def test_decide_delay_tells_whether(error, tries, is_tried_again):
    assert (decide_delay(error, tries, POLICY) is not None) is is_tried_again


@pytest.mark.parametrize(
    ('policy', 'error', 'tries'),
    [
        pytest.param(RetryPolicy(max_attempts=1), fail(), Tries(clean=1), id='one-attempt'),
        pytest.param(RetryPolicy(max_attempts=1), NO_IMAGE, Tries(no_image=1), id='one-attempt-no-image'),
        pytest.param(RetryPolicy(max_ambiguous_retries=0), LOST, Tries(ambiguous=1), id='nothing-ambiguous'),
        pytest.param(RetryPolicy(max_no_image_retries=0), NO_IMAGE, Tries(no_image=1), id='no-image-is-an-answer'),
    ],
)
def test_decide_delay_keeps_to_the_policy(policy, error, tries):
    assert decide_delay(error, tries, policy) is None


@pytest.mark.parametrize(
    ('failures', 'longest_s'), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (50, 8), (5000, 8)]
)
def test_back_off_doubles_up_to_its_cap_and_is_jittered(failures, longest_s):
    policy = RetryPolicy(max_attempts=10_000)
    assert decide_delay(fail(), Tries(clean=failures), policy, lowest) == longest_s
    assert decide_delay(fail(), Tries(clean=failures), policy, highest) == longest_s * 0.75


@pytest.mark.parametrize(
    ('asked_s', 'delay_s'),
    [
        pytest.param(59, 59, id='as-asked'),
        pytest.param(0.2, 0.2, id='shorter-than-the-back-off'),
        pytest.param(0, 0.05, id='zero-is-not-at-once'),
        pytest.param(120, 120, id='longest'),
        pytest.param(86_400, 120, id='capped'),
    ],
)
def test_wait_that_the_server_asks_for_is_honoured(asked_s, delay_s):
    error = fail('retry', retry_after_s=asked_s)
    assert decide_delay(error, Tries(clean=1), POLICY, lowest) == delay_s
    assert decide_delay(error, Tries(clean=1), POLICY, highest) == pytest.approx(delay_s * 1.1)


@pytest.mark.parametrize('asked_s', [None, 30.0])
def test_quota_is_waited_for_by_the_limiter_alone(asked_s):
    assert decide_delay(fail('quota', retry_after_s=asked_s), Tries(), POLICY) == 0


def test_quota_does_not_count_as_a_try():
    assert Tries(clean=1).plus(fail('quota')) == Tries(clean=1)


def test_call_that_is_overtaken_is_tried_as_often_as_any():
    assert decide_delay(fail('quota'), Tries(overtaken=8), RetryPolicy(max_attempts=9)) == 0
    assert decide_delay(fail('quota'), Tries(overtaken=9), RetryPolicy(max_attempts=9)) is None


def test_workers_that_are_asked_to_wait_do_not_come_back_at_once():
    error = fail('retry', retry_after_s=10)
    delays = {decide_delay(error, Tries(clean=1), POLICY) for _ in range(50)}
    assert len(delays) > 40


ERRORS = st.builds(
    ApiError,
    st.sampled_from(['retry', 'refused', 'no_image', 'bad_image', 'permanent', 'fatal']),
    st.just('failed'),
    retry_after_s=st.none() | st.floats(0, 1e9),
    may_be_billed=st.booleans(),
)
POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 8),
    max_ambiguous_retries=st.integers(0, 4),
    max_no_image_retries=st.integers(0, 4),
)


@given(error=ERRORS, policy=POLICIES, earlier=st.builds(Tries, *[st.integers(0, 9)] * 3), chance=st.floats(0, 1))
def test_delay_is_within_its_bounds(error, policy, earlier, chance):
    delay_s = decide_delay(error, earlier.plus(error), policy, lambda: chance)
    if delay_s is None:
        return
    if error.retry_after_s is None:
        assert 0.75 * policy.base_delay_s <= delay_s <= policy.max_delay_s
    else:
        asked_s = min(error.retry_after_s, policy.max_server_delay_s)
        assert max(asked_s, 0.1 * policy.base_delay_s) <= delay_s <= 1.1 * max(asked_s, 0.1 * policy.max_delay_s)


@given(errors=st.lists(ERRORS, min_size=30, max_size=30), policy=POLICIES)
def test_call_is_never_sent_more_often_than_the_policy_says(errors, policy):
    tries, sent = Tries(), []
    for error in errors:
        sent.append(error)
        tries = tries.plus(error)
        if decide_delay(error, tries, policy) is None:
            break
    assert len(sent) <= policy.max_attempts
    # The last failure ended it; each of those before it was followed by another try.
    followed = sent[:-1]
    assert sum(error.kind != 'no_image' and error.may_be_billed for error in followed) <= policy.max_ambiguous_retries
    assert sum(error.kind == 'no_image' for error in followed) <= policy.max_no_image_retries


@pytest.mark.parametrize(
    ('limits', 'reason'),
    [
        ({'max_attempts': 0}, 'max_attempts must be an integer >= 1, got 0'),
        ({'max_attempts': 2.0}, 'max_attempts must be an integer >= 1, got 2.0'),
        ({'max_attempts': True}, 'max_attempts must be an integer >= 1, got True'),
        ({'max_ambiguous_retries': -1}, 'max_ambiguous_retries must be an integer >= 0, got -1'),
        ({'max_no_image_retries': '1'}, "max_no_image_retries must be an integer >= 0, got '1'"),
        ({'base_delay_s': -0.5}, 'base_delay_s must be a number >= 0, got -0.5'),
        ({'max_delay_s': float('nan')}, 'max_delay_s must be a number >= 0, got nan'),
        ({'max_server_delay_s': None}, 'max_server_delay_s must be a number >= 0, got None'),
    ],
    ids=str,
)
def test_policy_refuses_limits_that_make_no_sense(limits, reason):
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        RetryPolicy(**limits)


def test_policy_takes_zero_and_whole_numbers():
    assert RetryPolicy(1, 0, 0, 0, 0, 0).max_attempts == 1
