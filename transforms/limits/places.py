"""The limits that a user knows, and the places that they leave for calls.

A place is a moment at which a call may begin. Places keep a limit exactly: however a window of the quota's length is
laid over them, there are no more in it than the limit allows, and they are spread evenly, so that no more than two come
at once. All that has to be known for the next place is a row of numbers, which can be an array, or a file that several
processes map into their memory.
"""

from collections.abc import MutableSequence
from dataclasses import dataclass

from beam_image_edit.transforms.errors import ConfigurationError

_MINUTE_S = 60.0
# A call reaches the server a little later than its place, one sooner than another: the window is taken longer by this.
_MARGIN = 0.02
MOST_PER_MINUTE = 1_000_000
# Before the places of a limit stand the moment to which an even spread has come, and how many places were given.
_HEADER = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may ask for in any minute; None: no limit is known.

    >>> Limits(images_per_minute=5).shared_by(2)
    Limits(requests_per_minute=None, images_per_minute=2.5)
    """

    requests_per_minute: float | None = None
    images_per_minute: float | None = None

    def __post_init__(self) -> None:
        """Refuses limits that make no sense."""
        for name in ('requests_per_minute', 'images_per_minute'):
            value = getattr(self, name)
            if value is not None and not 0 < value <= MOST_PER_MINUTE:
                raise ConfigurationError(f'{name} must be more than 0 and at most {MOST_PER_MINUTE:,}, got {value}')

    def __bool__(self) -> bool:
        return self.requests_per_minute is not None or self.images_per_minute is not None

    def shared_by(self, workers: int) -> 'Limits':
        """Each worker's part, where they can't tell each other of their calls."""
        return Limits(
            self.requests_per_minute and self.requests_per_minute / workers,
            self.images_per_minute and self.images_per_minute / workers,
        )


class Places:
    """Places of one limit, in a row of numbers; not safe to share between threads or processes.

    Args:
        per_minute: how many units there are in a minute. Below 1 it is one unit in so many more minutes.
        cells: `cells_for(per_minute)` numbers, all 0 at first; they hold all that is known.
    """

    def __init__(self, per_minute: float, cells: MutableSequence[float]) -> None:
        self._limit = max(1, int(per_minute))
        self._window_s = _MINUTE_S * self._limit / per_minute * (1 + _MARGIN)
        self._cells = cells

    @staticmethod
    def cells_for(per_minute: float) -> int:
        """How many numbers the places of a limit need."""
        return _HEADER + max(1, int(per_minute))

    def find(self, now: float, units: int) -> float:
        """The next moment at which a call of so many units may begin.

        A call of more units than the limit is one of as many as the limit, alone in its window.
        """
        spread, given = self._cells[0], int(self._cells[1])
        # The last unit may begin when the one that was given `limit` places before it leaves the window.
        last = given + min(units, self._limit) - 1 - self._limit
        leaves = self._cells[_HEADER + last % self._limit] + self._window_s if last >= 0 else now
        return max(now, spread - self._interval_s, leaves)

    def take(self, place: float, units: int) -> None:
        """Takes the place that `find` has found."""
        spread, given = self._cells[0], int(self._cells[1])
        units = min(units, self._limit)
        for unit in range(units):
            self._cells[_HEADER + (given + unit) % self._limit] = place
        self._cells[0] = max(spread, place) + units * self._interval_s
        self._cells[1] = given + units

    @property
    def _interval_s(self) -> float:
        return self._window_s / self._limit
