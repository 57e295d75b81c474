"""Tests of data sets made at the end of a run, loaded as others load them."""

import base64
import json
import random
import tarfile
from itertools import chain

import apache_beam as beam
import datasets
import pytest
import webdataset
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from beam_image_edit.transforms import (
    ConfigurationError,
    EditImages,
    ExportParquetImages,
    ExportWebDataset,
    RowFields,
    WriteDatasetCard,
)
from beam_image_edit.transforms.storage import Storage
from tests.exported import export, load_parquet, make_outcome, make_picture

EXPORTS = pytest.mark.parametrize(
    ('transform', 'name'),
    [(ExportParquetImages, 'parquet_images'), (ExportWebDataset, 'webdataset')],
    ids=['parquet', 'tar'],
)
# WebDataset leaves the last file to the garbage collector.
WITH_WEBDATASET = pytest.mark.filterwarnings(
    'ignore::ResourceWarning', 'ignore::pytest.PytestUnraisableExceptionWarning'
)
ROWS = [
    {'id': 'one', 'images': ['a.png', 'square.png'], 'conversations': ['Blur it', 'Sharpen it'], 'weight': 1.50},
    {'images': 'a.png', 'conversations': ['Keep the left'], 'mask': 'mask.png', 'tags': ['x', {'y': 1}]},
    {'images': 'no-such.png', 'conversations': ['Blur it']},
]


def shards_of(folder, name):
    return sorted((folder / 'export' / name).iterdir())


def read_tar(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def read_keys(folder, name):
    """The keys of all rows in their order."""
    if name == 'webdataset':
        names = chain.from_iterable(read_tar(path) for path in shards_of(folder, name))
        return [file.removesuffix('.json') for file in names if file.endswith('.json')]
    return [key for path in shards_of(folder, name) for key in datasets.Dataset.from_parquet(str(path))['key']]


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / 'sources'
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where `datasets` keeps what it has loaded."""
    folder = tmp_path / 'datasets'
    monkeypatch.setattr(datasets.config, 'HF_DATASETS_CACHE', folder)
    return folder


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


@EXPORTS
def test_order_and_bytes_do_not_depend_on_how_rows_come(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number) for number in range(40)]
    written = []
    for seed in (1, 2):
        shuffled = random.Random(seed).sample(outcomes, len(outcomes))
        # A runner that repeats a bundle brings rows twice.
        export(
            [*shuffled, *shuffled[:5]], transform(str(tmp_path / 'out'), max_shard_bytes=150_000), tmp_path / 'summary'
        )
        written.append({path.name: path.read_bytes() for path in shards_of(tmp_path / 'out', name)})
    assert written[0] == written[1]
    assert len(written[0]) > 2
    assert read_keys(tmp_path / 'out', name) == [f'{number:09}' for number in range(40)]


@EXPORTS
def test_shards_are_bounded_and_no_smaller_than_they_need_be(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number, side=200) for number in range(10)]
    summary = export(outcomes, transform(str(tmp_path / 'out'), max_shard_bytes=800_000), tmp_path / 'summary')
    sizes = [path.stat().st_size for path in shards_of(tmp_path / 'out', name)]
    assert max(sizes) <= 800_000
    assert min(sizes[:-1]) > 700_000
    assert (summary['rows'], summary['file_bytes'], len(summary['files'])) == (10, sum(sizes), len(sizes))


@EXPORTS
def test_a_row_larger_than_a_shard_has_one_of_its_own(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number, side=100 if number == 1 else 8) for number in range(3)]
    export(outcomes, transform(str(tmp_path / 'out'), max_shard_bytes=60_000), tmp_path / 'summary')
    assert len(shards_of(tmp_path / 'out', name)) == 3
    assert read_keys(tmp_path / 'out', name) == ['000000000', '000000001', '000000002']


@EXPORTS
def test_shards_of_an_earlier_export_do_not_stay(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number) for number in range(9)]
    export(outcomes, transform(str(tmp_path / 'out'), max_shard_bytes=60_000), tmp_path / 'summary')
    export(outcomes[:2], transform(str(tmp_path / 'out')), tmp_path / 'summary')
    assert [path.stem for path in shards_of(tmp_path / 'out', name)] == ['train-00000-of-00001']


@EXPORTS
@pytest.mark.parametrize('what', ['source gone', 'source changed', 'result gone', 'result changed'])
def test_rows_whose_pictures_are_not_as_they_were_are_left_out(tmp_path, sources, caplog, transform, name, what):
    out = tmp_path / 'out'
    outcomes = [make_outcome(out, sources, number) for number in range(3)]
    changed = sources / '1.png' if 'source' in what else out / 'sample_1' / 'sample_1_0.png'
    if 'gone' in what:
        changed.unlink()
    else:
        changed.write_bytes(make_picture(99))
    summary = export(outcomes, transform(str(out)), tmp_path / 'summary')
    assert read_keys(out, name) == ['000000000', '000000002']
    assert (summary['rows'], summary['left_out']) == (2, 1)
    (warning,) = [record.getMessage() for record in caplog.records if 'left out' in record.getMessage()]
    assert '1 row left out for' in warning
    assert 'sample_1: ' in warning
    assert changed.name in warning


def test_sources_outside_the_image_root_are_not_read(tmp_path, sources):
    (tmp_path / 'root').mkdir()
    outcome = make_outcome(tmp_path / 'out', sources, 0)
    transform = ExportParquetImages(str(tmp_path / 'out'), image_root=str(tmp_path / 'root'))
    summary = export([outcome], transform, tmp_path / 'summary')
    assert (summary['rows'], summary['left_out']) == (0, 1)


def test_an_embedded_source_is_exported_and_its_text_is_not(tmp_path, sources, cache):
    embedded = 'data:image/png;base64,' + base64.b64encode(make_picture(0)).decode()
    outcome = make_outcome(tmp_path / 'out', sources, 0, images=embedded)
    export([outcome], ExportParquetImages(str(tmp_path / 'out')), tmp_path / 'summary')
    (row,) = load_parquet(tmp_path / 'out', cache).cast_column('source_images', [datasets.Image(decode=False)])
    assert row['source_images'] == [{'bytes': make_picture(0), 'path': '000000000.source_0.png'}]
    assert row['extra'] == '{}'


def test_ids_of_any_kind_make_no_two_rows_one(tmp_path, sources):
    ids = ['a.b', 'a_b', '../../etc/passwd', 'A.B', '.', '\0', 'x' * 5000, '💥', '000000001', 7, None, ['a'], '\ud800']
    outcomes = [make_outcome(tmp_path / 'out', sources, number, id=identity) for number, identity in enumerate(ids)]
    export(outcomes, ExportWebDataset(str(tmp_path / 'out')), tmp_path / 'summary')
    (path,) = shards_of(tmp_path / 'out', 'webdataset')
    files = read_tar(path)
    records = [json.loads(content) for name, content in files.items() if name.endswith('.json')]
    assert len(files) == 3 * len(ids)
    assert all(name.count('.') <= 2 and name.split('.')[0].isdigit() for name in files)
    assert [record['id'] for record in records[:9]] == ids[:9]
    assert [record['id'] for record in records[9:]] == ['7', None, '["a"]', '\ufffd']


def test_parquet_holds_hostile_texts_as_they_are(tmp_path, sources, cache):
    texts = ['"; DROP TABLE rows; --', '</script>', '\u2028\x00', '=1+1']
    outcomes = [
        make_outcome(tmp_path / 'out', sources, number, id=text, conversations=[text], note=text)
        for number, text in enumerate(texts)
    ]
    export(outcomes, ExportParquetImages(str(tmp_path / 'out')), tmp_path / 'summary')
    rows = load_parquet(tmp_path / 'out', cache)
    assert rows['id'][:] == texts
    assert rows['instruction'][:] == [text.strip() for text in texts]
    assert [json.loads(extra)['note'] for extra in rows['extra']] == texts


def test_number_literals_of_other_fields_stay_as_they_were_written(tmp_path, sources):
    text = '{"images": "0.png", "conversations": ["Blur it"], "weight": 1.50, "big": 1e999}'
    outcome = make_outcome(tmp_path / 'out', sources, 0, text=text)
    export([outcome], ExportWebDataset(str(tmp_path / 'out')), tmp_path / 'summary')
    files = read_tar(shards_of(tmp_path / 'out', 'webdataset')[0])
    assert files['000000000.json'].endswith(b'"extra": {"weight": 1.50, "big": 1e999}}')


def test_no_place_of_a_source_gets_into_the_data_set(tmp_path, sources):
    outcome = make_outcome(tmp_path / 'out', sources, 0, images=str(sources / '0.png'))
    for transform in (ExportParquetImages, ExportWebDataset):
        export([outcome], transform(str(tmp_path / 'out')), tmp_path / 'summary')
    for path in (tmp_path / 'out' / 'export').rglob('train*'):
        assert str(tmp_path).encode() not in path.read_bytes()


@EXPORTS
def test_rows_without_an_index_are_in_order_and_once(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number, index=None) for number in range(8)]
    outcomes.append(make_outcome(tmp_path / 'out', sources, 8))
    export([*outcomes, outcomes[0]], transform(str(tmp_path / 'out')), tmp_path / 'summary')
    keys = read_keys(tmp_path / 'out', name)
    assert keys[0] == '000000008'
    assert len(set(keys)) == len(keys) == 9
    assert keys == sorted(keys)


def test_variations_have_no_instruction(tmp_path, sources, cache):
    outcome = make_outcome(tmp_path / 'out', sources, 0, text='{"images": "0.png"}')
    export([outcome], ExportParquetImages(str(tmp_path / 'out')), tmp_path / 'summary')
    (row,) = load_parquet(tmp_path / 'out', cache)
    assert (row['instruction'], row['instructions']) == ('', [])


def test_rows_that_are_not_edited_are_no_part_of_a_data_set(tmp_path, sources):
    outcomes = [
        make_outcome(tmp_path / 'out', sources, number, status=status)
        for number, status in enumerate(['edited', 'failed'])
    ]
    assert export(outcomes, ExportParquetImages(str(tmp_path / 'out')), tmp_path / 'summary')['rows'] == 1


@EXPORTS
def test_windows_are_one_data_set(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number) for number in range(6)]
    with beam.Pipeline('FnApiRunner') as root:
        rows = root | beam.Create(outcomes) | beam.Map(lambda outcome: TimestampedValue(outcome, outcome.index * 100))
        _ = rows | beam.WindowInto(FixedWindows(100)) | transform(str(tmp_path / 'out'))
    assert len(read_keys(tmp_path / 'out', name)) == 6


@EXPORTS
def test_a_folder_in_memory_takes_shards(tmp_path, sources, transform, name, request):
    root = f'memory://{request.node.nodeid.replace("[", "-").replace("]", "")}'
    export([make_outcome(root, sources, 0)], transform(root), tmp_path / 'summary')
    (shard,) = Storage(root).list(f'export/{name}')
    assert shard.startswith('train-00000-of-00001.')


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


@pytest.mark.parametrize(
    'wrong', [{'cache_path': ''}, {'cache_path': 'out', 'max_shard_bytes': 0}], ids=['no folder', 'no bytes']
)
@EXPORTS
def test_arguments_that_can_not_be_used_are_refused_at_once(transform, name, wrong):
    with pytest.raises(ConfigurationError):
        transform(**wrong)
