"""Tests of the manifest's files."""

import json

import pytest

from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.manifest_files import Layout, ManifestFiles
from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.row_blocks import BlockPacker, to_manifest_row
from beam_image_edit.transforms.rows import RowFields
from beam_image_edit.transforms.summary import Tally


def pack(*indices):
    packer = BlockPacker(rows_per_file=1_000_000)
    for index in indices:
        list(packer.add(to_manifest_row(Outcome('{}', index, None, (), blank_edit('stopped')), 'output_image')))
    return [block for _, block in packer.flush()]


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ('numbered', 'unnumbered', 'files', 'last_group'),
    [
        (0, 0, 1, 0),
        (1, 0, 1, 0),
        (10, 0, 1, 0),
        (11, 0, 2, 1),
        (20, 0, 2, 1),
        (0, 10, 1, 0),
        (0, 11, 2, 0),
        (10, 1, 2, 0),
        (15, 30, 5, 1),
    ],
)
def test_layout_counts_files(numbered, unnumbered, files, last_group):
    layout = Layout(10, numbered, unnumbered)
    assert (layout.files, layout.last_group) == (files, last_group)


@pytest.mark.parametrize(('numbered', 'unnumbered'), [(0, 0), (10, 0), (25, 0), (0, 25), (10, 1), (15, 30)])
def test_layout_gives_every_file_to_one_group(numbered, unnumbered):
    layout = Layout(10, numbered, unnumbered)
    written = [number for group in range(layout.last_group + 1) for number in layout.files_of(group)]
    assert written == list(range(layout.files))


def test_layout_names_one_file_plainly_and_several_by_number():
    assert Layout(10, 10, 0).file_names() == ['manifest.jsonl', 'manifest.parquet']
    assert Layout(10, 11, 0).file_names() == [
        'manifest-00000-of-00002.jsonl',
        'manifest-00000-of-00002.parquet',
        'manifest-00001-of-00002.jsonl',
        'manifest-00001-of-00002.parquet',
    ]


def test_finish_removes_only_manifests_of_another_layout(tmp_path):
    kept = ['manifest.jsonl', 'manifest.parquet', 'manifest-of-mine.jsonl', 'manifest.csv', 'notes.jsonl']
    for name in [*kept, 'manifest-00000-of-00002.jsonl', 'manifest-00001-of-00002.parquet', 'manifest-0-of-3.jsonl']:
        (tmp_path / name).touch()
    files = ManifestFiles(str(tmp_path), RowFields())
    summary = files.finish(Tally(), Layout(10, 1, 0), run_id='run-1', wall_s=1.5)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted([*kept, 'summary.json'])
    assert json.loads((tmp_path / 'summary.json').read_bytes()) == summary


def test_write_group_that_fails_leaves_whole_files(tmp_path):
    files = ManifestFiles(str(tmp_path), RowFields())
    files.write_group(0, pack(0, 1), Layout(10, 2, 0))
    before = snapshot(tmp_path)
    with pytest.raises(Exception, match='zstd'):
        files.write_group(0, [*pack(0, 1, 2), b'not a block'], Layout(10, 3, 0))
    assert snapshot(tmp_path) == before
    assert list((tmp_path / 'ledger' / 'unfinished').iterdir()) == []


def test_write_group_fills_a_missing_file(tmp_path):
    ManifestFiles(str(tmp_path), RowFields()).write_group(1, [], Layout(10, 25, 0))
    assert sorted(snapshot(tmp_path)) == ['manifest-00001-of-00003.jsonl', 'manifest-00001-of-00003.parquet']
