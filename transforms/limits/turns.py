"""Turns: a call's leave to be in flight."""

from dataclasses import dataclass


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
