"""Turns: a call's leave to be in flight."""

import math
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
        refusals: how often the call was turned away, this turn and those before it in a row.
        refused_at: when it was first turned away.
        overtaken: how often it was turned away although a call that began later had been let in. No quota does that.
        wait_s: how long the call is to wait before it asks for its next turn.
    """

    rank: int
    images: int
    begun: float
    ahead: int
    is_turned_away: bool = False
    refusals: int = 0
    refused_at: float = math.inf
    overtaken: int = 0
    wait_s: float = 0.0
