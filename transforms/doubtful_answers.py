"""Doubtful answers: whether one that would mean the end for every call is meant for its own call alone.

A proxy turns a single prompt away with the same page, and the same status, as all calls of a wrong key. What tells them
apart is that others are let in. A page comes within milliseconds and an image takes its time, so that it must be as
many pages, with nothing else between them, as calls can be in flight.
"""

from beam_image_edit.transforms.errors import ApiError

_LEAST_BELIEVED = 3
# Only the API itself answers so.
_LET_IN = frozenset({'refused', 'no_image', 'bad_image'})


class DoubtfulAnswers:
    """Decides by all answers of a process; safe to share between threads.

    Args:
        max_in_flight: how many calls can be out at a time.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._believed_after = max(_LEAST_BELIEVED, max_in_flight)
        # Keys of the calls that have got one since any was let in. (Each change to a set is atomic.)
        self._turned_away: set[str] = set()

    def are_fatal(self, key: str, error: ApiError | None) -> bool:
        """Whether a call's answer means that every further call would fail.

        Args:
            key: the call's.
            error: its answer; None if it brought images.
        """
        if error is None or error.kind in _LET_IN:
            self._turned_away.clear()
            return False
        if error.kind != 'fatal' or not error.is_doubtful:
            return error.kind == 'fatal'
        self._turned_away.add(key)
        return len(self._turned_away) >= self._believed_after
