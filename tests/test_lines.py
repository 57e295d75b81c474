"""Tests of cutting files into ranges, lines and blocks."""

import zlib

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.lines import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    Block,
    cut_blocks,
    decode_line,
    is_blank,
    list_ranges,
    read_block,
    read_range,
    split_lines,
)

PIECES = st.sampled_from(
    [b'\n', b'\r\n', b'\r', b' ', b'\t', b'{}', b'"\xe2\x80\xa8"', b'x' * 20, b'\xef\xbb\xbf', b'\xff']
)
CONTENTS = st.lists(PIECES, max_size=30).map(b''.join)


def read_naively(content):
    """All lines of a file, one after the other."""
    lines = content.removeprefix(b'\xef\xbb\xbf').split(b'\n')
    return lines if lines[-1] else lines[:-1]


@given(CONTENTS, st.integers(1, 40))
def test_ranges_hold_each_line_once_and_in_order(content, range_bytes):
    fsspec.filesystem('memory').pipe_file('/lines.jsonl', content)

    ranges = list(list_ranges('memory:///lines.jsonl', range_bytes))
    lines = [line for part in ranges for _, whole in read_range(part) for line in split_lines(whole)]

    assert lines == read_naively(content)
    assert [part.number for part in ranges] == list(range(len(ranges)))


@given(CONTENTS, st.integers(1, 40))
def test_blocks_read_again_are_the_same_lines(content, range_bytes):
    fsspec.filesystem('memory').pipe_file('/blocks.jsonl', content)

    lines, counted_lines, counted_rows = [], 0, 0
    for part in list_ranges('memory:///blocks.jsonl', range_bytes):
        for block in (block for offset, whole in read_range(part) for block in cut_blocks(offset, whole)):
            lines += [line for whole in read_block(part.file, block) for line in split_lines(whole)]
            counted_lines += block.lines
            counted_rows += block.rows

    assert lines == read_naively(content)
    assert counted_lines == len(lines)
    assert counted_rows == sum(not is_blank(line) for line in lines)


@given(CONTENTS)
def test_streams_hold_each_line_once_and_in_order(content):
    compressor = zlib.compressobj(wbits=31)
    fsspec.filesystem('memory').pipe_file('/lines.gz', compressor.compress(content) + compressor.flush())

    (part,) = list_ranges('memory:///lines.gz', 3)

    assert [line for _, whole in read_range(part) for line in split_lines(whole)] == read_naively(content)


@pytest.mark.parametrize('name', ['long.jsonl', 'long.jsonl.gz'])
@pytest.mark.parametrize('range_bytes', [1000, 1 << 24], ids=['many-ranges', 'one-range'])
def test_long_lines_are_cut_to_something_that_is_still_too_long(tmp_path, name, range_bytes):
    content = b'{}\n' + b'x' * 3_000_000 + b'\n[]\n' + b'y' * 3_000_000
    with fsspec.open(tmp_path / name, 'wb', compression='infer') as file:
        file.write(content)

    ranges = list_ranges(f'{tmp_path}/{name}', range_bytes)
    lines = [line for part in ranges for _, whole in read_range(part, 500) for line in split_lines(whole)]

    assert [line[:3] for line in lines] == [b'{}', b'xxx', b'[]', b'yyy']
    assert [len(line) > 500 for line in lines] == [False, True, False, True]


def test_long_lines_are_not_read_to_their_end(tmp_path):
    (tmp_path / 'long.jsonl').write_bytes(b'x' * 3_000_000)

    ((_, whole),) = (pair for part in list_ranges(f'{tmp_path}/long.jsonl', 1000) for pair in read_range(part, 500))

    assert 500 < len(whole) < 100_000


@pytest.mark.parametrize('names', [[], ['empty.jsonl'], ['empty.jsonl', 'mark.jsonl']])
def test_no_lines_in_empty_files(tmp_path, names):
    (tmp_path / 'empty.jsonl').write_bytes(b'')
    (tmp_path / 'mark.jsonl').write_bytes(b'\xef\xbb\xbf')

    for name in names:
        assert [pair for part in list_ranges(f'{tmp_path}/{name}') for pair in read_range(part) if pair[1]] == []


def test_ranges_are_numbered_over_all_files(tmp_path):
    (tmp_path / 'b.jsonl').write_bytes(b'{}\n' * 2)
    (tmp_path / 'a.jsonl').write_bytes(b'{}\n' * 3)

    ranges = list_ranges(f'{tmp_path}/*.jsonl', 4)

    assert [(part.number, part.file.url[-7:], part.start, part.end) for part in ranges] == [
        (0, 'a.jsonl', 0, 4),
        (1, 'a.jsonl', 4, 8),
        (2, 'a.jsonl', 8, 9),
        (3, 'b.jsonl', 0, 4),
        (4, 'b.jsonl', 4, 6),
    ]


def test_cut_blocks_ends_a_block_when_it_has_enough_rows():
    blocks = list(cut_blocks(10, b'{}\n\n' * (BLOCK_ROWS + 1)))

    # The blank line after the last row of a block is the next block's.
    assert blocks == [
        Block(10, 4 * BLOCK_ROWS - 1, 2 * BLOCK_ROWS - 1, BLOCK_ROWS),
        Block(10 + 4 * BLOCK_ROWS - 1, 5, 3, 1),
    ]


def test_cut_blocks_ends_a_block_when_it_has_enough_bytes():
    line = b'x' * (BLOCK_BYTES // 2) + b'\n'

    assert [block.rows for block in cut_blocks(0, line * 5)] == [2, 2, 1]


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        (b'', True),
        (b' \t\r', True),
        (b'\x0b', False),
        (b'\xc2\xa0', False),
        (b'\xe2\x80\xa8', False),
        (b' {} ', False),
    ],
)
def test_is_blank(line, expected):
    assert is_blank(line) == expected


@pytest.mark.parametrize(
    ('line', 'text', 'problem'),
    [
        (b'{"a": "\xc3\xa9"}\r', '{"a": "é"}', None),
        (b'a\rb', 'a\rb', None),
        (b'ab\xc3\x28', 'ab\ufffd(', 'not valid UTF-8: byte 3 of the line is 0xc3; save the file as UTF-8'),
        (b'\xff\xfe{\0', '\ufffd\ufffd{\0', 'not valid UTF-8: byte 1 of the line is 0xff; save the file as UTF-8'),
    ],
)
def test_decode_line(line, text, problem):
    assert decode_line(line) == (text, problem)


def test_decode_line_shortens_long_lines():
    text, problem = decode_line(b'x' * 5001, max_line_bytes=5000)

    assert text == 'x' * 1000 + '…'
    assert problem == 'the line is longer than 5000 bytes; put its images into files'
