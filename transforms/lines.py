r"""Lines of JSONL files on any file system, in pieces that workers can read on their own.

A line is what `\n` or `\r\n` ends; the last one may have no end. Nothing else ends a line: not a lone `\r`, not the
U+2028 that a JSON string may hold. A line of JSON white space only is no row. A byte order mark is not part of the
first line.

A file is cut into byte ranges without looking into it; a line belongs to the range in which it starts. Ranges are
cut into blocks of few lines, which are read again with one request each. A file that can't be read from the middle
(compressed, or on a server that knows no ranges) is one range and one block, and is read as a stream.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from beam_image_edit.transforms.file_kinds import check_kind
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.input_files import InputFile, list_files, read_bytes, stream_pieces

RANGE_BYTES = 16 << 20
MAX_LINE_BYTES = 64 << 20
# Small enough to spread over workers and to be repeated cheaply, large enough for one request each to be no burden.
BLOCK_ROWS = 128
BLOCK_BYTES = 1 << 20

_READ_ON_BYTES = 1 << 16
_SHOWN_OF_LONG_LINE = 1000
_BYTE_ORDER_MARK = b'\xef\xbb\xbf'
_JSON_WHITE_SPACE = b' \t\r'


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The lines of a file that start at `start` or later and before `end`.

    Attributes:
        number: its place among all ranges, which are in the order of the files and of the bytes.
        file: the file; one that is read as a stream is a single range, whatever `start` and `end` say.
        start: the first byte, 0-based.
        end: past the last byte.
    """

    number: int
    file: InputFile
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """A few whole lines: their place in bytes, how many lines they are, and how many of those are rows."""

    offset: int
    length: int
    lines: int
    rows: int


def list_ranges(
    pattern: str, range_bytes: int = RANGE_BYTES, storage_options: StorageOptions | None = None
) -> Iterator[ByteRange]:
    """Cuts the files of a pattern into byte ranges; an empty file has none.

    Raises:
        ConfigurationError: as `list_files`.
    """
    number = 0
    for file in list_files(pattern, storage_options):
        starts = [0] if file.size is None else range(0, file.size, range_bytes)
        for start in starts:
            yield ByteRange(number, file, start, min(start + range_bytes, file.size or 0))
            number += 1


def read_range(part: ByteRange, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a range, as one or more (offset, bytes).

    Lines longer than `max_line_bytes` are cut, to something that is still longer.

    Raises:
        ConfigurationError: the file is certainly no JSON Lines.
        StorageError: it is gone, damaged, or not as it was when it was listed.
    """
    if part.file.size is None:
        yield from _read_stream(part.file, max_line_bytes)
        return
    # A line starts here if the byte before ends one.
    lead = 1 if part.start else 0
    offset = part.start - lead
    content = read_bytes(part.file, offset, part.end)
    if offset == 0:
        check_kind(part.file.url, content)
    begin = (content.find(b'\n') + 1 or len(content)) if lead else 0
    while begin < len(content):
        # In small portions, because lines as Python objects take as much memory again.
        end = content.find(b'\n', begin + BLOCK_BYTES) + 1 or len(content)
        lines = content[begin:end]
        if not lines.endswith(b'\n'):
            lines += _read_on(part, len(lines) - lines.rfind(b'\n') - 1, max_line_bytes)
        yield _without_mark(offset + begin, lines)
        begin = end


def read_block(file: InputFile, block: Block, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    """The whole lines of a block, in one request, or of a file that is read as a stream, in pieces."""
    if file.size is None:
        yield from (lines for _, lines in _read_stream(file, max_line_bytes))
    else:
        yield read_bytes(file, block.offset, block.offset + block.length)


def split_lines(content: bytes) -> list[bytes]:
    r"""Whole lines without their `\n`, blank ones included.

    >>> split_lines(b'{}\r\n\n[]')
    [b'{}\r', b'', b'[]']
    """
    lines = content.split(b'\n')
    if not lines[-1]:
        lines.pop()
    return lines


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but JSON white space, and so is no row."""
    return not line.strip(_JSON_WHITE_SPACE)


def cut_blocks(offset: int, content: bytes) -> Iterator[Block]:
    """Cuts whole lines, the first of which is at `offset` in its file, into blocks."""
    start = position = offset
    end = offset + len(content)  # the last line may have no end of its own
    lines = rows = 0
    for line in split_lines(content):
        position += len(line) + 1
        lines += 1
        if not is_blank(line):
            rows += 1
        if rows == BLOCK_ROWS or position - start >= BLOCK_BYTES:
            yield Block(start, min(position, end) - start, lines, rows)
            start = position
            lines = rows = 0
    if lines:
        yield Block(start, end - start, lines, rows)


def decode_line(line: bytes, max_line_bytes: int = MAX_LINE_BYTES) -> tuple[str, str | None]:
    r"""A line's text, and why it can't be used if that can be seen from the bytes.

    >>> decode_line(b'"caf\xe9"\r')
    ('"caf\ufffd"', 'not valid UTF-8: byte 5 of the line is 0xe9; save the file as UTF-8')
    """
    if len(line) > max_line_bytes:
        shown = line[:_SHOWN_OF_LONG_LINE].decode(errors='replace')
        return f'{shown}…', f'the line is longer than {max_line_bytes} bytes; put its images into files'
    line = line.removesuffix(b'\r')
    try:
        return line.decode(), None
    except UnicodeDecodeError as error:
        place = f'byte {error.start + 1} of the line is 0x{line[error.start]:02x}'
        return line.decode(errors='replace'), f'not valid UTF-8: {place}; save the file as UTF-8'


def _read_on(part: ByteRange, unfinished: int, max_line_bytes: int) -> bytes:
    """The rest of the last line that starts in a range, of which `unfinished` bytes are in it."""
    pieces = []
    position = part.end
    size = part.file.size or 0
    while position < size and unfinished <= max_line_bytes:
        piece = read_bytes(part.file, position, min(position + max(unfinished, _READ_ON_BYTES), size))
        line_end = piece.find(b'\n') + 1
        if line_end:
            pieces.append(piece[:line_end])
            break
        pieces.append(piece)
        unfinished += len(piece)
        position += len(piece)
    return b''.join(pieces)


def _read_stream(file: InputFile, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for content in _whole_lines(stream_pieces(file), max_line_bytes):
        if offset == 0:
            check_kind(file.url, content)
        yield _without_mark(offset, content)
        offset += len(content)


def _whole_lines(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[bytes]:
    unfinished: list[bytes] = []
    length = 0
    for piece in pieces:
        line_end = piece.rfind(b'\n') + 1
        if line_end:
            yield b''.join([*unfinished, piece[:line_end]])
            unfinished = []
            length = 0
        if length <= max_line_bytes:
            unfinished.append(piece[line_end:])
            length += len(piece) - line_end
    if length:
        yield b''.join(unfinished)


def _without_mark(offset: int, content: bytes) -> tuple[int, bytes]:
    if offset == 0 and content.startswith(_BYTE_ORDER_MARK):
        return len(_BYTE_ORDER_MARK), content[len(_BYTE_ORDER_MARK) :]
    return offset, content
