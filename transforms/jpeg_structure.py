"""A JPEG's structure: its segments up to the end marker, and whether a decoder gets what its scans need.

Of the compressed pixels nothing is decoded. Whether they are there is judged by their number: in Huffman's code no
block of 64 takes less than a bit.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from beam_image_edit.transforms.errors import BrokenPicture
from beam_image_edit.transforms.picture_parts import limit_parts, require

# In the compressed scans FF 00 is a data byte, FF D0 to FF D7 and FF 01 mark points without a segment and a run of FF
# is padding; whatever else follows FF is the next marker.
_MARKER = re.compile(rb'\xff([\x02-\xcf\xd8-\xfe])')
_HUFFMAN_TABLES, _END, _SCAN, _QUANTIZATION_TABLES = 0xC4, 0xD9, 0xDA, 0xDB
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
# What decoders know besides: arithmetic coding, lines, restarts, applications' segments, comments.
_KNOWN = _FRAMES | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}
# The kinds of frames that people have: baseline, extended and progressive. Of others only the outline is checked.
_PROGRESSIVE = 0xC2
_COMMON_FRAMES = frozenset((0xC0, 0xC1, _PROGRESSIVE))
_FRAME_HEADER = struct.Struct('>BHHB')
_MAX_COMPONENTS = 4
_MAX_SAMPLING = 4
_LARGEST_SYMBOL_OF_DC = 16
_MAX_SYMBOLS = 256
_COEFFICIENTS = 64


class _Segment(NamedTuple):
    """A segment: its marker, the byte at which it starts, its content, and how many bytes of pixels follow it."""

    marker: int
    start: int
    content: bytes
    pixel_bytes: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the frame's header says: its kind, the quantization table of each component, and its blocks."""

    kind: int
    tables: Mapping[int, int]
    blocks: int


def check_jpeg(content: bytes) -> None:
    """Raises BrokenPicture unless a file that begins with FF D8 is a whole JPEG."""
    frame: _Frame | None = None
    tables: set[int] = set()
    pixel_bytes = 0
    for segment in limit_parts('JPEG', _walk(content)):
        if segment.marker not in _KNOWN or (frame and segment.marker in _FRAMES):
            raise _damage(f'segment FF{segment.marker:02X}', segment)
        if segment.marker in _FRAMES:
            frame = _read_frame(segment)
        elif segment.marker == _QUANTIZATION_TABLES:
            tables.update(_read_quantization_tables(segment))
        elif segment.marker == _HUFFMAN_TABLES:
            _check_huffman_tables(segment)
        elif segment.marker == _SCAN:
            _check_scan(segment, frame, tables)
            pixel_bytes += segment.pixel_bytes
    if frame is None or not pixel_bytes:
        raise BrokenPicture('JPEG is damaged: it has no pixels (no start of a scan)')
    if frame.kind in _COMMON_FRAMES and pixel_bytes * 8 < frame.blocks:
        raise BrokenPicture(f'JPEG is cut off: {pixel_bytes} bytes of pixels are too few for {frame.blocks:,} blocks')


def _walk(content: bytes) -> Iterator[_Segment]:
    """The segments up to the end marker."""
    found = _MARKER.search(content, 2)
    while found and found[1][0] != _END:
        marker, start = found[1][0], found.end()
        name = f'segment FF{marker:02X}'
        require('JPEG', len(content), start, 2, name)
        length = int.from_bytes(content[start : start + 2], 'big')
        if length < 2:
            raise BrokenPicture(f'JPEG is damaged: {name} at byte {start} says that it is {length} bytes long')
        require('JPEG', len(content), start, length, name)
        end = start + length
        found = _MARKER.search(content, end)
        yield _Segment(marker, start, content[start + 2 : end], (found.start() if found else len(content)) - end)
    if not found:
        raise BrokenPicture(f'JPEG is cut off: it ends after {len(content)} bytes without an end marker')


def _read_frame(segment: _Segment) -> _Frame:
    header, components = segment.content[: _FRAME_HEADER.size], segment.content[_FRAME_HEADER.size :]
    if len(header) < _FRAME_HEADER.size:
        raise _damage('frame header', segment)
    _, height, width, count = _FRAME_HEADER.unpack(header)
    if not width or not height or not 1 <= count <= _MAX_COMPONENTS or len(components) != 3 * count:
        raise _damage(f'frame header ({width}x{height}, {count} components)', segment)
    samplings = [divmod(sampling, 16) for sampling in components[1::3]]
    if not all(1 <= factor <= _MAX_SAMPLING for sampling in samplings for factor in sampling):
        raise _damage('frame header (sampling)', segment)
    most_across, most_down = (max(factors) for factors in zip(*samplings, strict=True))
    blocks = sum(
        -(-width * across // (8 * most_across)) * -(-height * down // (8 * most_down)) for across, down in samplings
    )
    return _Frame(segment.marker, dict(zip(components[::3], components[2::3], strict=True)), blocks)


def _read_quantization_tables(segment: _Segment) -> Iterator[int]:
    content = segment.content
    while content:
        precision, number = divmod(content[0], 16)
        size = 1 + _COEFFICIENTS * (1 + precision)
        if precision > 1 or number > 3 or len(content) < size:
            raise _damage('quantization table', segment)
        yield number
        content = content[size:]


def _check_huffman_tables(segment: _Segment) -> None:
    content = segment.content
    while content:
        kind, number = divmod(content[0], 16)
        counts = content[1:17]
        symbols = content[17 : 17 + sum(counts)]
        is_whole = len(counts) == 16 and len(symbols) == sum(counts) <= _MAX_SYMBOLS
        is_sane = kind <= 1 and number <= 3 and (kind == 1 or max(symbols, default=0) <= _LARGEST_SYMBOL_OF_DC)
        if not (is_whole and is_sane and _has_codes(counts)):
            raise _damage('Huffman table', segment)
        content = content[17 + len(symbols) :]


def _has_codes(counts: bytes) -> bool:
    """Whether there are so many codes of each length; one of ones alone is none."""
    code = 0
    for length, count in enumerate(counts, 1):
        code = code * 2 + count
        if count and code >= 1 << length:
            return False
    return True


def _check_scan(segment: _Segment, frame: _Frame | None, tables: set[int]) -> None:
    content = segment.content
    count = content[0] if content else 0
    components = content[1 : 1 + 2 * count : 2]
    if frame is None or not count or len(content) != 4 + 2 * count or not set(components) <= frame.tables.keys():
        raise _damage('start of a scan', segment)
    if frame.kind in _COMMON_FRAMES and not {frame.tables[component] for component in components} <= tables:
        raise _damage('start of a scan (no quantization table)', segment)
    first, last = content[-3], content[-2]
    if frame.kind == _PROGRESSIVE and not first <= last < _COEFFICIENTS:
        raise _damage(f'start of a scan (coefficients {first} to {last})', segment)


def _damage(what: str, segment: _Segment) -> BrokenPicture:
    return BrokenPicture(f'JPEG is damaged: the {what} at byte {segment.start} makes no sense')
