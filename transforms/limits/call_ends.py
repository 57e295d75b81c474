"""Call ends: what a server made of a call, in the words in which limits are thought about."""

import math
from dataclasses import dataclass
from typing import Literal

from beam_image_edit.transforms.errors import ApiError

EndKind = Literal['accepted', 'quota', 'overloaded', 'unknown']
_OVERLOADED = frozenset({503, 529})


@dataclass(frozen=True, slots=True)
class CallEnd:
    """What a server made of a call, as far as limits are concerned.

    Attributes:
        kind: `accepted` (the server took it on, whatever came of it), `quota` (turned away by 429), `overloaded`
            (turned away by 503 or 529), `unknown` (it was not sent, or never reached the server).
        wait_s: how long the server asks to wait, in seconds; None if it does not say.
        limit_per_minute: the quota, if the server told it; None if not.
    """

    kind: EndKind
    wait_s: float | None = None
    limit_per_minute: float | None = None


UNSENT = CallEnd('unknown')
ACCEPTED = CallEnd('accepted')


def end_of(error: ApiError | None, longest_wait_s: float = math.inf) -> CallEnd:
    """How a call ended that was sent.

    >>> end_of(ApiError('quota', 'slow down', 429, retry_after_s=2.0))
    CallEnd(kind='quota', wait_s=2.0, limit_per_minute=None)

    Args:
        error: why it brought no image; None if it did.
        longest_wait_s: that a server may ask for.
    """
    if error is None:
        return ACCEPTED
    wait_s = None if error.retry_after_s is None else min(error.retry_after_s, longest_wait_s)
    if error.kind == 'quota':
        return CallEnd('quota', wait_s, error.limit_per_minute)
    if error.kind == 'retry' and error.status in _OVERLOADED:
        return CallEnd('overloaded', wait_s)
    is_answered = error.status is not None or error.may_be_billed
    return ACCEPTED if is_answered else UNSENT
