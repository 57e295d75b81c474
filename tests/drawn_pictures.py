"""Small pictures that are drawn, encoded and decoded again, for the tests of conversions."""

import io
import random

from PIL import Image


def save(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def load(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def make_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def make_noise(size, mode='RGB'):
    return Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * len(mode)))


def make_corner(mode='RGB', size=(20, 10)):
    """Blue, with a red top left quarter."""
    image = Image.new('RGB', size, 'blue')
    image.paste('red', (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


RED = make_corner()
