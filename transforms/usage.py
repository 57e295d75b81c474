"""Usage: what a call has consumed, as the API counted it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; None where the API did not say."""

    input: int | None = None
    output: int | None = None
    thinking: int | None = None
    total: int | None = None

    def plus(self, other: 'Usage') -> 'Usage':
        """The tokens of two answers.

        >>> Usage(input=5).plus(Usage(input=7, total=9))
        Usage(input=12, output=None, thinking=None, total=9)
        """
        return Usage(*(_add(getattr(self, kind), getattr(other, kind)) for kind in self.__slots__))


def _add(one: int | None, other: int | None) -> int | None:
    return one if other is None else other + (one or 0)
