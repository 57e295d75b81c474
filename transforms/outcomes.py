"""An outcome: what became of one sample, in the form in which it leaves the edit step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EDITED = 'edited'
REFUSED = 'refused'
NO_IMAGE = 'no_image'
INVALID_INPUT = 'invalid_input'
FAILED = 'failed'
IN_DOUBT = 'in_doubt'
STOPPED = 'stopped'
# Between what became of a call and why it was not tried again.
NOT_SENT_AGAIN = 'not sent again'
STATUSES = (EDITED, REFUSED, NO_IMAGE, INVALID_INPUT, FAILED, IN_DOUBT, STOPPED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample.

    Attributes:
        text: the row's own text, as in `Sample.text`.
        index: as in `Sample.index`.
        name: the name under which its images are (or would be) stored.
        output_image: where its images are: the cache path as given + the rest.
        edit: the manifest's `edit` field: JSON values only, the keys and order of `manifest.EDIT_SCHEMA`.
        spent: what this run, and no earlier one, spent on it: `calls`, `possibly_double_billed`, `unpriced_calls`,
            `input_tokens`, `output_tokens`, `cost_usd`; a row that shares another row's purchase spent nothing. And
            `unpriced_calls_of_all_rows`, which counts earlier runs' calls too.
        origin: as in `Sample.origin`.
        folder: as in `Sample.folder`.
    """

    text: str
    index: int | None
    name: str | None
    output_image: tuple[str, ...]
    edit: Mapping[str, Any]
    spent: Mapping[str, float] = field(default_factory=dict)
    origin: Any = None
    folder: str = ''

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return str(self.edit['status'])
