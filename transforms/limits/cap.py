"""The number of calls at a time that a server takes, found from the calls that it turns away.

A call turned away while more were in flight than ever before, lately, may have been one too many; one turned away
where others were let in with as many in flight was not: that was a quota of calls per time. A cap that was found is
kept exactly, and after some rounds of calls tried again with one more, then with more and more.
"""

from collections import deque

from beam_image_edit.transforms.limits.turns import Turn

# So many calls let in with as many in flight show that it was not their number.
_PROOF_CALLS = 3
# Calls overtake each other on their way: how many were in flight is known so well, as a share.
_UNSURE = 0.05
# Proofs are looked for among the calls of these last seconds, and, however rare calls are, among the last few.
_REMEMBERED_S = 10.0
_REMEMBERED_CALLS = 16
_MOST_CALLS = 512
# A cap that was met once is doubted: every so many seconds one call more is tried.
_TRIAL_S = 0.3
# One that was met again at about the same number is tried with one call more after so many rounds, with two after 1.26
# times as many, and so on with the cube: 24 more after 18 rounds.
_CALM_ROUNDS = 6.4
_SAME = 0.1
# However long calls take, so many seconds count for a round.
_ROUND_S = 30.0


class AdaptiveCap:
    """Says how many calls may be in flight; not safe to share between threads."""

    def __init__(self) -> None:
        self._found: int | None = None
        self._found_at = 0.0
        self._is_doubted = False
        self._let_in = 0
        self._recent: deque[Turn] = deque(maxlen=_MOST_CALLS)

    def limit(self, now: float) -> int | None:
        """How many calls may be in flight; None: any number."""
        if self._found is None:
            return None
        if self._is_doubted:
            return self._found + int((now - self._found_at) / _TRIAL_S)
        rounds = max(self._let_in / self._found, (now - self._found_at) / _ROUND_S)
        return self._found + int((rounds / _CALM_ROUNDS) ** 3)

    def begin(self, turn: Turn) -> None:
        """Takes into account that a call begins."""
        self._recent.append(turn)
        self._let_in += 1

    def reject(self, turn: Turn, now: float, verdict_s: float) -> bool:
        """Takes into account that a call was turned away; whether it may have been one too many.

        Args:
            turn: the call.
            now: the time.
            verdict_s: calls that were begun as long ago, and not turned away, were let in.
        """
        if self._found is not None and turn.begun <= self._found_at:
            # Of the same rush as the call that has shown the cap.
            self._found = max(1, min(self._found, turn.ahead))
            return True
        self._let_in -= 1
        if turn.ahead == 0 or self._count_proofs(turn, now, verdict_s) >= _PROOF_CALLS:
            self._found = None
            return False
        found = turn.ahead
        self._is_doubted = self._found is None or abs(found - self._found) > max(1, _SAME * self._found)
        self._found, self._found_at, self._let_in = found, now, 0
        return True

    def _count_proofs(self, turn: Turn, now: float, verdict_s: float) -> int:
        proofs = 0
        for age, other in enumerate(reversed(self._recent)):
            if age >= _REMEMBERED_CALLS and now - other.begun > _REMEMBERED_S:
                break
            is_let_in = not other.is_turned_away and now - other.begun >= verdict_s
            proofs += is_let_in and other.ahead > turn.ahead + _UNSURE * turn.ahead
        return proofs
