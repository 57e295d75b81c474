"""Usage: what a call has consumed, as the API counted it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; None where the API did not say.

    Attributes:
        input: all that was sent.
        output: all that came back, thoughts not counted.
        thinking: thoughts.
        total: all of these.
        input_image: those of `input` that are images, which some models charge more for.
        output_image: those of `output` that are images, which most models charge more for.
    """

    input: int | None = None
    output: int | None = None
    thinking: int | None = None
    total: int | None = None
    input_image: int | None = None
    output_image: int | None = None

    def plus(self, other: 'Usage') -> 'Usage':
        """The tokens of two answers.

        >>> Usage(input=5).plus(Usage(input=7, input_image=4)) == Usage(input=12, input_image=4)
        True
        """
        return Usage(*(_add(getattr(self, kind), getattr(other, kind)) for kind in self.__slots__))


def _add(one: int | None, other: int | None) -> int | None:
    return one if other is None else other + (one or 0)
