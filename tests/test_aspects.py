"""The shape that is asked for, against what the models make; and the shape that comes, in the manifest."""

import pytest
from PIL import Image

from beam_image_edit.pipeline.emulator.models import GEMINI_MODELS
from beam_image_edit.transforms.aspects import drift, match_aspect
from beam_image_edit.transforms.models import facts_of
from beam_image_edit.transforms.rows import Parameters

PRO, BANANA, FLARE, GPT_1_5 = 'gemini-3-pro-image', 'gemini-nano-banana-2.1', 'gpt-image-2.5-flare', 'gpt-image-1.5'


@pytest.mark.parametrize(
    ('model', 'size', 'ratio'),
    [
        (PRO, (1000, 1000), '1:1'),
        (PRO, (1920, 1080), '16:9'),
        (PRO, (1080, 1920), '9:16'),
        (PRO, (300, 400), '3:4'),
        (PRO, (4000, 1000), '21:9'),
        (BANANA, (4000, 1000), '4:1'),
        (BANANA, (100, 1000), '1:8'),
        ('models/gemini-3-pro-image', (3000, 2000), '3:2'),
    ],
)
def test_gemini_is_asked_for_the_nearest_ratio(model, size, ratio):
    assert match_aspect(Parameters(), facts_of('gemini', model), size).aspect_ratio == ratio


@pytest.mark.parametrize('model', [PRO, BANANA, 'gemini-3.1-flash-lite-image'])
def test_gemini_is_only_asked_for_ratios_that_the_model_has(model):
    sizes = [(width, height) for width in range(1, 40) for height in range(1, 40)]
    asked = {match_aspect(Parameters(), facts_of('gemini', model), size).aspect_ratio for size in sizes}
    assert asked == set(GEMINI_MODELS[model].ratios)


@pytest.mark.parametrize(
    ('model', 'size', 'asked'),
    [
        (FLARE, (640, 640), '1024x1024'),
        (FLARE, (4032, 3024), '1152x864'),
        (FLARE, (1920, 1080), '1280x720'),
        (FLARE, (900, 600), '1248x832'),
        (GPT_1_5, (1920, 1080), '1536x1024'),
        (GPT_1_5, (600, 700), '1024x1024'),
        (GPT_1_5, (600, 900), '1024x1536'),
        ('something-new', (600, 900), '1024x1536'),
        ('dall-e-2', (600, 900), None),
    ],
)
def test_openai_is_asked_for_a_size_of_that_shape(model, size, asked):
    assert match_aspect(Parameters(), facts_of('openai', model), size).size == asked


@pytest.mark.parametrize('size', [(1, 50), (50, 1), (13, 7), (997, 1009), (45, 44), (6000, 4001), (333, 1000)])
def test_every_size_is_legal_and_about_a_megapixel(size):
    width, height = map(int, match_aspect(Parameters(), facts_of('openai', FLARE), size).size.split('x'))
    assert width % 16 == height % 16 == 0
    assert 1 / 3 <= width / height <= 3
    assert max(width, height) <= 3840
    assert min(width, height) <= 2160
    assert 655_360 <= width * height <= 1024 * 1024


@pytest.mark.parametrize('given', [{'aspect_ratio': '1:1'}, {'size': '512x512'}, {'use_variations': True}])
def test_what_is_asked_for_already_stays(given):
    assert match_aspect(Parameters(**given), facts_of('openai', FLARE), (300, 200)) == Parameters(**given)


def test_a_size_that_is_not_known_asks_for_nothing():
    assert match_aspect(Parameters(), facts_of('gemini', PRO), (0, 0)) == Parameters()
    assert drift((0, 0), (10, 10)) is None


@pytest.mark.parametrize(
    ('api_format', 'ratio', 'size'),
    [('gemini', '4:3', (1200, 896)), ('openai', None, (1152, 864))],
    ids=['gemini', 'openai'],
)
def test_a_job_asks_for_the_shape_of_each_row(edit, emulator, api_format, ratio, size):
    run = edit([{'images': 'a.png', 'conversations': ['Blur it']}], '--match_aspect', f'--api_format={api_format}')
    image = run.rows[0]['edit']['images'][0]
    assert (image['width'], image['height']) == size
    assert abs(image['aspect_drift']) < 0.01
    if ratio:
        assert emulator.calls[0].parameters['generationConfig']['imageConfig'] == {'aspectRatio': ratio}


def test_a_row_that_names_a_shape_gets_it(edit):
    run = edit([{'images': 'a.png', 'conversations': ['Blur it'], 'aspect_ratio': '1:1'}], '--match_aspect')
    image, source = run.rows[0]['edit']['images'][0], run.rows[0]['edit']['sources'][0]
    assert (image['aspect_ratio'], source['aspect_ratio'], image['aspect_drift']) == (1.0, 1.3333, -0.25)


def test_a_rotated_photo_counts_as_it_is_seen(edit, photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (300, 200), 'green').save(photos / 'rotated.jpg', exif=exif)
    run = edit([{'images': 'rotated.jpg', 'conversations': ['Blur it']}], '--match_aspect', '--api_format=openai')
    assert run.rows[0]['edit']['sources'][0]['aspect_ratio'] == 0.6667
    assert run.rows[0]['edit']['images'][0]['aspect_drift'] == 0.0


def test_the_shape_is_part_of_the_purchase_only_as_it_is_sent(edit, emulator):
    rows = [{'images': 'a.png', 'conversations': ['Blur it']}]
    edit(rows, '--match_aspect')
    edit(rows, '--aspect_ratio=4:3')
    assert emulator.count == 1
    edit(rows)
    assert emulator.count == 2
