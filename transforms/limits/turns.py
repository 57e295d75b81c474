"""Turns: a call's leave to be in flight, and how it ended, in the words in which limits are thought about."""

from dataclasses import dataclass
from typing import Literal

EndKind = Literal['accepted', 'quota', 'overloaded', 'unknown']


@dataclass(slots=True, eq=False)
class Turn:
    """A call's leave to be in flight.

    Attributes:
        rank: its place among those that wait, the smallest first; a call that is put back keeps it.
        images: how many it asks for.
        begun: when it was given, in the limiter's seconds.
        ahead: how many calls, of those that the server has not turned away, were in flight then.
        is_turned_away: whether the server is known to have turned it away.
    """

    rank: int
    images: int
    begun: float
    ahead: int
    is_turned_away: bool = False


@dataclass(frozen=True, slots=True)
class CallEnd:
    """What a server made of a call, as far as limits are concerned.

    Attributes:
        kind: `accepted` (the server took it on, whatever came of it), `quota` (turned away by 429), `overloaded` (turned
            away by 503 or 529), `unknown` (it was not sent, or never reached the server).
        wait_s: how long the server asks to wait, in seconds; None if it does not say.
        limit_per_minute: the quota, if the server told it; None if not.
    """

    kind: EndKind
    wait_s: float | None = None
    limit_per_minute: float | None = None


UNSENT = CallEnd('unknown')
