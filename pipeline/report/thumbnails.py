"""Thumbnails: small pictures, each made once, named by the sha256 of the picture that it shows.

So a rerun makes none again, rows that share a photograph share its thumbnail, and one is never out of date.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from io import BytesIO
from itertools import product

from beam_image_edit.transforms.conversions import make_storable, turn_upright
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput, StorageError
from beam_image_edit.transforms.memory import MemoryBudget
from beam_image_edit.transforms.pictures import decode, identify
from beam_image_edit.transforms.storage import Storage

FOLDER = 'report/thumbnails'
SIDE = 448
"""The longest side in pixels: sharp where the sheet shows it, an eighth of a usual result's bytes or less."""

_BYTES_OF_A_PIXEL = 8
# Of pictures that are being made small; a large one waits for the others.
_MEMORY_BYTES = 512_000_000
_NOT_YET = (
    'no thumbnail yet: there were too many to make at the end of the run, `beam-image-edit report` makes the rest'
)

Reader = Callable[[], bytes]


def make_thumbnail(content: bytes) -> bytes:
    """A picture as a small WebP.

    Raises:
        BrokenPicture: it can't be decoded.
        InvalidInput: it is of a kind that needs a package that is not installed.
    """
    info = identify(content)
    small = decode(content, at_least=SIDE)
    if small.mode not in ('RGB', 'RGBA'):  # such as a palette, whose neighbours are not alike
        small = make_storable(small).convert('RGBA' if info.has_alpha else 'RGB')
    # To halve a picture before it is made to fit takes half the time, and nobody sees it.
    small.thumbnail((SIDE, SIDE), reducing_gap=1.0)
    file = BytesIO()
    # Method 2 takes a third of the usual method's time for a tenth more bytes.
    turn_upright(small, info).save(file, 'WEBP', quality=80, method=2)
    return file.getvalue()


class Thumbnails:
    """The thumbnails of one folder; safe to share between threads.

    Args:
        storage: the cache path.
        pool: where they are made.
        most_new: how many are made at the most; None: all.
    """

    def __init__(self, storage: Storage, pool: Executor, most_new: int | None = None) -> None:
        self._storage = storage
        self._pool = pool
        self._left = most_new
        self._memory = MemoryBudget(_MEMORY_BYTES)
        self._there = set(_list_thumbnails(storage, pool))
        self._in_the_making: dict[bytes, Future[str | None]] = {}
        self._lock = threading.Lock()
        self._made = 0

    @property
    def made(self) -> int:
        """How many new ones have been made."""
        return self._made

    def request(self, sha256: str, pixels: int, read: Reader) -> Future[str | None]:
        """Makes one if it is not there; the future's result is why it can't be made, None if it is there.

        Args:
            sha256: of the picture, in hexadecimal digits.
            pixels: how many it has, as far as is known.
            read: its bytes; raises what InputReader and Storage raise.
        """
        key = bytes.fromhex(sha256)
        with self._lock:
            if key in self._in_the_making:
                return self._in_the_making[key]
            if key in self._there:
                return _done(None)
            if self._left is not None:
                if self._left == 0:
                    return _done(_NOT_YET)
                self._left -= 1
            future = self._in_the_making[key] = self._pool.submit(self._make, key, pixels, read)
        future.add_done_callback(lambda done: self._settle(key, done))
        return future

    def _make(self, key: bytes, pixels: int, read: Reader) -> str | None:
        hold = self._memory.open()
        try:
            hold.resize(pixels * _BYTES_OF_A_PIXEL)
            content = read()
            if hashlib.sha256(content).digest() != key:
                return 'the file is not the one that it was: it has changed since'
            self._storage.write(thumbnail_path(key.hex()), make_thumbnail(content), is_durable=False)
        except (BrokenPicture, InvalidInput, StorageError) as error:
            return str(error)
        except Exception as error:  # one picture that nobody foresaw must not keep all others from being shown
            return f'no thumbnail can be made of it: {type(error).__name__}: {error}'
        finally:
            hold.release()
        return None

    def _settle(self, key: bytes, done: Future[str | None]) -> None:
        with self._lock:
            del self._in_the_making[key]
            if not done.cancelled() and done.exception() is None and done.result() is None:
                self._there.add(key)
                self._made += 1


def thumbnail_path(sha256: str) -> str:
    """Where a picture's thumbnail is, below the cache path."""
    return f'{FOLDER}/{sha256[:2]}/{sha256}.webp'


def _list_thumbnails(storage: Storage, pool: Executor) -> Iterable[bytes]:
    # Whole folders, since to ask a store for each of a million files takes hours.
    folders = [f'{FOLDER}/{first}{second}' for first, second in product('0123456789abcdef', repeat=2)]
    for names in pool.map(storage.list, folders):
        for name in names:
            stem, _, extension = name.partition('.')
            if extension == 'webp' and len(stem) == 64:
                yield bytes.fromhex(stem)


def _done(result: str | None) -> Future[str | None]:
    future: Future[str | None] = Future()
    future.set_result(result)
    return future
