"""Pictures of a data set: read from where they are, compared with what was edited, a few rows ahead.

Bytes are read where they are written, so that none crosses from one worker to another. A store answers slowly and many
questions at once; so the next rows' pictures are read while a row is written, within a bound of rows and of bytes.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from beam_image_edit.transforms.errors import InvalidInput, StorageError
from beam_image_edit.transforms.exports.rows import ExportRow, PictureFile
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.inputs import InputReader, shorten
from beam_image_edit.transforms.storage import Storage

T = TypeVar('T')
_THREADS = 8
_BYTES_AHEAD = 64 << 20


class PictureReader:
    """Reads a row's pictures; safe to share between threads.

    Args:
        cache_path: where the edited pictures are.
        image_root: as `InputReader` has it, for the sources.
        options: of file systems; see `file_systems`.
    """

    def __init__(self, cache_path: str, image_root: str | None = None, options: StorageOptions | None = None) -> None:
        self._inputs = InputReader(image_root=image_root, storage_options=options)
        self._storage = Storage(cache_path, options)

    def read(self, row: ExportRow) -> dict[str, bytes]:
        """The bytes of a row's pictures by their names.

        Raises:
            InvalidInput: a source is gone, can't be read, or is not what was edited.
            StorageError: likewise a result.
        """
        inputs = {picture.name: self._read_input(picture) for picture in row.inputs}
        return inputs | {picture.name: self._read_result(picture) for picture in row.results}

    def _read_input(self, picture: PictureFile) -> bytes:
        content = self._inputs.read(picture.location)
        if not _is_same(content, picture):
            raise InvalidInput(f'{shorten(picture.location)}: is not the picture that was edited: it has changed')
        return content

    def _read_result(self, picture: PictureFile) -> bytes:
        root = self._storage.url('')
        if not picture.location.startswith(root):
            raise StorageError(f'{picture.location} is not below {root}: give the cache_path that it was edited with')
        content = self._storage.read(picture.location.removeprefix(root))
        if content is None:
            raise StorageError(f'{picture.location} is gone')
        if not _is_same(content, picture):
            raise StorageError(f'{picture.location} is not as it was bought: it has been altered')
        return content


def read_ahead(
    rows: Iterable[ExportRow],
    read: Callable[[ExportRow], T],
    most_rows: int = _THREADS,
    most_bytes: int = _BYTES_AHEAD,
) -> Iterator[tuple[ExportRow, Future[T]]]:
    """Each row, in order, with what reading it has brought.

    Args:
        rows: the rows.
        read: reads a row's pictures.
        most_rows: how many rows are read ahead.
        most_bytes: how many bytes of pictures these may have; a row with more is read alone.
    """
    with ThreadPoolExecutor(most_rows) as pool:
        ahead: deque[tuple[ExportRow, Future[T]]] = deque()
        held = 0
        for row in rows:
            while ahead and (len(ahead) == most_rows or held + row.picture_bytes > most_bytes):
                held -= ahead[0][0].picture_bytes
                yield ahead.popleft()
            ahead.append((row, pool.submit(read, row)))
            held += row.picture_bytes
        while ahead:
            yield ahead.popleft()


def _is_same(content: bytes, picture: PictureFile) -> bool:
    return hashlib.sha256(content).hexdigest() == picture.sha256
