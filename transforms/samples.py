"""A sample: one row of the input as it was read, before anyone looked into it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the input, its text untouched and its place known.

    Attributes:
        text: the line without its end. Where it is not valid UTF-8, with U+FFFD in place of the bad bytes.
        index: 0-based position among all rows of the job; None in a job that numbers no rows.
        line: 1-based physical line in its file, for error texts; None where there is no file.
        name: the folder and file stem of its images, such as `sample_7`; None: named by its request key.
        folder: where its relative image paths start: the folder of its JSONL file, as a path or URL.
        problem: why it can't be used, where that is known from reading alone; None for a good one.
        origin: what its outcome is to bring back, whatever it is: the row it was made from; None where the text does.
    """

    text: str
    index: int | None = None
    line: int | None = None
    name: str | None = None
    folder: str = ''
    problem: str | None = None
    origin: Any = None
