"""Image files: each purchase's images under names that no other purchase has.

An image's stem (`sample_0/sample_0_0`) is claimed by a small file under `ledger/names/`, created only if absent, that
says which purchase owns it. So two jobs with different rows on one cache path, a reordered input, or a crash between an
image and its record never overwrite or mix up images, on any file system.
"""

import hashlib
from collections.abc import Sequence

from beam_image_edit.transforms.pictures import PictureInfo
from beam_image_edit.transforms.records import StoredImage
from beam_image_edit.transforms.storage import Storage


def store_images(
    storage: Storage, key: str, name: str, first: int, images: Sequence[tuple[bytes, PictureInfo]]
) -> tuple[StoredImage, ...]:
    """Stores a purchase's images.

    Args:
        storage: the cache path.
        key: the purchase's request key.
        name: the sample's name; where another purchase has it, `-<first 8 digits of the key>` is added.
        first: the number of the first image, counting the images of the row's earlier turns.
        images: bytes as they came, and what they are.
    """
    for candidate in (name, f'{name}-{key[:8]}', f'{name}-{key}'):
        stems = [f'{candidate}/{candidate}_{number}' for number in range(first, first + len(images))]
        if all(_claim(storage, stem, key) for stem in stems):
            return tuple(_store(storage, stem, *image) for stem, image in zip(stems, images, strict=True))
    raise AssertionError('a name that ends in its own key is taken')


def _claim(storage: Storage, stem: str, key: str) -> bool:
    # Case-folded: on some file systems `A.png` and `a.png` are one file.
    digest = hashlib.sha256(stem.casefold().encode()).hexdigest()
    path = f'ledger/names/{digest[:2]}/{digest}.txt'
    if storage.create(path, key.encode()):
        return True
    return storage.read(path) == key.encode()


def _store(storage: Storage, stem: str, content: bytes, info: PictureInfo) -> StoredImage:
    path = f'{stem}.{info.extension}'
    storage.write(path, content)
    return StoredImage(
        path=path,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width=info.width,
        height=info.height,
        mime=info.mime,
    )
