"""Tar shards: a row is a few files, one after the other, whose names begin with its key, as WebDataset has them."""

import io
import tarfile
from collections.abc import Mapping
from typing import BinaryIO

from beam_image_edit.transforms.exports.rows import ExportRow


class TarShard:
    """A tar file of pictures and of a JSON file for each row; the same rows give the same bytes.

    Use it as a context: the file is complete when the block ends without an exception.

    Args:
        file: where it goes.
    """

    def __init__(self, file: BinaryIO) -> None:
        # The keys' names and sizes fit into the oldest format, which everything reads.
        self._tar = tarfile.open(fileobj=file, mode='w', format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, row: ExportRow, contents: Mapping[str, bytes]) -> None:
        """Adds a row with the bytes of its pictures by their names."""
        for picture in row.pictures:
            self._add_file(f'{row.key}.{picture.name}', contents[picture.name])
        self._add_file(f'{row.key}.json', row.to_json().encode())

    def __enter__(self) -> 'TarShard':
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._tar.close()

    def _add_file(self, name: str, content: bytes) -> None:
        # Nobody's, and of no time: two exports of the same rows are the same.
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))
