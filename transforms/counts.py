"""Counts as people read them: `1 row`, `2 rows`, `1,200 rows`, `1, 2, 3 and 1,200 more`."""

from collections.abc import Sequence


def show_count(number: int, noun: str) -> str:
    """A number with what it counts.

    Args:
        number: how many.
        noun: one of them; its plural takes an s.

    >>> show_count(1, 'row'), show_count(0, 'call'), show_count(1_200, 'edited row')
    ('1 row', '0 calls', '1,200 edited rows')
    """
    return f'{number:,} {noun}{plural_ending(number)}'


def plural_ending(number: float) -> str:
    """What the noun of a number takes.

    >>> plural_ending(1), plural_ending(2)
    ('', 's')
    """
    return '' if number == 1 else 's'


def show_some(things: Sequence[object], most: int) -> str:
    """The first of some numbers or names, and how many more there are.

    >>> show_some([7, 9], 2), show_some(range(1, 2_000), 3)
    ('7, 9', '1, 2, 3 and 1,996 more')
    """
    named = ', '.join(map(str, things[:most]))
    return f'{named} and {len(things) - most:,} more' if len(things) > most else named
