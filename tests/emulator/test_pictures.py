"""Pictures: what an instruction does to them."""

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from beam_image_edit.pipeline.emulator.edits import Edit, open_image
from beam_image_edit.pipeline.emulator.pictures import draw, natural_size, pad


def edit_of(prompt, content, **fields):
    return Edit(model='m', prompt=prompt, images=(open_image(content),), **fields)


def difference(first, second):
    images = [Image.open(io.BytesIO(content)).convert('RGB') for content in (first, second)]
    box = (0, 0, images[0].width, images[0].height // 2)  # above the band
    return sum(ImageStat.Stat(ImageChops.difference(*(image.crop(box) for image in images))).mean) / 3


INSTRUCTIONS = [
    'make it grayscale',
    'Black and White, please',
    'sepia',
    'blur the picture',
    'invert the colours',
    'make it a cartoon',
    'a pencil sketch',
    'as a mosaic',
    'brighter',
    'at night',
    'more contrast',
    'warm light',
    'in winter',
    'tint it red',
    'make it green',
    'flip it upside down',
    'mirror it',
    'rotate it',
    'add a border',
    'a blue background',
    'surprise me',
    'превратить в ночь',
    '',
]


@pytest.mark.parametrize('instruction', INSTRUCTIONS)
def test_instruction_can_be_seen(picture, instruction):
    sent = picture((160, 120))
    assert difference(draw(edit_of(instruction, sent)), sent) > 1


def test_different_instructions_give_different_pictures(picture):
    sent = picture((160, 120))
    assert len({draw(edit_of(instruction, sent)) for instruction in INSTRUCTIONS}) == len(INSTRUCTIONS)


def test_same_edit_gives_the_same_bytes(picture):
    assert draw(edit_of('sepia', picture())) == draw(edit_of('sepia', picture()))


def test_instruction_is_written_into_the_picture(picture):
    first, second = (draw(edit_of(f'sepia, please, {word}', picture((300, 200)))) for word in ('Anna', 'Berta'))
    images = [Image.open(io.BytesIO(content)) for content in (first, second)]
    _, top, _, bottom = ImageChops.difference(*images).getbbox()
    assert top > 180
    assert bottom <= 200


@pytest.mark.parametrize(
    ('size', 'expected'), [((96, 64), (96, 64)), ((4000, 2000), (1448, 724)), ((1, 1), (1, 1))], ids=str
)
def test_natural_size_is_the_images_own_up_to_a_megapixel(picture, size, expected):
    assert natural_size(edit_of('x', picture(size))) == expected


@pytest.mark.parametrize('size', [(1, 1), (3, 200), (200, 3)], ids=str)
def test_tiny_and_narrow_pictures_are_drawn(picture, size):
    assert Image.open(io.BytesIO(draw(edit_of('add a frame', picture(size), count=2)))).size == size


@pytest.mark.parametrize('image_format', ['PNG', 'JPEG'])
@pytest.mark.parametrize('extra', [12, 13, 1000, 65_537, 65_538, 65_540, 200_000])
def test_padded_picture_has_its_length_and_still_opens(picture, image_format, extra):
    content = picture(image_format=image_format)
    padded = pad(content, len(content) + extra)
    assert len(padded) == len(content) + extra
    assert open_image(padded).size == (96, 64)


def test_transparent_background_keeps_the_images_own(picture):
    image = Image.new('RGBA', (40, 40), (255, 0, 0, 255))
    image.putpixel((20, 20), (0, 0, 0, 0))
    encoded = io.BytesIO()
    image.save(encoded, 'PNG')
    drawn = Image.open(io.BytesIO(draw(edit_of('warm', encoded.getvalue(), is_transparent=True))))
    assert (drawn.getpixel((20, 20))[3], drawn.getpixel((0, 0))[3]) == (0, 255)
