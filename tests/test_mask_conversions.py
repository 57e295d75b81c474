"""Masks, and pictures for DALL-E 2: a hole stays where it was drawn, or the row is refused before it is paid for."""

import io

import pytest
from PIL import Image

from beam_image_edit.transforms.conversions import (
    MAX_MASK_BYTES,
    prepare_for_dall_e_2,
    prepare_mask,
    prepare_mask_for_dall_e_2,
)
from beam_image_edit.transforms.errors import InvalidInput
from beam_image_edit.transforms.pictures import identify
from tests.drawn_pictures import RED, load, make_exif, make_noise, save


def make_hole(mode='RGBA', size=(20, 10)):
    image = Image.new('RGBA', size, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 5, 5))
    return image.convert(mode)


FIRST = identify(save(RED, 'PNG'))


@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_a_png_mask_with_alpha_is_kept(mode):
    content = save(make_hole(mode), 'PNG')
    assert prepare_mask(content, FIRST).content is content


@pytest.mark.parametrize(
    ('content', 'conversion'),
    [
        (save(make_hole(), 'WEBP', lossless=True), 'WEBP to RGBA PNG'),
        (save(make_hole(), 'GIF'), 'GIF to RGBA PNG'),
        (save(make_hole().quantize(4), 'PNG'), 'PNG to RGBA PNG'),
    ],
    ids=['webp', 'gif', 'palette'],
)
def test_a_mask_in_another_form_becomes_a_png_with_alpha(content, conversion):
    mask = prepare_mask(content, FIRST)
    assert mask.conversion == conversion
    alpha = load(mask.content).getchannel('A')
    assert (alpha.getpixel((2, 2)), alpha.getpixel((10, 8))) == (0, 255)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(InvalidInput, match='mask is 512x512, the first image is 20x10: they must have the same size'):
        prepare_mask(save(make_hole(size=(512, 512)), 'PNG'), FIRST)


def test_a_mask_without_alpha_is_refused():
    with pytest.raises(InvalidInput, match='mask is a PNG without an alpha channel: save it as a PNG that is transp'):
        prepare_mask(save(RED, 'PNG'), FIRST)


@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_a_mask_that_is_opaque_all_over_is_refused(mode):
    opaque = save(Image.new('RGBA', FIRST.size, (9, 9, 9, 255)).convert(mode), 'PNG')
    with pytest.raises(
        InvalidInput, match='mask is opaque all over, so that nothing would be edited: save it as a PNG'
    ):
        prepare_mask(opaque, FIRST)


def test_a_mask_for_dall_e_2_that_is_opaque_all_over_is_refused():
    first = prepare_for_dall_e_2(save(RED, 'PNG'))
    opaque = save(Image.new('RGBA', RED.size, (9, 9, 9, 255)), 'PNG')
    with pytest.raises(InvalidInput, match='mask is opaque all over'):
        prepare_mask_for_dall_e_2(opaque, first)


def test_a_mask_of_4_mb_is_refused():
    size = (1100, 1000)
    content = save(make_noise(size, 'RGBA'), 'PNG')
    with pytest.raises(InvalidInput, match='the model takes 4,194,303'):
        prepare_mask(content, identify(content))


def test_dall_e_2_gets_a_square_rgba_png_as_it_is():
    content = save(make_hole(size=(20, 20)), 'PNG')
    assert prepare_for_dall_e_2(content).content is content


@pytest.mark.parametrize(
    ('content', 'side', 'conversion'),
    [
        (save(RED, 'PNG'), 20, 'padded from 20x10 to 20x20, RGBA PNG'),
        (save(RED, 'JPEG', exif=make_exif(6)), 20, 'padded from 10x20 to 20x20, RGBA PNG'),
        (save(RED.resize((10, 10)), 'JPEG'), 10, 'RGBA PNG'),
        (
            save(make_noise((1300, 1200)), 'JPEG'),
            1024,
            'padded from 1300x1200 to 1300x1300, scaled to 1024x1024, RGBA PNG',
        ),
    ],
    ids=['padded', 'turned', 'opaque', 'scaled'],
)
def test_dall_e_2_gets_others_padded_and_scaled(content, side, conversion):
    picture = prepare_for_dall_e_2(content)
    assert picture.conversion == conversion
    assert load(picture.content).mode == 'RGBA'
    assert picture.info.size == (side, side)
    assert len(picture.content) < MAX_MASK_BYTES


def test_padding_is_transparent_and_keeps_the_whole_picture():
    made = load(prepare_for_dall_e_2(save(RED, 'PNG')).content)
    assert made.getpixel((0, 0))[3] == 0
    assert made.crop((0, 5, 20, 15)).convert('RGB').tobytes() == RED.tobytes()


def test_a_mask_for_dall_e_2_is_padded_and_scaled_as_its_picture():
    first = prepare_for_dall_e_2(save(make_noise((1300, 1200)), 'JPEG'))
    mask = prepare_mask_for_dall_e_2(save(make_hole(size=(1300, 1200)), 'PNG'), first)
    assert mask.info.size == first.info.size == (1024, 1024)
    assert mask.conversion == first.conversion


def test_a_mask_for_dall_e_2_of_a_square_picture_is_kept():
    content = save(make_hole(size=(20, 20)), 'PNG')
    first = prepare_for_dall_e_2(save(Image.new('RGB', (20, 20)), 'PNG'))
    assert prepare_mask_for_dall_e_2(content, first).content is content


def test_a_mask_for_dall_e_2_must_have_the_size_of_the_file_of_its_picture():
    first = prepare_for_dall_e_2(save(RED, 'PNG'))
    with pytest.raises(InvalidInput, match='mask is 20x20, the first image is 20x10'):
        prepare_mask_for_dall_e_2(save(make_hole(size=(20, 20)), 'PNG'), first)


def test_prepare_for_dall_e_2_makes_no_giant_of_a_thin_picture():
    encoded = io.BytesIO()
    Image.new('RGB', (1, 60_000), 'red').save(encoded, 'PNG')
    assert prepare_for_dall_e_2(encoded.getvalue()).info.width <= 2048
