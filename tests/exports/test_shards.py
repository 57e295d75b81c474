"""Shards: which rows are in which, in what order, and which are left out; the same for every format."""

import random

import apache_beam as beam
import pytest
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from beam_image_edit.transforms import ConfigurationError, ExportParquetImages, ExportWebDataset
from beam_image_edit.transforms.storage import Storage
from tests.exports.exported import export, make_outcome, make_picture, read_keys, shards_of

EXPORTS = pytest.mark.parametrize(
    ('transform', 'name'),
    [(ExportParquetImages, 'parquet_images'), (ExportWebDataset, 'webdataset')],
    ids=['parquet', 'tar'],
)


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


@EXPORTS
def test_rows_without_an_index_are_in_order_and_once(tmp_path, sources, transform, name):
    outcomes = [make_outcome(tmp_path / 'out', sources, number, index=None) for number in range(8)]
    outcomes.append(make_outcome(tmp_path / 'out', sources, 8))
    export([*outcomes, outcomes[0]], transform(str(tmp_path / 'out')), tmp_path / 'summary')
    keys = read_keys(tmp_path / 'out', name)
    assert keys[0] == '000000008'
    assert len(set(keys)) == len(keys) == 9
    assert keys == sorted(keys)


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


@pytest.mark.parametrize(
    'wrong', [{'cache_path': ''}, {'cache_path': 'out', 'max_shard_bytes': 0}], ids=['no folder', 'no bytes']
)
@EXPORTS
def test_arguments_that_can_not_be_used_are_refused_at_once(transform, name, wrong):
    with pytest.raises(ConfigurationError):
        transform(**wrong)
