"""Conversions: a picture goes out as the bytes that it is, or as a picture that looks the same.

What is lost here, a rotation, a profile, a hole in a mask, is missing from every edit that is paid for.
"""

import hashlib
import io

import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from beam_image_edit.transforms.conversions import (
    prepare,
)
from beam_image_edit.transforms.errors import BrokenPicture, InvalidInput
from beam_image_edit.transforms.pictures import identify
from tests.drawn_pictures import RED, load, make_corner, make_exif, make_noise, save

ACCEPTED = frozenset(('image/png', 'image/jpeg', 'image/webp'))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


MPO = save(RED, 'MPO', save_all=True, append_images=[Image.new('RGB', (20, 10), 'green')])


@pytest.mark.parametrize(
    'content',
    [save(RED, 'PNG'), save(RED, 'JPEG'), save(RED, 'WEBP'), MPO, save(RED.convert('CMYK'), 'JPEG')],
    ids=['png', 'jpeg', 'webp', 'mpo', 'cmyk'],
)
def test_prepare_keeps_the_bytes_of_what_the_model_takes(content):
    picture = prepare(content, ACCEPTED)
    assert picture.content is content
    assert picture.sha256 == hashlib.sha256(content).hexdigest()
    assert picture.conversion is None
    assert picture.info == picture.source == identify(content)


@pytest.mark.parametrize(
    ('content', 'conversion'),
    [
        (save(RED, 'BMP'), 'BMP to PNG'),
        (save(RED, 'TIFF'), 'TIFF to PNG'),
        (save(RED, 'AVIF'), 'AVIF to PNG'),
        (save(RED, 'AVIF', exif=make_exif(6)), 'AVIF to PNG, EXIF rotation applied'),
        (save(RED, 'GIF'), 'GIF to PNG'),
        (
            save(RED, 'GIF', save_all=True, append_images=[Image.new('RGB', (20, 10), c) for c in ('green', 'blue')]),
            'GIF to PNG (first frame only)',
        ),
        (save(RED, 'PPM'), 'PPM to PNG'),
        (save(RED, 'JPEG2000'), 'JPEG2000 to PNG'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_prepare_converts_what_the_model_does_not_take(content, conversion):
    picture = prepare(content, ACCEPTED)
    assert picture.conversion == conversion
    assert picture.info.mime == 'image/png'
    assert picture.info.size == picture.source.size


@pytest.mark.parametrize('file_format', ['BMP', 'TIFF', 'PPM', 'GIF'])
def test_prepare_keeps_every_pixel(file_format):
    made = load(prepare(save(RED, file_format), ACCEPTED).content)
    assert made.convert('RGB').tobytes() == RED.tobytes()


@pytest.mark.parametrize('file_format', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(2, 9))
def test_prepare_turns_a_picture_as_its_exif_says(file_format, orientation):
    content = save(make_corner(size=(64, 32)), file_format, exif=make_exif(orientation))
    picture = prepare(content, ACCEPTED)
    assert picture.conversion == 'EXIF rotation applied'
    assert picture.info.format == file_format
    assert picture.info.orientation == 1
    expected = ImageOps.exif_transpose(load(content)).convert('RGB')
    made = load(picture.content).convert('RGB')
    assert made.size == expected.size == picture.source.size
    for place in ((4, 4), (made.width - 4, 4), (4, made.height - 4)):
        assert all(abs(a - b) < 12 for a, b in zip(made.getpixel(place), expected.getpixel(place), strict=True))


@pytest.mark.parametrize(('file_format', 'orientation'), [('JPEG', 6), ('PNG', 6), ('WEBP', 6), ('TIFF', 1)])
def test_prepare_keeps_the_colour_profile(file_format, orientation):
    content = save(RED, file_format, icc_profile=SRGB, exif=make_exif(orientation))
    assert load(prepare(content, ACCEPTED).content).info['icc_profile'] == SRGB


def test_prepare_turns_an_mpo_into_an_upright_jpeg():
    content = save(RED, 'MPO', save_all=True, append_images=[RED], exif=make_exif(6))
    picture = prepare(content, ACCEPTED)
    assert (picture.conversion, picture.info.mime) == ('EXIF rotation applied', 'image/jpeg')
    assert picture.info.size == (10, 20)


def test_prepare_drops_a_profile_of_colours_that_are_gone():
    profile = SRGB[:16] + b'CMYK' + SRGB[20:]
    content = save(RED.convert('CMYK'), 'TIFF', icc_profile=profile)
    assert 'icc_profile' not in load(prepare(content, ACCEPTED).content).info


@pytest.mark.parametrize(
    ('mode', 'value', 'expected'),
    [
        ('1', 255, 255),
        ('L', 100, 100),
        ('I;16', 100 * 257, 100),
        ('CMYK', (0, 255, 255, 0), (255, 0, 0)),
        ('LAB', (255, 128, 128), (254, 255, 254)),
        ('RGBA', (10, 20, 30, 40), (10, 20, 30, 40)),
        ('LA', (10, 20), (10, 20)),
    ],
)
def test_prepare_brings_every_mode_into_a_png(mode, value, expected):
    content = save(Image.new(mode, (4, 4), value), 'TIFF')
    assert load(prepare(content, ACCEPTED).content).getpixel((1, 1)) == expected


@pytest.mark.parametrize(('mode', 'values'), [('F', (-1.5, 0.5)), ('I', (0, 1_000_000))])
def test_prepare_stretches_pixels_without_a_known_scale(mode, values):
    image = Image.new(mode, (2, 1), values[0])
    image.putpixel((1, 0), values[1])
    assert load(prepare(save(image, 'TIFF'), ACCEPTED).content).tobytes() == b'\x00\xff'


def test_prepare_keeps_the_transparency_of_a_gif():
    image = Image.new('P', (4, 4), 0)
    content = save(image, 'GIF', transparency=0)
    assert prepare(content, ACCEPTED).info.has_alpha


def test_prepare_makes_the_same_bytes_again():
    content = save(make_noise((50, 40)), 'JPEG', exif=make_exif(5))
    assert prepare(content, ACCEPTED) == prepare(content, ACCEPTED)


@pytest.mark.parametrize('file_format', ['PNG', 'BMP'])
def test_prepare_refuses_what_is_too_large_for_the_model(file_format):
    with pytest.raises(InvalidInput, match=r'of 50x40 has [\d,]+ bytes.*the model takes 999: make it smaller'):
        prepare(save(make_noise((50, 40)), file_format), ACCEPTED, 999)


def test_prepare_finds_a_conversion_input_whose_pixels_are_cut_off():
    with pytest.raises(BrokenPicture, match='BMP can not be decoded'):
        prepare(save(RED, 'BMP')[:-100], ACCEPTED)


def test_prepare_converts_a_heic_only_for_a_model_that_does_not_take_it():
    pillow_heif = pytest.importorskip('pillow_heif')
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new('RGB', (64, 128), 'red')).save(file)
    content = file.getvalue()
    assert prepare(content, ACCEPTED | {'image/heic'}).content is content
    assert prepare(content, ACCEPTED).conversion == 'HEIF to PNG'


def test_pages_that_are_damaged_do_not_keep_the_first_from_being_converted():
    pages = save(RED, 'TIFF', save_all=True, append_images=[RED])
    content = bytearray(pages)
    # The second page has a directory without entries.
    start = TiffImageFile(io.BytesIO(pages)).tag_v2.next
    content[start : start + 6] = bytes(6)
    assert prepare(bytes(content), ACCEPTED).conversion == 'TIFF to PNG (first frame only)'
