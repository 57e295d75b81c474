"""Image files: each purchase's images under names that no other purchase has.

An image's stem (`sample_0/sample_0_0`) is claimed by a small file under `ledger/names/`, created only if absent, that
says which purchase owns it. So two jobs with different rows on one cache path, a reordered input, or a crash between an
image and its record never overwrite or mix up images, on any file system. Nor are images overwritten that are nobody's:
those of another tool, or of a ledger that was thrown away.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count, takewhile

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.pictures import PictureInfo
from beam_image_edit.transforms.records import StoredImage
from beam_image_edit.transforms.storage import Storage


def store_images(
    storage: Storage, key: str, name: str, first: int, images: Sequence[tuple[bytes, PictureInfo]]
) -> tuple[StoredImage, ...]:
    """Stores a purchase's images; what a crashed attempt left of the same purchase is replaced.

    Args:
        storage: the cache path.
        key: the purchase's request key; nobody else may be storing for it.
        name: the sample's name; where another purchase has it, `-<first 8 digits of the key>` is added.
        first: the number of the first image, counting the images of the row's earlier turns.
        images: bytes as they came, and what they are.

    Raises:
        StorageError: the store fails; the call can be repeated.
    """
    for candidate in _candidates(name, key):
        if storage.size(candidate) is not None:
            continue  # a file of somebody's, where the folder would be
        names = _Names(storage, key, candidate)
        claims = names.claim(range(first, first + len(images)))
        if claims is None:
            names.give_back(first)
            continue
        stored = tuple(
            _describe(f'{names.stem(number)}.{info.extension}', content, info)
            for number, (content, info) in enumerate(images, first)
        )
        if not all(claims):
            for number, image in enumerate(stored, first):
                names.remove_leftovers(number, kept=image.path)
            names.give_back(first + len(images))
        for image, (content, _) in zip(stored, images, strict=True):
            storage.write(image.path, content)
        return stored
    raise AssertionError('candidates have no end')


def find_damage(storage: Storage, images: Sequence[StoredImage], is_reading: bool = False) -> str | None:
    """What is wrong with images that were stored before; None if all are as they were.

    Args:
        storage: the cache path.
        images: as `store_images` gave them.
        is_reading: whether their content is compared; if not, only that they are there with their sizes.

    Raises:
        StorageError: the store fails.
    """
    for image in images:
        where = storage.url(image.path)
        size = storage.size(image.path)
        if size is None:
            return f'{where} was bought, but is gone'
        if size != image.bytes:
            return f'{where} was bought, but has {show_count(size, "byte")} instead of {image.bytes:,}'
        if is_reading:
            digest = hashlib.sha256(storage.read(image.path) or b'').hexdigest()
            if digest != image.sha256:
                return f'{where} was bought, but has been altered: its sha256 is {digest} instead of {image.sha256}'
    return None


def _candidates(name: str, key: str) -> Iterator[str]:
    yield name
    yield f'{name}-{key[:8]}'
    for number in count(2):
        yield f'{name}-{key[:8]}-{number}'


class _Names:
    """The names of images in one folder, as one purchase sees them."""

    def __init__(self, storage: Storage, key: str, folder: str) -> None:
        self._storage = storage
        self._key = key.encode()
        self._folder = folder
        self._files = storage.list(folder)

    def stem(self, number: int) -> str:
        """An image's path without its extension."""
        return f'{self._folder}/{self._folder}_{number}'

    def claim(self, numbers: range) -> list[bool] | None:
        """Claims the names of these numbers: whether each is new, or an earlier attempt had it. None: one is taken."""
        claims: list[bool] = []
        for number in numbers:
            # A file without a claim is not ours; it is kept.
            is_new = not self._paths(number) and self._claim(number)
            if not is_new and not self._is_ours(number):
                return None
            claims.append(is_new)
        return claims

    def _claim(self, number: int) -> bool:
        # What a power cut makes of a claim is at worst nobody's, and the purchase takes another name.
        return self._storage.create(self._claim_path(number), self._key, is_durable=False)

    def give_back(self, first: int) -> None:
        """Removes the purchase's claims from a number on, and what earlier attempts left there."""
        # The last one first, so that a crash leaves a row of claims without a gap.
        for number in reversed(list(takewhile(self._is_ours, count(first)))):
            self.remove_leftovers(number)
            self._storage.delete(self._claim_path(number))

    def remove_leftovers(self, number: int, kept: str | None = None) -> None:
        """Removes what earlier attempts left under a claimed name, but for the path that will be written again."""
        for path in self._paths(number):
            if path != kept:
                self._storage.delete(path)

    def _paths(self, number: int) -> list[str]:
        # Case-folded, here and below: on some file systems `A.png` and `a.png` are one file.
        stem = f'{self._folder}_{number}'.casefold()
        return [f'{self._folder}/{file}' for file in self._files if file.rpartition('.')[0].casefold() == stem]

    def _is_ours(self, number: int) -> bool:
        path = self._claim_path(number)
        # A folder, which nobody but another tool can have put there, is no claim of anybody's.
        return self._storage.size(path) is not None and self._storage.read(path) == self._key

    def _claim_path(self, number: int) -> str:
        digest = hashlib.sha256(self.stem(number).casefold().encode()).hexdigest()
        return f'ledger/names/{digest[:2]}/{digest}.txt'


def _describe(path: str, content: bytes, info: PictureInfo) -> StoredImage:
    return StoredImage(
        path=path,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width=info.width,
        height=info.height,
        mime=info.mime,
    )
