"""What can go wrong, as one tree.

EditError
├── ConfigurationError   the job can't start as it was asked for; a usage error
├── InvalidInput         a row can't be used; nothing was sent for it
├── BrokenPicture        bytes that are no whole picture, whoever they are from
├── ApiError             a call that brought no images; see `ApiError.kind`
├── Stopped              the job was stopped before the call was sent
└── StorageError         what was made could not be stored, or what is stored can't be read

Every message says what is wrong, the value, and what to do; none holds an API key.
"""

from dataclasses import dataclass
from typing import Literal

from beam_image_edit.transforms.usage import Usage

ErrorKind = Literal['retry', 'quota', 'refused', 'no_image', 'bad_image', 'permanent', 'fatal']


class EditError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigurationError(EditError, ValueError):
    """The job can't start as it was asked for."""


class InvalidInput(EditError):
    """A row can't be used: what is wrong with it, for the person who wrote it."""


class BrokenPicture(EditError):
    """Bytes that can't be used as a picture, in a row or in an answer: why."""


class Stopped(EditError):
    """The job was stopped before this call was sent; nothing was paid for it."""


class StorageError(EditError, OSError):
    """Something could not be stored, or what is stored can't be read, whichever store it is."""


@dataclass
class ApiError(EditError):
    """A call that brought no images.

    Attributes:
        kind: `retry` (a clean failure that may pass), `quota` (as retry, asked to slow down), `refused` (the
            provider's safety system), `no_image` (answered without an image), `bad_image` (a complete answer whose
            image can't be read), `permanent` (the same request will fail again), `fatal` (every request will fail:
            wrong key, no credit, model gone).
        message: what the API said, shortened, without keys.
        status: the HTTP status, None where there was no answer.
        retry_after_s: how long the server asked to wait, in seconds.
        request_id: the API's own id of the request.
        may_be_billed: whether the provider may have charged for it (sent, but the answer was lost or unreadable).
        usage: tokens, where an answer without an image reported them.
        limit_per_minute: the account's quota of calls, where an answer told it.
        is_doubtful: whether a `fatal` may be meant for this request alone: a proxy turns one away with the same status
            as all of them, and only the API's own words tell.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    may_be_billed: bool = False
    usage: Usage | None = None
    limit_per_minute: float | None = None
    is_doubtful: bool = False

    def __str__(self) -> str:
        return self.message


def find_cause(error: BaseException) -> BaseException:
    """The first of a chain of errors, which names the reason where the others name the libraries' layers."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
