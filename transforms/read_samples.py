"""ReadSamples: every row of the input as a sample that knows its index, its line and its name.

Names and the order of the manifest need each row's index over all files, and a row that is to be edited somewhere
among many workers doesn't know how many come before it. So the input is read twice. The first time only counts: rows,
lines, and one number per id. From the counts of all ranges, which are small, follows where each block of some hundred
rows begins; the blocks' places are what is spread over the workers, not their lines. The second time reads the lines
in the worker that goes on with them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from apache_beam.pvalue import PBegin, PCollection

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.input_files import InputFile
from beam_image_edit.transforms.lines import (
    MAX_LINE_BYTES,
    RANGE_BYTES,
    Block,
    ByteRange,
    cut_blocks,
    decode_line,
    is_blank,
    list_ranges,
    read_block,
    read_range,
    split_lines,
)
from beam_image_edit.transforms.names import IdField, Keys, find_repeated, key_of, name_sample
from beam_image_edit.transforms.samples import Sample


@dataclass
class ReadSamples(beam.PTransform[PBegin, PCollection[Sample]]):
    """Reads JSONL files into samples, numbered over all files in sorted order.

    Indices, lines and names are exact and the same on any number of workers. A line that can't be used is a sample
    too, with its problem. Memory depends on `range_bytes` and the longest line, not on the input's size.

    Attributes:
        pattern: a path, URL or glob of any fsspec file system; names ending with .gz and .zst are decompressed.
        id_key: the field that holds a row's id.
        range_bytes: how much of a file one worker counts at a time.
        max_line_bytes: lines longer than this are not read; they become samples with a problem.
        storage_options: of file systems; see `file_systems`.
    """

    pattern: str
    id_key: str = 'id'
    range_bytes: int = RANGE_BYTES
    max_line_bytes: int = MAX_LINE_BYTES
    storage_options: StorageOptions | None = None

    def __post_init__(self) -> None:
        for name in ('range_bytes', 'max_line_bytes'):
            if getattr(self, name) < 1:
                raise ConfigurationError(f'{name} must be >= 1, got {getattr(self, name)}')

    def expand(self, root: PBegin) -> PCollection[Sample]:
        """Makes a PCollection of samples at the root of a pipeline."""
        return (
            root
            | 'Once' >> beam.Impulse()
            | 'ListRanges' >> beam.FlatMap(lambda _: list_ranges(self.pattern, self.range_bytes, self.storage_options))
            | 'SpreadRanges' >> beam.Reshuffle()
            | 'CountRows' >> beam.Map(count_rows, self.id_key, self.max_line_bytes)
            # The only place where all of the input comes together, as a few bytes for each block.
            | 'ForOne' >> beam.Map(lambda count: (None, count))
            | 'GatherCounts' >> beam.GroupByKey()
            | 'PlanBlocks' >> beam.FlatMapTuple(lambda _, counts: plan_blocks(counts))
            | 'SpreadBlocks' >> beam.Reshuffle()
            | 'ReadRows' >> beam.FlatMap(read_rows, self.id_key, self.max_line_bytes)
        )


@dataclass(frozen=True, slots=True)
class RangeCount:
    """What a range holds: its blocks, and the keys of its rows' names; None if no row has an id."""

    part: ByteRange
    blocks: tuple[Block, ...]
    keys: Keys | None

    @property
    def rows(self) -> int:
        """The number of rows in all blocks."""
        return sum(block.rows for block in self.blocks)


@dataclass(frozen=True, slots=True)
class NumberedBlock:
    """A block to read, with all that its rows can't know by themselves.

    Attributes:
        file: the file it is in.
        block: its place there.
        first_index: the index of its first row over all files.
        first_line: the 1-based physical line at which it begins.
        repeated: the indices of its rows whose name an earlier row has.
    """

    file: InputFile
    block: Block
    first_index: int
    first_line: int
    repeated: npt.NDArray[np.int64]


def count_rows(part: ByteRange, id_key: str, max_line_bytes: int = MAX_LINE_BYTES) -> RangeCount:
    """Counts a range's rows and lines in blocks, and takes note of its ids."""
    ids = IdField(id_key)
    blocks: list[Block] = []
    keys: list[Keys] = []
    has_ids = False
    for offset, content in read_range(part, max_line_bytes):
        new_blocks = list(cut_blocks(offset, content))
        blocks += new_blocks
        if ids.may_be_in(content):
            has_ids = True
            texts = (decode_line(line, max_line_bytes)[0] for line in split_lines(content) if not is_blank(line))
            keys.append(np.fromiter((key_of(ids.of(text)) for text in texts), np.uint64))
        else:
            keys.append(np.full(sum(block.rows for block in new_blocks), key_of(''), np.uint64))
    if part.file.size is None:
        blocks = [Block(0, 0, sum(block.lines for block in blocks), sum(block.rows for block in blocks))]
    return RangeCount(part, tuple(blocks), np.concatenate(keys) if has_ids else None)


def plan_blocks(counts: Iterable[RangeCount]) -> Iterator[NumberedBlock]:
    """Numbers the blocks of all ranges of all files, given in any order."""
    in_order = sorted(counts, key=lambda count: count.part.number)
    repeated = find_repeated([(count.rows, count.keys) for count in in_order])
    index = 0
    line = 1
    for count in in_order:
        if count.part.start == 0:
            line = 1
        for block in count.blocks:
            begin, end = np.searchsorted(repeated, (index, index + block.rows))
            if block.rows:
                yield NumberedBlock(count.part.file, block, index, line, repeated[begin:end].copy())
            index += block.rows
            line += block.lines


def read_rows(numbered: NumberedBlock, id_key: str, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Sample]:
    """Reads a block's rows.

    Raises:
        StorageError: the file is gone, or not as it was when its rows were counted.
    """
    ids = IdField(id_key)
    folder = numbered.file.folder
    repeated = set(numbered.repeated.tolist())
    index, line_number = numbered.first_index, numbered.first_line
    for content in read_block(numbered.file, numbered.block, max_line_bytes):
        has_ids = ids.may_be_in(content)
        for line in split_lines(content):
            if not is_blank(line):
                text, problem = decode_line(line, max_line_bytes)
                name = name_sample(index, ids.of(text) if has_ids else '', index in repeated)
                yield Sample(text, index, line_number, name, folder, problem)
                index += 1
            line_number += 1
    lines, rows = line_number - numbered.first_line, index - numbered.first_index
    if (lines, rows) != (numbered.block.lines, numbered.block.rows):
        raise StorageError(
            f'{numbered.file.url}: {show_count(rows, "row")} read where {numbered.block.rows:,} had been counted; '
            'it changed while it was read: run again'
        )
