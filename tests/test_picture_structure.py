"""The structure of pictures: a file that was cut off or damaged on its way is found before it is sent and paid for.

Whole files of every kind must pass, however odd their encoder was.
"""

import contextlib
import io
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from beam_image_edit.transforms.errors import BrokenPicture
from beam_image_edit.transforms.picture_structure import check_structure
from beam_image_edit.transforms.pictures import identify


def make_noise(size=(64, 48), mode='RGB'):
    channels = len(mode)
    return Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * channels))


def save(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def make_box(kind, content):
    return struct.pack('>I4s', 8 + len(content), kind) + content


def make_chunk(kind, content):
    return struct.pack('>I4s', len(content), kind) + content + struct.pack('>I', zlib.crc32(kind + content))


FRAMES = [Image.new('P', (40, 30), colour) for colour in (1, 2, 3)]
WHOLE = {
    'png': save(make_noise(), 'PNG'),
    'png-palette': save(make_noise(mode='RGB').quantize(16), 'PNG'),
    'apng': save(FRAMES[0], 'PNG', save_all=True, append_images=FRAMES[1:]),
    'jpeg': save(make_noise(), 'JPEG'),
    'jpeg-progressive': save(make_noise(), 'JPEG', progressive=True),
    'jpeg-restarts': save(make_noise((200, 200)), 'JPEG', restart_marker_blocks=2),
    'webp': save(make_noise(), 'WEBP'),
    'webp-lossless': save(make_noise((33, 31)), 'WEBP', lossless=True),
    'webp-extended': save(make_noise(mode='RGBA'), 'WEBP', icc_profile=b'odd'),
    'webp-animated': save(make_noise(), 'WEBP', save_all=True, append_images=[make_noise().rotate(90)]),
    'gif': save(make_noise(), 'GIF'),
    'gif-animated': save(FRAMES[0], 'GIF', save_all=True, append_images=FRAMES[1:]),
    'avif': save(make_noise(), 'AVIF'),
}


@pytest.mark.parametrize('content', WHOLE.values(), ids=WHOLE)
def test_check_structure_lets_whole_files_pass(content):
    check_structure(content)


@pytest.mark.parametrize('content', WHOLE.values(), ids=WHOLE)
def test_every_strict_prefix_is_refused(content):
    # Every byte near the ends, where the containers' own marks are; a sample of those between.
    lengths = {*range(64), *range(64, len(content), 97), *range(max(0, len(content) - 64), len(content))}
    for length in (length for length in lengths if length < len(content)):
        with pytest.raises(BrokenPicture):
            identify(content[:length])


@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1, exclude_max=True))
def test_any_strict_prefix_is_refused(name, share):
    content = WHOLE[name]
    with pytest.raises(BrokenPicture):
        identify(content[: int(share * len(content))])


@given(st.integers(8, len(WHOLE['png']) - 1), st.integers(1, 255))
def test_a_changed_byte_in_a_png_chunk_is_refused(position, change):
    content = bytearray(WHOLE['png'])
    content[position] ^= change
    with pytest.raises(BrokenPicture):
        check_structure(bytes(content))


@given(st.binary(max_size=200), st.sampled_from(sorted(WHOLE)), st.integers(0, 40))
def test_garbage_after_a_good_start_only_ever_raises_broken_picture(garbage, name, length):
    with contextlib.suppress(BrokenPicture):
        check_structure(WHOLE[name][:length] + garbage)


@pytest.mark.parametrize('name', [name for name in WHOLE if name != 'avif'])
def test_bytes_after_the_end_are_allowed(name):
    check_structure(WHOLE[name] + b'\0trailing')


def test_a_cut_png_says_where():
    content = WHOLE['png'][:-100]
    with pytest.raises(BrokenPicture, match=r'PNG is cut off: chunk IDAT at byte \d+ needs \d+ bytes, \d+ are left'):
        check_structure(content)


def test_an_end_marker_inside_a_segment_does_not_end_a_jpeg():
    thumbnail = b'Exif\0\0' + WHOLE['jpeg']
    content = save(make_noise(), 'JPEG', exif=thumbnail)
    check_structure(content)
    with pytest.raises(BrokenPicture, match='end marker'):
        check_structure(content[: len(content) - 2])


def test_fill_bytes_before_a_marker_are_allowed():
    check_structure(WHOLE['jpeg'][:-2] + b'\xff\xff\xff\xd9')


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'\x89PNG\r\n\x1a\n' + make_chunk(b'IDAT', b''), 'begins with chunk IDAT, not with IHDR'),
        (b'\x89PNG\r\n\x1a\n' + make_chunk(b'IHDR', b'') + make_chunk(b'IEND', b''), 'no pixels'),
        (b'\xff\xd8\xff\xd9', 'no pixels'),
        (b'\xff\xd8\xff\xe0\x00\x01\xff\xd9', 'says that it is 1 bytes long'),
        (b'RIFF\x04\x00\x00\x00WEBP', 'no pixels'),
        (b'GIF89a' + bytes(7) + b';', 'no frame'),
        (b'GIF89a' + bytes(7) + b'?', 'begins no block'),
        (make_box(b'ftyp', b'avif0000') + struct.pack('>I4s', 7, b'meta'), 'is 7 bytes long'),
        (make_box(b'ftyp', b'heic0000') + make_box(b'meta', b'1234'), 'without its pixels'),
        (make_box(b'ftyp', b'heic0000') + struct.pack('>I4sQ', 1, b'mdat', 1 << 40), 'needs 1099511627776 bytes'),
    ],
    ids=str,
)
def test_check_structure_names_what_is_wrong(content, reason):
    with pytest.raises(BrokenPicture, match=reason):
        check_structure(content)


def change(name, place, new):
    content = bytearray(WHOLE[name])
    content[place : place + len(new)] = new
    return bytes(content)


def find(name, marker):
    return WHOLE[name].index(marker) + len(marker)


FRAME, TABLES, CODES, SCAN = (find('jpeg', marker) for marker in (b'\xff\xc0', b'\xff\xdb', b'\xff\xc4', b'\xff\xda'))


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        pytest.param(change('jpeg', FRAME + 3, b'\0\0'), r'frame header \(64x0, 3 components\)', id='no-height'),
        pytest.param(change('jpeg', FRAME + 7, b'\x05'), 'frame header', id='components'),
        pytest.param(change('jpeg', FRAME + 9, b'\x05'), r'frame header \(sampling\)', id='sampling'),
        pytest.param(change('jpeg', FRAME - 1, b'\xfe'), 'start of a scan', id='no-frame'),
        pytest.param(change('jpeg', TABLES + 2, b'\x05'), 'quantization table', id='table-number'),
        pytest.param(change('jpeg', TABLES + 2, b'\x03'), 'no quantization table', id='no-table'),
        pytest.param(change('jpeg', CODES + 2, b'\x22'), 'Huffman table', id='code-kind'),
        pytest.param(change('jpeg', CODES + 3, b'\x03'), 'Huffman table', id='three-codes-of-a-bit'),
        pytest.param(change('jpeg', CODES + 25, b'\x77'), 'Huffman table', id='symbol'),
        pytest.param(change('jpeg', SCAN + 3, b'\x09'), 'start of a scan', id='unknown-component'),
        pytest.param(change('jpeg', SCAN + 2, b'\0'), 'start of a scan', id='no-component'),
        pytest.param(change('jpeg', FRAME + 3, b'\x40\0\x40\0'), 'too few for 6,291,456 blocks', id='few-pixels'),
        pytest.param(change('jpeg', SCAN + 30, b'\xff\xc0'), 'makes no sense|is cut off', id='second-frame'),
        pytest.param(change('jpeg', SCAN + 30, b'\xff\x30\0\x08'), 'segment FF30', id='unknown-segment'),
        pytest.param(WHOLE['jpeg'][: SCAN + 12] + b'\xff\xd9', 'no pixels', id='empty-scan'),
    ],
)
def test_check_structure_refuses_a_jpeg_that_no_decoder_takes(content, reason):
    with pytest.raises(BrokenPicture, match=reason):
        check_structure(content)


def make_png(pixels, width=64, height=48, depth=8, colour=2):
    header = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    chunks = [(b'IHDR', header), *((b'IDAT', piece) for piece in pixels), (b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(make_chunk(kind, content) for kind, content in chunks)


ROWS = zlib.compress(bytes(48 * (1 + 3 * 64)))


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        pytest.param(make_png([ROWS], width=0), 'header says 0x48', id='no-width'),
        pytest.param(make_png([ROWS], depth=4), 'colour type 2, 4 bits', id='depth'),
        pytest.param(make_png([ROWS], colour=5), 'colour type 5', id='colour'),
        pytest.param(make_png([b'GIF89a' * 9]), 'can not be unpacked', id='not-packed'),
        pytest.param(make_png([ROWS[:20] + b'\xff' * 20]), 'can not be unpacked|9,216', id='spoiled'),
        pytest.param(make_png([zlib.compress(bytes(5000))]), '5,000 bytes instead of 9,216', id='rows-missing'),
        pytest.param(make_png([b'', b'']), '0 bytes are too few for its 9,216 bytes', id='empty'),
        pytest.param(make_png([ROWS], 40_000, 40_000), 'too few for its 4,800,000,000 bytes', id='lying-size'),
    ],
)
def test_check_structure_refuses_a_png_without_its_pixels(content, reason):
    with pytest.raises(BrokenPicture, match=reason):
        check_structure(content)


def test_check_structure_takes_pixels_in_any_number_of_pieces():
    check_structure(make_png([b'', *(ROWS[place : place + 1] for place in range(len(ROWS))), b'']))


def test_check_structure_does_not_unpack_all_of_a_large_png():
    # What is damaged is past the first 64 KB.
    rows = zlib.compress(random.Random(7).randbytes(48 * (1 + 3 * 6400)), 0)
    check_structure(make_png([rows[:-200_000] + b'x' * 200_000], width=6400))


@pytest.mark.parametrize(
    ('name', 'place', 'new'),
    [
        ('webp', find('webp', b'\x9d\x01') - 2, b'\0'),
        ('webp', find('webp', b'VP8 ') + 4, b'\xff'),
        ('webp-lossless', find('webp-lossless', b'VP8L') + 4, b'\0'),
        ('webp-extended', find('webp-extended', b'VP8X') + 8, b'\x05'),
        ('webp-extended', find('webp-extended', b'\x9d\x01\x2a'), b'\x05'),
    ],
    ids=['start-code', 'not-a-key-frame', 'lossless-signature', 'size-of-canvas', 'size-of-frame'],
)
def test_identify_refuses_a_webp_whose_frame_is_not_what_it_says(name, place, new):
    with pytest.raises(BrokenPicture, match='WEBP can not be read'):
        identify(change(name, place, new))


MANY = 100_001


@pytest.mark.parametrize(
    'content',
    [
        WHOLE['png'][:33] + make_chunk(b'teXt', b'') * MANY + WHOLE['png'][33:],
        WHOLE['jpeg'][:2] + b'\xff\xfe\0\x02' * MANY + WHOLE['jpeg'][2:],
        b'RIFF' + struct.pack('<I', 4 + 8 * MANY) + b'WEBP' + b'JUNK\0\0\0\0' * MANY,
        make_box(b'ftyp', b'avif0000') + make_box(b'free', b'') * MANY,
    ],
    ids=['png', 'jpeg', 'webp', 'avif'],
)
def test_check_structure_does_not_walk_through_parts_without_end(content):
    with pytest.raises(BrokenPicture, match='has more than 100,000 parts: save it anew'):
        check_structure(content)


def test_the_last_box_may_run_to_the_end_of_the_file():
    check_structure(
        make_box(b'ftyp', b'heic0000') + make_box(b'meta', b'') + struct.pack('>I4s', 0, b'mdat') + b'pixels'
    )


@pytest.mark.parametrize('content', [b'', b'BM', b'%PDF-1.7', b'\x89PNG'], ids=str)
def test_check_structure_leaves_other_files_alone(content):
    check_structure(content)
