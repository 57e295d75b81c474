"""Rows of a data set: what their authors wrote, whatever that is, and nothing of where their pictures lay."""

import base64
import json

import datasets

from beam_image_edit.transforms import ExportParquetImages, ExportWebDataset
from tests.exports.exported import export, load_parquet, make_outcome, make_picture, read_tar, shards_of


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


def test_variations_have_no_instruction(tmp_path, sources, cache):
    outcome = make_outcome(tmp_path / 'out', sources, 0, text='{"images": "0.png"}')
    export([outcome], ExportParquetImages(str(tmp_path / 'out')), tmp_path / 'summary')
    (row,) = load_parquet(tmp_path / 'out', cache)
    assert (row['instruction'], row['instructions']) == ('', [])
