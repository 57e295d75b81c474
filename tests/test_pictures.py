"""Pictures from anywhere: what can be used is described as a viewer sees it, and what can not has a reason.

Neither takes the memory that its header claims.
"""

import io
import struct
import threading
import tracemalloc
import warnings
import zlib

import pytest
from PIL import Image

from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput
from beam_image_edit.transforms.pictures import MAX_PIXELS, PictureInfo, decode, identify


def save(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def make_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def make_png(width, height, pixels=None, extra=b''):
    """A black PNG of one bit a pixel, or with the given bytes as its packed pixels."""
    header = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9) if pixels is None else pixels
    return (
        b'\x89PNG\r\n\x1a\n'
        + make_chunk(b'IHDR', header)
        + extra
        + make_chunk(b'IDAT', packed)
        + make_chunk(b'IEND', b'')
    )


def make_chunk(kind, content):
    return struct.pack('>I4s', len(content), kind) + content + struct.pack('>I', zlib.crc32(kind + content))


def make_heif(brands, *sizes):
    def box(kind, content):
        return struct.pack('>I4s', 8 + len(content), kind) + content

    extents = b''.join(box(b'ispe', bytes(4) + struct.pack('>II', *size)) for size in sizes)
    return box(b'ftyp', brands) + box(b'meta', bytes(4) + extents) + box(b'mdat', b'pixels')


BOMB = make_png(20_000, 20_000)
RED = Image.new('RGB', (20, 10), 'red')
CLEAR = Image.new('RGBA', (20, 10))


@pytest.mark.parametrize(
    ('content', 'info'),
    [
        (save(RED, 'PNG'), PictureInfo('PNG', 'image/png', 'png', 20, 10)),
        (save(CLEAR, 'PNG'), PictureInfo('PNG', 'image/png', 'png', 20, 10, has_alpha=True)),
        (save(RED, 'JPEG'), PictureInfo('JPEG', 'image/jpeg', 'jpg', 20, 10)),
        (save(RED, 'JPEG', exif=make_exif(6)), PictureInfo('JPEG', 'image/jpeg', 'jpg', 20, 10, orientation=6)),
        (save(RED, 'PNG', exif=make_exif(3)), PictureInfo('PNG', 'image/png', 'png', 20, 10, orientation=3)),
        (save(RED, 'WEBP', exif=make_exif(8)), PictureInfo('WEBP', 'image/webp', 'webp', 20, 10, orientation=8)),
        (save(RED, 'AVIF', exif=make_exif(6)), PictureInfo('AVIF', 'image/avif', 'avif', 20, 10, orientation=6)),
        (save(CLEAR, 'WEBP'), PictureInfo('WEBP', 'image/webp', 'webp', 20, 10, has_alpha=True)),
        (save(RED, 'GIF'), PictureInfo('GIF', 'image/gif', 'gif', 20, 10)),
        (
            save(RED, 'GIF', save_all=True, append_images=[Image.new('RGB', (20, 10), 'blue')]),
            PictureInfo('GIF', 'image/gif', 'gif', 20, 10, is_animated=True),
        ),
        (save(RED, 'BMP'), PictureInfo('BMP', 'image/bmp', 'bmp', 20, 10)),
        (save(RED, 'TIFF'), PictureInfo('TIFF', 'image/tiff', 'tif', 20, 10)),
        (save(RED, 'PPM'), PictureInfo('PPM', 'image/x-portable-anymap', 'ppm', 20, 10)),
        (save(RED, 'JPEG2000'), PictureInfo('JPEG2000', 'image/jp2', 'jp2', 20, 10)),
        (
            save(RED, 'MPO', save_all=True, append_images=[Image.new('RGB', (20, 10), 'blue')]),
            PictureInfo('JPEG', 'image/jpeg', 'jpg', 20, 10),
        ),
        (
            make_heif(b'heic\0\0\0\0mif1heic', (512, 512), (4032, 3024)),
            PictureInfo('HEIF', 'image/heic', 'heic', 4032, 3024),
        ),
        (make_heif(b'mif1\0\0\0\0mif1heic', (8, 8)), PictureInfo('HEIF', 'image/heic', 'heic', 8, 8)),
        (make_heif(b'mif1\0\0\0\0mif1'), PictureInfo('HEIF', 'image/heif', 'heif', 0, 0)),
    ],
    ids=lambda value: '-'.join(map(str, (value.mime, value.orientation))) if isinstance(value, PictureInfo) else '',
)
def test_identify_reads_the_headers(content, info):
    assert identify(content) == info


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', r'empty \(0 bytes\)'),
        (b'%PDF-1.7 and more', r"not a picture in a known format: it starts with b'%PDF-1.7 and'"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', r"it starts with b'<svg"),
        (b'{"error": "not found"}', r"it starts with b'\{"),
        (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'not a picture in a known format'),
        (save(RED, 'JPEG')[:-2], 'JPEG is cut off'),
        (save(RED, 'PNG')[:-1], 'PNG is cut off'),
        (BOMB, r'20000x20000 is too large'),
        (make_png(4_000_000, 4_000_000, zlib.compress(b'')), r'8 bytes are too few for its 2,000,000,000,000 bytes'),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_identify_says_why_not(content, reason):
    with pytest.raises(BrokenPicture, match=reason):
        identify(content)


def test_identify_does_not_warn_of_large_pictures_or_change_what_others_see():
    limit = Image.MAX_IMAGE_PIXELS
    filters = list(warnings.filters)
    assert identify(make_png(12_000, 10_000)).width == 12_000
    assert limit == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


def test_the_limit_is_where_pillow_calls_a_picture_a_bomb():
    assert 2 * Image.MAX_IMAGE_PIXELS == MAX_PIXELS


@pytest.mark.parametrize('file_format', ['PNG', 'JPEG', 'WEBP'])
def test_damaged_exif_is_ignored_without_a_warning(file_format):
    # A warning would be an error here.
    content = save(RED, file_format, exif=b'Exif\0\0MM\0*\0\0\0\x08\xff\xff')
    assert identify(content).orientation == 1
    assert decode(content).size == (20, 10)


def test_identify_works_from_many_threads():
    found = []
    content = save(RED, 'GIF')
    threads = [threading.Thread(target=lambda: found.append(identify(content).mime)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ['image/gif'] * 16


@pytest.mark.parametrize(('orientation', 'size'), [(1, (20, 10)), (4, (20, 10)), (5, (10, 20)), (8, (10, 20))])
def test_size_is_as_a_viewer_sees_it(orientation, size):
    assert identify(save(RED, 'JPEG', exif=make_exif(orientation))).size == size


def test_decode_makes_the_pixels():
    assert decode(save(RED, 'PNG')).getpixel((0, 0)) == (255, 0, 0)


def test_decode_finds_what_the_structure_does_not_tell():
    # All of its bytes are there, but there is no filter 9.
    content = make_png(20, 10, zlib.compress(b'\x09' + bytes(39)))
    identify(content)
    with pytest.raises(BrokenPicture, match='PNG can not be decoded'):
        decode(content)


@pytest.mark.parametrize('place', ['before', 'after'])
@pytest.mark.parametrize('kind', [b'tEXt', b'zTXt', b'iTXt'])
def test_a_text_of_megabytes_does_not_make_a_png_unusable(kind, place):
    text = b'prompt' + bytes(2) + zlib.compress(b'x' * 3_000_000) if kind == b'zTXt' else b'prompt\0' + b'x' * 3_000_000
    if kind == b'iTXt':
        text = b'prompt\0\x01\0\0\0' + zlib.compress(b'x' * 3_000_000)
    chunk = make_chunk(kind, text)
    content = (
        make_png(20, 10, extra=chunk)
        if place == 'before'
        else make_png(20, 10)[:-12] + chunk + make_chunk(b'IEND', b'')
    )
    assert identify(content).size == (20, 10)
    assert decode(content).size == (20, 10)


def test_a_bomb_costs_no_memory():
    assert len(BOMB) < 60_000
    tracemalloc.start()
    try:
        with pytest.raises(BrokenPicture, match='20000x20000 is too large'):
            identify(BOMB)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_decode_names_the_package_that_a_heif_needs(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'pillow_heif', None)
    with pytest.raises(InvalidInput, match=r'pip install pillow-heif .*beam-image-edit\[heif\]'):
        decode(make_heif(b'heic\0\0\0\0mif1heic', (8, 8)))


def test_decode_reads_a_heic_where_the_package_is_installed():
    pillow_heif = pytest.importorskip('pillow_heif')
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new('RGB', (64, 128), 'red')).save(file)
    assert identify(file.getvalue()).mime == 'image/heic'
    assert identify(file.getvalue()).size == (64, 128)
    assert decode(file.getvalue()).size == (64, 128)
