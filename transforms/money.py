"""Money, counted in whole millionths of a millionth of a dollar.

That is far below any price, and exact in any order: 25 times $0.039 is $0.975 to the last digit.
"""

_PARTS_PER_USD = 10**12


def to_parts(usd: float) -> int:
    """Dollars as a whole number of parts.

    >>> 25 * to_parts(0.039) == to_parts(0.975)
    True
    """
    return round(usd * _PARTS_PER_USD)


def to_usd(parts: int) -> float:
    """Parts as dollars.

    >>> to_usd(to_parts(0.039))
    0.039
    """
    return parts / _PARTS_PER_USD
