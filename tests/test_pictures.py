import io
import struct
import threading
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


def make_png(width, height):
    def chunk(kind, content):
        return struct.pack('>I4s', len(content), kind) + content + struct.pack('>I', zlib.crc32(kind + content))

    header = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b'')


def make_heif(brands, *sizes):
    def box(kind, content):
        return struct.pack('>I4s', 8 + len(content), kind) + content

    extents = b''.join(box(b'ispe', bytes(4) + struct.pack('>II', *size)) for size in sizes)
    return box(b'ftyp', brands) + box(b'meta', bytes(4) + extents) + box(b'mdat', b'pixels')


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
        (make_png(20_000, 10_000), r'20000x10000 is too large'),
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
    content = make_png(20, 10)
    identify(content)
    with pytest.raises(BrokenPicture, match='PNG can not be decoded'):
        decode(content)


def test_decode_names_the_package_that_a_heif_needs(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'pillow_heif', None)
    with pytest.raises(InvalidInput, match=r"pip install 'beam-image-edit\[heif\]'"):
        decode(make_heif(b'heic\0\0\0\0mif1heic', (8, 8)))


def test_decode_reads_a_heic_where_the_package_is_installed():
    pillow_heif = pytest.importorskip('pillow_heif')
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new('RGB', (64, 128), 'red')).save(file)
    assert identify(file.getvalue()).mime == 'image/heic'
    assert identify(file.getvalue()).size == (64, 128)
    assert decode(file.getvalue()).size == (64, 128)
