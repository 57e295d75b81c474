"""The number of calls at a time that a server takes, found from the calls that it turns away.

A call turned away while more were in flight than ever before, lately, may have been one too many; one turned away
where others were let in with as many in flight was not: that was a quota of calls per time. A cap that was found is
kept exactly, and after some rounds of calls tried again with one more, then with more and more.
"""

import math
from collections import deque

from beam_image_edit.transforms.limits.turns import Turn

# Calls overtake each other on their way: how many were in flight is known so well, as a share, or to one call.
_UNSURE = 0.05
# So many calls let in with more in flight show that it was not their number.
_PROOF_CALLS = 3
# Proofs are looked for among the calls of these last seconds, and, however rare calls are, among the last few.
_REMEMBERED_S = 10.0
_REMEMBERED_CALLS = 16
_MOST_CALLS = 512
# Few calls in flight prove little, nor does a cap that was none before: then so many refusals must agree.
_FEW_CALLS = 4
_AGREEING = 3
# A cap that was met once is doubted: every so many seconds one call more is tried.
_TRIAL_S = 0.3
# One that was met again is tried with one call more after so many rounds of calls, and so many calls; with two after
# 1.26 times as many, and so on with the cube. Each time that it is met once more it takes twice as long, up to a limit.
_CALM_ROUNDS = 1.6
_CALM_CALLS = 10
_MOST_PATIENCE = 4


class AdaptiveCap:
    """Says how many calls may be in flight; not safe to share between threads."""

    def __init__(self) -> None:
        self._found: int | None = None
        self._found_at = -math.inf
        self._highest = 0
        self._rush_began = 0.0
        self._is_doubted = False
        self._patience = 0.5
        self._was_none = False
        self._let_in = 0
        self._is_testing = False
        self._test: Turn | None = None
        self._recent: deque[Turn] = deque(maxlen=_MOST_CALLS)
        self._levels: deque[int] = deque(maxlen=_AGREEING)

    def limit(self, now: float) -> int | None:
        """How many calls may be in flight; None: any number."""
        if self._found is None:
            return None
        if self._is_doubted:
            return self._found + int((now - self._found_at) / _TRIAL_S)
        calm_calls = self._patience * max(_CALM_ROUNDS * self._found, _CALM_CALLS)
        return self._found + int((self._let_in / calm_calls) ** 3)

    def next_at(self, now: float, verdict_s: float) -> float:
        """When the next call may begin: after a refusal one goes alone, until it has been let in."""
        if self._test is None:
            return -math.inf
        verdict_at = self._test.begun + verdict_s
        if now >= verdict_at:
            self._is_testing, self._test = False, None
        return verdict_at

    def begin(self, turn: Turn) -> None:
        """Takes into account that a call begins."""
        if self._is_testing:
            self._test = turn
        self._recent.append(turn)
        self._let_in += 1

    def accept(self, turn: Turn) -> None:
        """Takes into account that a call was let in."""
        if turn is self._test:
            self._is_testing, self._test = False, None
        if self._found is not None and self._rush_began <= turn.begun <= self._found_at:
            # It has overtaken one that was turned away.
            self._found = max(self._found, turn.ahead + 1)

    def reject(self, turn: Turn, now: float, verdict_s: float) -> bool:
        """Takes into account that a call was turned away; whether it may have been one too many.

        Args:
            turn: the call.
            now: the time.
            verdict_s: calls that were begun as long ago, and not turned away, were let in.
        """
        self._let_in -= 1
        if turn is self._test:
            self._test = None
        if turn.begun <= self._found_at:
            # Of the same rush as the call before it, which has told all.
            if self._found is not None:
                self._found = max(1, min(self._found, turn.ahead))
            return self._found is not None
        self._levels.append(turn.ahead)
        found, self._found = self._found, self._judge(turn, now, verdict_s)
        self._found_at, self._let_in = now, 0
        self._is_testing = self._found is not None
        self._is_doubted = found is None or not _is_about(found, turn.ahead)
        self._patience = 0.5 if self._is_doubted else min(2 * self._patience, _MOST_PATIENCE)
        self._rush_began = turn.begun
        if self._found is None:
            self._was_none, self._highest = True, 0
            return False
        self._highest = max(self._highest, self._found)
        return True

    def _judge(self, turn: Turn, now: float, verdict_s: float) -> int | None:
        """The number of calls that may be in flight, if it was one too many; None if it was not."""
        if turn.ahead == 0 or self._count_proofs(turn, now, verdict_s) >= _PROOF_CALLS:
            return None
        if turn.ahead < self._highest and not _is_about(self._highest, turn.ahead):
            return None  # as many had been taken away from those in flight, and yet it was one too many
        if self._found is None and (self._was_none or turn.ahead < _FEW_CALLS):
            if len(self._levels) < _AGREEING or not self._do_levels_agree():
                return None
            self._was_none = False
        return turn.ahead

    def _do_levels_agree(self) -> bool:
        lowest, highest = min(self._levels), max(self._levels)
        return lowest == highest or (lowest >= _FEW_CALLS and _is_about(lowest, highest))

    def _count_proofs(self, turn: Turn, now: float, verdict_s: float) -> int:
        proofs = 0
        for age, other in enumerate(reversed(self._recent)):
            if age >= _REMEMBERED_CALLS and now - other.begun > _REMEMBERED_S:
                break
            is_let_in = not other.is_turned_away and now - other.begun >= verdict_s
            proofs += is_let_in and other.ahead > turn.ahead + _UNSURE * turn.ahead
        return proofs


def _is_about(calls: int, other: int) -> bool:
    return abs(calls - other) <= max(1, _UNSURE * calls)
