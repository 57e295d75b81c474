"""Whether a failed call is tried again, and when: pure functions of the error and of what was tried before."""

import random as random_module
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from beam_image_edit.transforms.errors import ApiError, ConfigurationError

# A quota that is shared with other programs turns a call away now and then that others overtake, but not so often.
_LEAST_OVERTAKEN = 5


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried.

    Attributes:
        max_attempts: tries of a call, the first included, whatever it fails with but a quota, for which it waits.
        max_ambiguous_retries: of these, how many after a failure that may have been billed.
        max_no_image_retries: of these, how many after an answer without an image.
        base_delay_s: the back-off before the first retry, doubled for each further one, with jitter.
        max_delay_s: the longest back-off of our own.
        max_server_delay_s: the longest wait that a server may ask for.
    """

    max_attempts: int = 5
    max_ambiguous_retries: int = 1
    max_no_image_retries: int = 1
    base_delay_s: float = 0.5
    max_delay_s: float = 8.0
    max_server_delay_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuses limits that make no sense."""
        for limit in fields(self):
            value, least = getattr(self, limit.name), 1 if limit.name == 'max_attempts' else 0
            kinds = int if limit.type is int else (int, float)
            # Not a number is not >= anything.
            if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
                kind = 'an integer' if limit.type is int else 'a number'
                raise ConfigurationError(f'{limit.name} must be {kind} >= {least}, got {value!r}')


@dataclass(frozen=True, slots=True)
class Tries:
    """How a call has failed so far, by what each failure may have cost.

    Attributes:
        clean: it was not billed.
        ambiguous: it may have been billed.
        no_image: it was answered without an image.
        overtaken: it was turned away by a quota that had let in younger calls, so that it may not be the quota.
    """

    clean: int = 0
    ambiguous: int = 0
    no_image: int = 0
    overtaken: int = 0

    def plus(self, error: ApiError) -> 'Tries':
        """The tries with one more failure.

        >>> Tries(clean=1).plus(ApiError('retry', 'timeout', may_be_billed=True))
        Tries(clean=1, ambiguous=1, no_image=0, overtaken=0)
        """
        if error.kind == 'quota':
            return self
        if error.kind == 'no_image':
            return replace(self, no_image=self.no_image + 1)
        if error.may_be_billed:
            return replace(self, ambiguous=self.ambiguous + 1)
        return replace(self, clean=self.clean + 1)


def decide_delay(
    error: ApiError, tries: Tries, policy: RetryPolicy, random: Callable[[], float] = random_module.random
) -> float | None:
    """Seconds until the call is tried again; None if it is not.

    Args:
        error: the latest failure.
        tries: all failures of this call, the latest included.
        policy: the limits.
        random: uniform in [0, 1), for the jitter that keeps many workers from coming back at once.
    """
    if error.kind == 'quota':
        # When it may go on is the limiter's to say.
        return None if tries.overtaken >= max(_LEAST_OVERTAKEN, policy.max_attempts) else 0.0
    if error.kind not in ('retry', 'no_image', 'bad_image'):
        return None
    if error.kind == 'no_image' and tries.no_image > policy.max_no_image_retries:
        return None
    if error.may_be_billed and tries.ambiguous > policy.max_ambiguous_retries:
        return None
    failures = tries.clean + tries.ambiguous + tries.no_image
    if failures >= policy.max_attempts:
        return None
    back_off = min(policy.max_delay_s, policy.base_delay_s * 2 ** min(failures - 1, 16))
    if error.retry_after_s is None:
        return back_off * (1 - 0.25 * random())
    # Not a moment earlier than asked, and not all at the same moment; a server that says 0 is not hammered either.
    asked = max(min(error.retry_after_s, policy.max_server_delay_s), 0.1 * back_off)
    return asked * (1 + 0.1 * random())
