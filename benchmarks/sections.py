"""Sections of the document: what a figure says about its runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and whether it is met.

    Attributes:
        what: is measured.
        target: in words, such as `≤ 1.05`.
        measured: in words.
        is_met: whether it is.
    """

    what: str
    target: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot of one or several lines.

    Attributes:
        name: of its file.
        title: above it.
        x: what goes to the right, on a logarithmic scale.
        y: what goes up.
        lines: points by the name of the line.
        is_logarithmic: whether y is too.
    """

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    is_logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """What a figure has to say.

    Attributes:
        title: of the section.
        text: what was measured, and how.
        table: Markdown.
        verdicts: the targets of this figure.
        advice: what a user can do with it, a sentence each.
        charts: its plots.
    """

    title: str
    text: str
    table: str
    verdicts: tuple[Verdict, ...] = ()
    advice: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()


def write_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown.

    >>> print(write_table(['a', 'b'], [[1, 2]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, *rows]
    written = [f'| {" | ".join(map(str, line))} |' for line in lines]
    return '\n'.join([written[0], '|' + '---|' * len(head), *written[1:]])


def at_most(what: str, bound: float, measured: float, shown: object, unit: str = '') -> Verdict:
    """A target that must not be exceeded."""
    return Verdict(what, f'≤ {bound:g}{unit}', str(shown), measured <= bound)


def at_least_share(what: str, bound: float, measured: float) -> Verdict:
    """A share that must be reached."""
    return Verdict(what, f'≥ {bound:.0%}', f'{measured:.1%}', measured >= bound)


def at_most_share(what: str, bound: float, measured: float) -> Verdict:
    """A share that must not be exceeded."""
    return Verdict(what, f'≤ {bound:.0%}', f'{measured:.1%}', measured <= bound)
