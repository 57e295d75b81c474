"""The shipped example rows."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

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


def test_pictures_are_small_enough_to_ship():
    shipped = {path.name: path.stat().st_size for path in EXAMPLES.iterdir() if path.is_file()}
    assert sum(shipped.values()) < 900_000
