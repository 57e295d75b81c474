"""Tests of the shipped example rows, and of the code that drew their pictures."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beam_image_edit.pipeline.examples.draw import PICTURES, save_picture
from beam_image_edit.pipeline.examples.drawing.denoising import denoise
from beam_image_edit.pipeline.examples.drawing.handbag import draw_handbag
from beam_image_edit.pipeline.examples.drawing.mug import draw_mug
from beam_image_edit.pipeline.examples.drawing.street import draw_street
from beam_image_edit.transforms.clients import DEFAULT_MODELS
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.row_checks import check_row
from beam_image_edit.transforms.rows import Parameters, RowFields, parse_row
from beam_image_edit.transforms.samples import Sample

EXAMPLES = Path(str(files('beam_image_edit.pipeline') / 'examples'))


def read_rows(name):
    lines = (EXAMPLES / name).read_text(encoding='utf-8').splitlines()
    return [parse_row(Sample(line, folder=str(EXAMPLES)), RowFields(), Parameters()) for line in lines]


@pytest.mark.parametrize(
    ('name', 'api_format'),
    [('edits.jsonl', 'gemini'), ('edits.jsonl', 'openai'), ('masked_openai.jsonl', 'openai')],
)
def test_every_row_can_be_sent(name, api_format):
    model = DEFAULT_MODELS[api_format]
    for row in read_rows(name):
        check_row(row, api_format, facts_of(api_format, model), model)
        for image in row.images:
            with Image.open(image) as picture:
                picture.load()


def test_example_shows_one_image_two_images_and_three_turns():
    shapes = {(len(row.images), len(row.instructions)) for row in read_rows('edits.jsonl')}
    assert shapes == {(1, 1), (2, 1), (1, 3)}


def test_example_ids_are_all_different():
    rows = [json.loads(line) for line in (EXAMPLES / 'edits.jsonl').read_text(encoding='utf-8').splitlines()]
    ids = [row['id'] for row in rows if 'id' in row]
    assert 0 < len(ids) == len(set(ids)) < len(rows)


def test_mask_has_the_size_of_its_image_and_a_transparent_part():
    (row,) = read_rows('masked_openai.jsonl')
    with Image.open(row.mask) as mask, Image.open(row.images[0]) as image:
        assert mask.size == image.size
        assert mask.getchannel('A').getextrema() == (0, 255)


def test_pictures_are_those_that_the_code_draws_and_small_enough_to_ship():
    shipped = {path.name: path.stat().st_size for path in (EXAMPLES / 'pictures').iterdir()}
    assert shipped.keys() == PICTURES.keys()
    assert sum(shipped.values()) < 900_000


# Not the tulips and the lake, which take seconds at any size; they are drawn by the same parts.
@pytest.mark.parametrize('draw', [draw_mug, draw_handbag, draw_street])
def test_picture_is_drawn_the_same_every_time(draw):
    assert draw((12, 9), 2).tobytes() == draw((12, 9), 2).tobytes()


def test_picture_is_saved_as_its_name_says_at_the_scale_asked_for(tmp_path):
    with Image.open(save_picture('emblem.png', tmp_path, scale=0.25)) as emblem:
        assert (emblem.format, emblem.mode, emblem.size) == ('PNG', 'RGBA', (112, 112))
        assert emblem.getpixel((0, 0))[3] == 0


def test_denoise_keeps_an_edge_and_lessens_noise():
    random = np.random.default_rng(1)
    picture = np.zeros((3, 40, 40), np.float32)
    picture[:, :, 20:] = 1
    halves = [np.abs(picture + 0.05 * random.standard_normal(picture.shape, np.float32)) for _ in range(2)]
    error_before = np.abs((halves[0] + halves[1]) / 2 - picture).mean()
    assert np.abs(denoise(*halves) - picture).mean() < error_before * 0.7
