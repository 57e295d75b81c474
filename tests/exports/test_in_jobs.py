"""Data sets made at the end of a run, or in a job of one's own, and loaded as others load them."""

import json

import apache_beam as beam
import datasets
import pytest
import webdataset

from beam_image_edit.transforms import (
    EditImages,
    ExportParquetImages,
    ExportWebDataset,
    RowFields,
    WriteDatasetCard,
)
from tests.exports.exported import load_parquet, read_keys, read_tar, shards_of

# WebDataset leaves the last file to the garbage collector.
WITH_WEBDATASET = pytest.mark.filterwarnings(
    'ignore::ResourceWarning', 'ignore::pytest.PytestUnraisableExceptionWarning'
)
ROWS = [
    {'id': 'one', 'images': ['a.png', 'square.png'], 'conversations': ['Blur it', 'Sharpen it'], 'weight': 1.50},
    {'images': 'a.png', 'conversations': ['Keep the left'], 'mask': 'mask.png', 'tags': ['x', {'y': 1}]},
    {'images': 'no-such.png', 'conversations': ['Blur it']},
]


def test_a_run_exports_its_edited_rows_as_pictures_that_datasets_shows(edit, photos, cache):
    run = edit(ROWS, '--export=parquet_images', '--api_format=openai')
    first, second = load_parquet(run.folder, cache)
    assert run.code == 3
    assert [image.size for image in first['source_images']] == [(320, 240), (256, 256)]
    results = [image.tobytes() for image in first['result_images']]
    files = [run.folder / path for path in run.images[0]]
    assert results == [datasets.Image().decode_example({'path': str(path), 'bytes': None}).tobytes() for path in files]
    assert (first['mask'], second['mask'].size) == (None, (320, 240))
    assert (first['id'], first['key'], first['index'], first['name']) == ('one', '000000000', 0, 'sample_one')
    assert first['instruction'] == 'Blur it\nSharpen it'
    assert first['instructions'] == ['Blur it', 'Sharpen it']
    assert first['extra'] == '{"weight": 1.5}'
    assert json.loads(second['extra']) == {'tags': ['x', {'y': 1}]}
    edit_of_first = run.rows[0]['edit']
    assert first['results'] == edit_of_first['images']
    assert [first[name] for name in ('model', 'cost_usd')] == [edit_of_first[name] for name in ('model', 'cost_usd')]


def test_pictures_are_the_same_bytes_as_the_files(edit, photos):
    run = edit(ROWS, '--export=webdataset', '--api_format=openai')
    files = read_tar(run.folder / 'export' / 'webdataset' / 'train-00000-of-00001.tar')
    assert list(files)[:5] == [
        f'000000000.{name}' for name in ('source_0.png', 'source_1.png', 'result_0.png', 'result_1.png', 'json')
    ]
    assert files['000000000.source_1.png'] == (photos / 'square.png').read_bytes()
    assert files['000000001.mask.png'] == (photos / 'mask.png').read_bytes()
    assert files['000000000.result_1.png'] == (run.folder / run.images[0][1]).read_bytes()


@WITH_WEBDATASET
def test_webdataset_iterates_the_shards(edit):
    run = edit(ROWS, '--export=webdataset', '--api_format=openai')
    shards = [str(path) for path in shards_of(run.folder, 'webdataset')]
    first, second = webdataset.WebDataset(shards, shardshuffle=False).decode('pil')
    assert first['__key__'] == '000000000'
    assert first['source_1.png'].size == (256, 256)
    assert second['mask.png'].size == (320, 240)
    assert first['json']['instructions'] == ['Blur it', 'Sharpen it']
    assert first['json']['result_images'] == ['result_0.png', 'result_1.png']
    assert first['json']['extra'] == {'weight': 1.5}
    assert second['json']['mask'] == 'mask.png'


@pytest.mark.parametrize(
    'flags', [('parquet_images',), ('webdataset',), ('webdataset', 'parquet_images')], ids='+'.join
)
def test_the_folder_loads_by_its_card(edit, flags):
    # The loader of tars wants rows of one kind: as many pictures, of the same formats.
    alike = [{'images': 'a.png', 'conversations': [f'Blur it {times} times']} for times in range(3)]
    run = edit(alike, *(f'--export={name}' for name in flags), '--api_format=openai')
    rows = datasets.load_dataset(str(run.folder / 'export'), split='train')
    result = rows[2]['result_images'][0] if 'parquet_images' in flags else rows[2]['result_0.png']
    assert (len(rows), result.size) == (3, (320, 240))


def test_an_earlier_run_is_exported_and_nothing_is_bought(edit, emulator):
    edit(ROWS, '--api_format=openai')
    calls = emulator.count
    flags = '--api_format=openai', '--export=webdataset', '--export=parquet_images'
    written = []
    for _ in range(2):
        run = edit(ROWS, *flags)
        shards = [*shards_of(run.folder, 'webdataset'), *shards_of(run.folder, 'parquet_images')]
        written.append({path: path.read_bytes() for path in shards})
    assert emulator.count == calls
    assert len(written[0]) == 2
    assert written[0] == written[1]


def test_a_run_with_nothing_to_export_comes_to_its_end(edit):
    run = edit(ROWS[-1:], '--export=webdataset', '--export=parquet_images')
    assert run.code == 3
    assert [path.name for path in (run.folder / 'export').rglob('*')] == ['README.md']


def test_a_run_without_export_makes_none(edit):
    assert not (edit(ROWS).folder / 'export').exists()


def test_exports_work_in_a_job_of_ones_own(tmp_path, photos, emulator, monkeypatch, cache):
    monkeypatch.setenv('SHOP_KEY', 'a-key')
    out = str(tmp_path / 'out')
    fields = RowFields(images='photo', conversations='wish')
    rows = [{'id': name, 'photo': str(photos / name), 'wish': 'Blur it'} for name in ('a.png', 'b.jpg')]
    with beam.Pipeline('FnApiRunner') as root:
        edits = (
            root
            | beam.Create(rows)
            | EditImages(cache_path=out, api_key='env:SHOP_KEY', base_url=emulator.url, fields=fields)
        )
        exports = [
            edits.edited | ExportParquetImages(out, fields=fields),
            edits.edited | ExportWebDataset(out, fields=fields),
        ]
        _ = exports | beam.Flatten() | WriteDatasetCard(out)
    loaded = load_parquet(tmp_path / 'out', cache)
    assert sorted(loaded['id']) == ['a.png', 'b.jpg']
    assert len(read_keys(tmp_path / 'out', 'webdataset')) == 2
    assert '## webdataset' in (tmp_path / 'out' / 'export' / 'README.md').read_text()
