"""Input pictures: read, prepared for the model, and remembered, so that a rerun does not read a million files again.

What is remembered, by the place and state of the file (size and modification time, or a store's ETag), is everything
that a request key and the manifest need. The bytes are read again only if a call must really be sent.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from beam_image_edit.transforms.conversions import Picture
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput, StorageError
from beam_image_edit.transforms.inputs import InputReader, shorten
from beam_image_edit.transforms.json_text import escape_invisible, write_compact
from beam_image_edit.transforms.memory import MemoryBudget
from beam_image_edit.transforms.notice import Notice
from beam_image_edit.transforms.pictures import PictureInfo, decode
from beam_image_edit.transforms.storage import Storage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputPicture:
    """What is known of an input picture without its bytes.

    Attributes:
        sha256: of the bytes to send.
        bytes: how many there are to send.
        info: what they are.
        conversion: what was done to the file; None: they are the file's own bytes.
        source: the file itself: sha256, bytes, width, height, mime.
        read: reads the file, and prepares it as before.
        kept: the picture with its bytes, where they are in memory.
        place: what it is in its row, `image 0` or `mask`.
    """

    sha256: str
    bytes: int
    info: PictureInfo
    conversion: str | None
    source: Mapping[str, Any]
    read: Callable[[], Picture]
    kept: Picture | None = None
    place: str = ''

    def load(self) -> Picture:
        """The picture with its bytes."""
        return self.kept or self.read()

    def without_bytes(self) -> 'InputPicture':
        """The same, to be read again when it is needed."""
        return replace(self, kept=None)


class InputPictures:
    """Looks at input pictures; safe to share between threads.

    Args:
        reader: reads the files.
        storage: the cache path, where what is known of them is kept.
        check_open: raises Stopped once nothing may be sent; then only remembered pictures are looked at, which is
            enough to find what has been bought.
        is_reading_all: reads every file in spite of what is remembered.
        is_decoding: decodes every file in full before it counts as usable, which finds damaged pixels and costs 25 to
            400 ms of processor time a picture; what is remembered without that is read again.
        memory: for the files while they are read and prepared; None: as much as they take.
    """

    def __init__(
        self,
        reader: InputReader,
        storage: Storage,
        check_open: Callable[[], None] = lambda: None,
        is_reading_all: bool = False,
        is_decoding: bool = False,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._reader = reader
        self._storage = storage
        self._check_open = check_open
        self._is_reading_all = is_reading_all
        self._is_decoding = is_decoding
        self._memory = memory or MemoryBudget(sys.maxsize)
        self._unremembered = Notice(_log, 'the next run will read a picture again: %s')

    def look_at(self, place: str, url: str, recipe: str, prepare: Callable[[bytes], Picture]) -> InputPicture:
        """What is known of a picture once it is prepared.

        Args:
            place: what it is in its row, for error texts too.
            url: as `InputReader.read` takes it.
            recipe: names all that `prepare` depends on; another recipe is remembered apart.
            prepare: makes a file's bytes ready to be sent.

        Raises:
            InvalidInput: it can't be read or used.
            Stopped: it would have to be read, and nothing may be sent any more.
        """
        try:
            return self._look_at(place, url, f'{recipe} decoded' if self._is_decoding else recipe, prepare)
        except InvalidInput as error:
            raise InvalidInput(f'{place}: {error}') from error

    def _look_at(self, place: str, url: str, recipe: str, prepare: Callable[[bytes], Picture]) -> InputPicture:
        stamp = self._reader.stamp(url)
        path = _memory_path(url, recipe, stamp) if stamp else None
        remembered = self._recall(path, place, url, prepare) if path and not self._is_reading_all else None
        if remembered:
            return remembered
        if not url.startswith('data:'):
            self._check_open()
        hold = self._memory.open()
        try:
            hold.resize(self._reader.size(url))
            return self._read_and_describe(place, url, path, prepare)
        finally:
            hold.release()

    def _read_and_describe(
        self, place: str, url: str, path: str | None, prepare: Callable[[bytes], Picture]
    ) -> InputPicture:
        content = self._reader.read(url)
        try:
            if self._is_decoding:
                decode(content)
            picture = prepare(content)
        except (InvalidInput, BrokenPicture) as error:
            raise InvalidInput(f'{shorten(url)}: {escape_invisible(str(error))}') from error
        seen = _describe(picture, content)
        if path:
            self._remember(path, {**seen, 'info': picture.info})
        sha256 = picture.sha256
        return InputPicture(
            info=picture.info, read=lambda: self._load(url, prepare, sha256), kept=picture, place=place, **seen
        )

    def _recall(self, path: str, place: str, url: str, prepare: Callable[[bytes], Picture]) -> InputPicture | None:
        try:
            known = self._storage.read(path)
            if known is None:
                return None
            memory = json.loads(known)
            info = PictureInfo(**memory.pop('info'))
            sha256 = memory['sha256']
            return InputPicture(info=info, read=lambda: self._load(url, prepare, sha256), place=place, **memory)
        except (StorageError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Written by another version, cut off, or not to be read at all: the picture itself is read.
            _log.warning(
                '%s can not be read and is not used: %s: %s', self._storage.url(path), type(error).__name__, error
            )
            return None

    def _remember(self, path: str, memory: Mapping[str, Any]) -> None:
        try:
            # What a power cut makes of it is at worst not to be read, and the picture is read instead.
            self._storage.write(path, write_compact(memory), is_durable=False)
        except StorageError as error:
            self._unremembered.give(error)

    def _load(self, url: str, prepare: Callable[[bytes], Picture], sha256: str) -> Picture:
        picture = prepare(self._reader.read(url))
        if picture.sha256 != sha256:
            raise InvalidInput('an image has changed, though its size and time are the same: run with --check_inputs')
        return picture


def _describe(picture: Picture, content: bytes) -> dict[str, Any]:
    width, height = picture.source.size
    return {
        'sha256': picture.sha256,
        'bytes': len(picture.content),
        'conversion': picture.conversion,
        'source': {
            'sha256': hashlib.sha256(content).hexdigest() if picture.conversion else picture.sha256,
            'bytes': len(content),
            'width': width,
            'height': height,
            'mime': picture.source.mime,
        },
    }


def _memory_path(url: str, recipe: str, stamp: str) -> str:
    digest = hashlib.sha256(json.dumps([url, recipe, stamp]).encode()).hexdigest()
    return f'ledger/inputs/{digest[:2]}/{digest}.json'
