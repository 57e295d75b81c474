"""Tests of the data set's card."""

import pytest
import yaml

from beam_image_edit.transforms.exports.card import make_card


def make_summary(name='parquet_images', **figures):
    return {
        'format': name,
        'files': [f'export/{name}/train-00000-of-00001.{"tar" if name == "webdataset" else "parquet"}'],
        'rows': 1234,
        'left_out': 2,
        'source_images': 1300,
        'result_images': 2000,
        'picture_bytes': 10**9,
        'file_bytes': 10**9 + 5000,
        'cost_usd': 12.5,
        'models': {'model-a': 1000, 'model-b': 234},
        'reasons': [],
        **figures,
    }


def read_front_matter(card):
    assert card.startswith('---\n')
    return yaml.safe_load(card.split('\n---\n')[0])


def test_front_matter_has_counts_models_cost_and_a_place_for_the_licence():
    matter = read_front_matter(make_card([make_summary()]))
    assert matter['license'] == 'other'
    assert matter['size_categories'] == ['1K<n<10K']
    assert matter['configs'] == [
        {'config_name': 'default', 'data_files': [{'split': 'train', 'path': 'parquet_images/*.parquet'}]}
    ]
    assert matter['image_edits'] == {
        'rows': 1234,
        'left_out': 2,
        'source_images': 1300,
        'result_images': 2000,
        'picture_bytes': 10**9,
        'cost_usd': 12.5,
        'models': [{'model': 'model-a', 'rows': 1000}, {'model': 'model-b', 'rows': 234}],
        'files': [{'format': 'parquet_images', 'files': 1, 'bytes': 10**9 + 5000}],
    }


@pytest.mark.parametrize(
    ('rows', 'size'),
    [(1, 'n<1K'), (999, 'n<1K'), (1000, '1K<n<10K'), (10**6, '1M<n<10M'), (10**8, '10M<n<100M')],
)
def test_sizes_have_the_names_of_the_hub(rows, size):
    assert read_front_matter(make_card([make_summary(rows=rows)]))['size_categories'] == [size]


def test_cost_is_told_as_that_of_the_rows_since_they_may_share_edits():
    card = make_card([make_summary()])
    assert 'The rows cost $12.5000 together as far as prices are known; an edit that rows share counts for each' in card


def test_card_is_the_same_in_whichever_order_exports_end():
    exports = [make_summary('webdataset'), make_summary()]
    assert make_card(exports) == make_card(exports[::-1])
    assert read_front_matter(make_card(exports))['configs'][0]['data_files'][0]['path'] == 'parquet_images/*.parquet'


def test_names_of_models_can_not_break_the_card():
    name = 'x: "y"\n---\n# <b>`'
    card = make_card([make_summary(models={name: 1})])
    assert read_front_matter(card)['image_edits']['models'] == [{'model': name, 'rows': 1}]
    assert '\n# <b>' not in card


def test_an_empty_data_set_has_a_card_without_files():
    matter = read_front_matter(make_card([make_summary(rows=0, files=[], models={})]))
    assert 'configs' not in matter
    assert matter['image_edits']['models'] == []
