"""Row blocks: many rows of the manifest in one compressed piece, the form in which they cross the shuffle.

The local runner keeps shuffles in memory, and every runner charges for each element; so rows travel about a thousand at
a time, compressed. A block is sorted in itself, and a file's blocks are merged as streams, so that nobody ever holds
all of a file's rows unpacked.
"""

import heapq
import io
import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import zstandard

from beam_image_edit.transforms.manifest import manifest_line
from beam_image_edit.transforms.outcomes import Outcome

# A reader holds one window for each block that it merges.
_COMPRESSION = zstandard.ZstdCompressionParameters.from_level(3, window_log=18)

Measure = tuple[int, int]
"""Of some rows: the largest index + 1, or 0 where none has an index; and how many have none."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A row on its way into the manifest.

    Attributes:
        order: what rows are sorted by: those with an index first.
        index: its index, None if it has none.
        line: its line of `manifest.jsonl`.
        spent: as in `Outcome.spent`.
    """

    order: tuple[int | str, ...]
    index: int | None
    line: str
    spent: Mapping[str, float]


def to_manifest_row(outcome: Outcome, output_image_key: str) -> ManifestRow:
    """The outcome in the form in which it travels."""
    line = manifest_line(outcome, output_image_key)
    order: tuple[int | str, ...]
    if outcome.index is None:
        order = (1, outcome.name or '', outcome.text, line)
    else:
        # Of two copies of a row, the first is kept: the one that knows of the calls.
        order = (0, outcome.index, -int(outcome.spent.get('calls') or 0), line)
    return ManifestRow(order, outcome.index, line, outcome.spent)


@dataclass(slots=True)
class BlockPacker:
    """Collects rows by the file they belong to and packs them whenever enough have come together.

    Attributes:
        rows_per_file: how many indices a file holds.
        block_bytes: packs when the rows collected take this many bytes. Large blocks compress better and are fewer to
            merge; the packer holds this much in memory.
    """

    rows_per_file: int
    block_bytes: int = 8 << 20
    _rows: dict[int | None, list[tuple[tuple[int | str, ...], bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _bytes: int = 0
    _measure: Measure = (0, 0)

    @property
    def measure(self) -> Measure:
        """Of all rows so far, packed or not."""
        return self._measure

    def add(self, row: ManifestRow) -> Iterator[tuple[int | None, bytes]]:
        """Adds a row; yields (file number, block) if it was enough. The number is None for rows without an index."""
        pickled = pickle.dumps(row, protocol=pickle.HIGHEST_PROTOCOL)
        numbered, unnumbered = self._measure
        if row.index is None:
            number, self._measure = None, (numbered, unnumbered + 1)
        else:
            number, self._measure = row.index // self.rows_per_file, (max(numbered, row.index + 1), unnumbered)
        self._rows[number].append((row.order, pickled))
        self._bytes += len(pickled)
        if self._bytes >= self.block_bytes:
            yield from self.flush()

    def flush(self) -> Iterator[tuple[int | None, bytes]]:
        """Yields (file number, block) for everything added since the last time."""
        compressor = zstandard.ZstdCompressor(compression_params=_COMPRESSION)
        for number, rows in self._rows.items():
            rows.sort()
            yield number, compressor.compress(b''.join(pickled for _, pickled in rows))
        self._rows.clear()
        self._bytes = 0


def merge_blocks(blocks: Iterable[bytes]) -> Iterator[ManifestRow]:
    """The rows of blocks in order, each index once.

    A runner may bring a row with an index twice, because it repeated a bundle. Rows without an index are all kept: they
    can be alike.
    """
    last_index = None
    for row in heapq.merge(*map(_unpack, blocks), key=lambda row: row.order):
        if row.index is None or row.index != last_index:
            yield row
        last_index = row.index


def _unpack(block: bytes) -> Iterator[ManifestRow]:
    with io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(block)) as rows:
        while True:
            try:
                yield pickle.load(rows)  # noqa: S301 - our own, from this job's shuffle
            except EOFError:
                return
