"""Usage: what a call has consumed, as the API counted it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; None where the API did not say."""

    input: int | None = None
    output: int | None = None
    thinking: int | None = None
    total: int | None = None
