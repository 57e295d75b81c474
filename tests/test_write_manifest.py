"""Tests of writing the manifest in a pipeline."""

import json
import random

import apache_beam as beam
import fsspec
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.write_manifest import WriteManifest

ONE_FILE = ['manifest.jsonl', 'manifest.parquet']
TWO_THREADS = ('--direct_num_workers=2', '--direct_running_mode=multi_threading')
TWO_PROCESSES = ('--direct_num_workers=2', '--direct_running_mode=multi_processing')


def make_outcome(index, text=None, name=None):
    edit = blank_edit('edited', request_keys=[f'key-{index}'], cost_usd=0.1, images=[])
    spent = {'calls': 1, 'input_tokens': 10, 'output_tokens': 20, 'cost_usd': 0.1}
    text = f'{{"id": {index}, "weight": 1.50}}' if text is None else text
    return Outcome(text, index, name, (f'out/{index}.png',), edit, spent)


def write(folder, outcomes, *flags, runner='FnApiRunner', shuffled=0, **fields):
    outcomes = random.Random(shuffled).sample(outcomes, len(outcomes))
    fields = {'run_id': 'run-1', 'started_at': 0, **fields}
    with beam.Pipeline(runner=runner, argv=list(flags)) as pipeline:
        created = pipeline | beam.Create(outcomes)
        _ = created | WriteManifest(cache_path=str(folder), **fields)


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith('manifest')}


def read_rows(folder):
    text = b''.join(content for name, content in sorted(snapshot(folder).items()) if name.endswith('.jsonl')).decode()
    return [json.loads(line) for line in text.split('\n')[:-1]]


def read_ids(folder):
    return [row['id'] for row in read_rows(folder)]


def read_summary(folder):
    return json.loads((folder / 'summary.json').read_bytes())


def test_write_manifest_writes_rows_in_input_order(tmp_path):
    write(tmp_path, [make_outcome(index) for index in range(30)])
    assert read_ids(tmp_path) == list(range(30))
    assert (tmp_path / 'manifest.jsonl').read_text().splitlines()[7] == (
        '{"id": 7, "weight": 1.50, "output_image": ["out/7.png"], "edit": {"status": "edited", "error": null, '
        '"api_format": null, "model": null, "model_version": null, "request_keys": ["key-7"], "request_ids": [], '
        '"attempts": 0, "possibly_double_billed": 0, "tokens": null, "cost_usd": 0.1, "latency_s": null, '
        '"finish_reason": null, "refusal": null, "conversions": [], "images": [], "sources": []}}'
    )
    table = pq.read_table(tmp_path / 'manifest.parquet')
    assert table['index'].to_pylist() == list(range(30))
    assert table['edit'].to_pylist() == [row['edit'] for row in read_rows(tmp_path)]


def test_write_manifest_returns_the_summary_it_wrote(tmp_path):
    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        outcomes = pipeline | beam.Create([make_outcome(0), make_outcome(1)])
        summaries = outcomes | WriteManifest(cache_path=str(tmp_path), run_id='run-1', started_at=0)
        rows = dict.fromkeys(('refused', 'no_image', 'invalid_input', 'failed', 'in_doubt', 'stopped'), 0)
        expected = {
            'run_id': 'run-1',
            'rows': {'edited': 2, **rows},
            'reasons': [],
            'calls': 2,
            'possibly_double_billed': 0,
            'possibly_double_billed_of_all_rows': 0,
            'tokens': {'input': 20, 'output': 40, 'total': 60},
            'tokens_of_all_rows': {'input': 0, 'output': 0, 'total': 0},
            'cost_usd': 0.2,
            'cost_usd_of_all_rows': 0.2,
            'unpriced_calls': 0,
            'unpriced_calls_of_all_rows': 0,
            'images': 2,
            'wall_s': None,
            'manifest': ONE_FILE,
        }
        assert_that(summaries, equal_to([expected]))
    assert read_summary(tmp_path) == expected


@pytest.mark.parametrize(
    ('flags', 'runner'),
    [
        pytest.param((), 'FnApiRunner', id='one-worker'),
        pytest.param(TWO_THREADS, 'FnApiRunner', id='two-threads'),
        pytest.param(TWO_PROCESSES, 'FnApiRunner', id='two-processes'),
        pytest.param(('--direct_runner_bundle_repeat=1',), 'FnApiRunner', id='repeated-bundles'),
        pytest.param((), 'BundleBasedDirectRunner', id='bundle-based-runner'),
    ],
)
def test_write_manifest_writes_the_same_bytes_on_any_runner(tmp_path, flags, runner):
    outcomes = [make_outcome(index) for index in range(25)]
    write(tmp_path / 'a', outcomes, rows_per_file=10)
    write(tmp_path / 'b', outcomes, *flags, runner=runner, shuffled=1, rows_per_file=10)
    assert snapshot(tmp_path / 'a') == snapshot(tmp_path / 'b')
    assert read_summary(tmp_path / 'a') == read_summary(tmp_path / 'b')


def test_write_manifest_writes_a_repeated_row_once(tmp_path):
    write(tmp_path, [make_outcome(0), make_outcome(1), make_outcome(1)])
    assert read_ids(tmp_path) == [0, 1]
    assert read_summary(tmp_path)['calls'] == 2


def test_write_manifest_without_rows_has_a_manifest(tmp_path):
    write(tmp_path, [])
    assert (tmp_path / 'manifest.jsonl').read_bytes() == b''
    assert len(pq.read_table(tmp_path / 'manifest.parquet')) == 0
    assert read_summary(tmp_path)['manifest'] == ONE_FILE


def test_write_manifest_cuts_many_rows_into_files_of_ranges(tmp_path):
    write(tmp_path, [make_outcome(index) for index in range(25)], rows_per_file=10)
    names = [f'manifest-0000{number}-of-00003.{kind}' for number in range(3) for kind in ('jsonl', 'parquet')]
    assert sorted(snapshot(tmp_path)) == names
    assert read_summary(tmp_path)['manifest'] == names
    indices = [pq.read_table(tmp_path / name)['index'].to_pylist() for name in names if name.endswith('parquet')]
    assert indices == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    assert read_ids(tmp_path) == list(range(25))


@pytest.mark.parametrize(('before', 'after'), [(25, 5), (5, 25), (25, 15), (25, 0)])
def test_write_manifest_replaces_an_earlier_layout(tmp_path, before, after):
    outcomes = [make_outcome(index) for index in range(25)]
    write(tmp_path, outcomes[:before], rows_per_file=10)
    write(tmp_path, outcomes[:after], rows_per_file=10)
    assert sorted(snapshot(tmp_path)) == read_summary(tmp_path)['manifest']
    assert read_ids(tmp_path) == list(range(after))


def test_write_manifest_puts_rows_without_index_last(tmp_path):
    unnumbered = [make_outcome(None, f'{{"id": "{row_id}"}}', name) for name, row_id in ['b2', 'a1', 'a1', 'a0']]
    write(tmp_path, [*unnumbered, make_outcome(1), make_outcome(0)])
    assert read_ids(tmp_path) == [0, 1, '0', '1', '1', '2']
    assert pq.read_table(tmp_path / 'manifest.parquet')['index'].to_pylist() == [0, 1, None, None, None, None]


@pytest.mark.parametrize(('numbered', 'unnumbered'), [(0, 25), (10, 1), (15, 20)])
def test_write_manifest_cuts_rows_without_index_too(tmp_path, numbered, unnumbered):
    outcomes = [make_outcome(index) for index in range(numbered)]
    outcomes += [make_outcome(None, f'{{"id": {100 + place}}}') for place in range(unnumbered)]
    write(tmp_path, outcomes, rows_per_file=10)
    assert read_ids(tmp_path) == [*range(numbered), *range(100, 100 + unnumbered)]
    assert sorted(snapshot(tmp_path)) == read_summary(tmp_path)['manifest']


def test_write_manifest_with_missing_indices_has_every_file(tmp_path):
    write(tmp_path, [make_outcome(25)], rows_per_file=10)
    assert sorted(snapshot(tmp_path)) == read_summary(tmp_path)['manifest']
    assert read_ids(tmp_path) == [25]


def test_write_manifest_puts_all_windows_into_one_manifest(tmp_path):
    outcomes = [make_outcome(index) for index in range(5)]
    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        windowed = (
            pipeline
            | beam.Create(outcomes)
            | beam.Map(lambda outcome: TimestampedValue(outcome, outcome.index * 60))
            | beam.WindowInto(FixedWindows(60))
        )
        _ = windowed | WriteManifest(cache_path=str(tmp_path), run_id='run-1', started_at=0)
    assert read_ids(tmp_path) == [0, 1, 2, 3, 4]


def test_write_manifest_has_a_row_for_what_is_no_object(tmp_path):
    write(tmp_path, [make_outcome(index, text) for index, text in enumerate(['null', '{"a": \ud800', '{"a": "é"}'])])
    assert [{**row, 'edit': None} for row in read_rows(tmp_path)] == [
        {'line': 'null', 'output_image': ['out/0.png'], 'edit': None},
        {'line': '{"a": \ud800', 'output_image': ['out/1.png'], 'edit': None},
        {'a': 'é', 'output_image': ['out/2.png'], 'edit': None},
    ]
    extra = pq.read_table(tmp_path / 'manifest.parquet')['extra'].to_pylist()
    assert extra == ['{"line": "null"}', r'{"line": "{\"a\": \ud800"}', '{"a": "é"}']


def test_write_manifest_takes_the_users_field_names(tmp_path):
    outcome = make_outcome(0, '{"pics": ["a.png"], "turns": ["Go."]}')
    write(tmp_path, [outcome], fields=RowFields('pics', 'turns', 'result'))
    assert read_rows(tmp_path)[0]['result'] == ['out/0.png']
    row = pq.read_table(tmp_path / 'manifest.parquet').to_pylist()[0]
    assert (row['images'], row['output_image'], row['extra']) == (['a.png'], ['out/0.png'], '{}')


def test_write_manifest_writes_to_any_filesystem():
    folder = 'memory://write-manifest/out'
    write(folder, [make_outcome(index) for index in range(15)], rows_per_file=10)
    write(folder, [make_outcome(0)])
    filesystem = fsspec.filesystem('memory')
    names = sorted(path.rsplit('/', 1)[-1] for path in filesystem.ls(folder, detail=False))
    assert names == [*ONE_FILE, 'summary.json']
    with filesystem.open(f'{folder}/manifest.parquet') as file:
        assert pq.read_table(file)['index'].to_pylist() == [0]


def test_write_manifest_after_a_crash_upstream_has_changed_nothing(tmp_path):
    write(tmp_path, [make_outcome(0)])
    before = snapshot(tmp_path)

    def fail(outcome):
        raise RuntimeError(f'crash at {outcome.index}')

    pipeline = beam.Pipeline(runner='FnApiRunner')
    outcomes = pipeline | beam.Create([make_outcome(0), make_outcome(1)]) | beam.Map(fail)
    _ = outcomes | WriteManifest(cache_path=str(tmp_path), run_id='run-2', started_at=0)
    with pytest.raises(RuntimeError, match='crash at 0'):
        pipeline.run()
    assert snapshot(tmp_path) == before
    assert read_summary(tmp_path)['run_id'] == 'run-1'


def test_write_manifest_that_crashes_between_files_leaves_the_earlier_ones(tmp_path):
    write(tmp_path, [make_outcome(0)])
    before = snapshot(tmp_path)
    (tmp_path / 'manifest-00001-of-00002.jsonl').mkdir()
    with pytest.raises(Exception, match='manifest-00001-of-00002'):
        write(tmp_path, [make_outcome(index) for index in range(15)], rows_per_file=10)
    (tmp_path / 'manifest-00001-of-00002.jsonl').rmdir()
    assert {name: snapshot(tmp_path)[name] for name in ONE_FILE} == before
    assert read_summary(tmp_path)['manifest'] == ONE_FILE
    write(tmp_path, [make_outcome(index) for index in range(15)], rows_per_file=10)
    assert read_ids(tmp_path) == list(range(15))


def test_write_manifest_tells_the_runs_time(tmp_path):
    write(tmp_path, [], started_at=1.0)
    assert read_summary(tmp_path)['wall_s'] > 1e9


def test_write_manifest_needs_to_be_told_no_more_than_the_folder(tmp_path):
    for folder in ('first', 'second'):
        with beam.Pipeline(runner='FnApiRunner') as pipeline:
            _ = pipeline | beam.Create([make_outcome(0)]) | WriteManifest(str(tmp_path / folder))
    summaries = [read_summary(tmp_path / folder) for folder in ('first', 'second')]
    assert len({summary['run_id'] for summary in summaries} - {''}) == 2
    assert [summary['wall_s'] for summary in summaries] == [None, None]


def test_write_manifest_refuses_files_without_rows():
    with pytest.raises(ConfigurationError, match='rows_per_file must be >= 1, got 0'):
        WriteManifest(cache_path='out', run_id='run-1', started_at=0, rows_per_file=0)
