"""Tests of reading samples in a pipeline."""

import gzip
import json

import apache_beam as beam
import fsspec
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.lines import list_ranges
from beam_image_edit.transforms.names import clean_id
from beam_image_edit.transforms.read_samples import ReadSamples, count_rows, plan_blocks, read_rows
from beam_image_edit.transforms.samples import Sample

ONE_WORKER = ()
TWO_THREADS = ('--direct_num_workers=2', '--direct_running_mode=multi_threading')
ROWS = st.sampled_from(
    [
        '{}',
        '{"id": 1}',
        '{"id": "1"}',
        '{"id": "a"}',
        '{"id": "A"}',
        '{"id": 4}',
        '{"id": null}',
        '{"id": ',
        '',
        ' \t',
        '\x85',
    ]
)


def read_plainly(pattern, range_bytes):
    """The samples of a pattern without a pipeline, given to the plan in the wrong order."""
    counts = [count_rows(part, 'id') for part in list_ranges(pattern, range_bytes)]
    return [sample for block in plan_blocks(reversed(counts)) for sample in read_rows(block, 'id')]


def name_naively(texts):
    seen, names = set(), []
    for index, text in enumerate(texts):
        try:
            row_id = clean_id(json.loads(text).get('id'))
        except ValueError:
            row_id = ''
        base = f'sample_{row_id or index}'
        names.append(f'{base}-{index}' if base.casefold() in seen else base)
        seen.add(base.casefold())
    return names


@given(st.lists(st.lists(ROWS, max_size=8), min_size=1, max_size=3), st.integers(1, 30))
def test_samples_equal_those_of_a_loop_over_all_lines(files, range_bytes):
    store = fsspec.filesystem('memory')
    if store.exists('/naive'):
        store.rm('/naive', recursive=True)
    expected = []
    for number, lines in enumerate(files):
        store.pipe_file(f'/naive/{number}.jsonl', '\n'.join(lines).encode())
        expected += [(text, line) for line, text in enumerate(lines, 1) if text.strip(' \t')]

    samples = read_plainly('memory:///naive/*.jsonl', range_bytes)

    assert [(sample.text, sample.line) for sample in samples] == expected
    assert [sample.index for sample in samples] == list(range(len(expected)))
    assert [sample.name for sample in samples] == name_naively([text for text, _ in expected])


@pytest.mark.parametrize('options', [ONE_WORKER, TWO_THREADS], ids=['one', 'threads'])
def test_read_samples_of_several_files(tmp_path, options):
    texts = [f'{{"number": {number}}}' for number in range(1000)]
    (tmp_path / 'a.jsonl').write_text('\n\n'.join(texts[:400]))
    (tmp_path / 'b.jsonl.gz').write_bytes(gzip.compress('\n'.join(texts[400:700]).encode()))
    (tmp_path / 'c.jsonl').write_bytes(('\r\n'.join(texts[700:]) + '\r\n').encode())
    lines = [*range(1, 801, 2), *range(1, 301), *range(1, 301)]
    expected = [
        Sample(text, index, line, f'sample_{index}', str(tmp_path))
        for index, (text, line) in enumerate(zip(texts, lines, strict=True))
    ]

    with beam.Pipeline(runner='FnApiRunner', argv=list(options)) as pipeline:
        samples = pipeline | ReadSamples(f'{tmp_path}/*.jsonl*', range_bytes=1000)
        assert_that(samples, equal_to(expected))


def test_read_samples_of_a_messy_file(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(
        b'\xef\xbb\xbf{"id": "../x"}\r\n'
        b' \t\r\n'
        b'{"text": "a\xe2\x80\xa8b"}\n'
        b'{"id": "../X"}\n'
        b'\n'
        b'{"id": 1, "a": "\xff"}\n'
        b'{"id": "1"}\n'
        b'null\n' + b'x' * 2000 + b'\n'
        b'{"id": 2'
    )
    folder = str(tmp_path)
    expected = [
        Sample('{"id": "../x"}', 0, 1, 'sample_.._x', folder),
        Sample('{"text": "a\u2028b"}', 1, 3, 'sample_1', folder),
        Sample('{"id": "../X"}', 2, 4, 'sample_.._X-2', folder),
        Sample(
            '{"id": 1, "a": "\ufffd"}',
            3,
            6,
            'sample_1-3',
            folder,
            'not valid UTF-8: byte 17 of the line is 0xff; save the file as UTF-8',
        ),
        Sample('{"id": "1"}', 4, 7, 'sample_1-4', folder),
        Sample('null', 5, 8, 'sample_5', folder),
        Sample(
            'x' * 1000 + '…', 6, 9, 'sample_6', folder, 'the line is longer than 1000 bytes; put its images into files'
        ),
        Sample('{"id": 2', 7, 10, 'sample_7', folder),
    ]

    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        samples = pipeline | ReadSamples(f'{tmp_path}/a.jsonl', max_line_bytes=1000)
        assert_that(samples, equal_to(expected))


@pytest.mark.parametrize('content', [b'', b'\xef\xbb\xbf', b'\n \r\n\n'], ids=['empty', 'mark', 'blank'])
def test_read_samples_of_a_file_without_rows_is_empty(tmp_path, content):
    (tmp_path / 'a.jsonl').write_bytes(content)

    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        assert_that(pipeline | ReadSamples(f'{tmp_path}/a.jsonl'), equal_to([]))


def test_read_samples_by_another_id_field(tmp_path):
    (tmp_path / 'a.jsonl').write_text('{"id": "a", "key": "b"}')

    with beam.Pipeline(runner='FnApiRunner') as pipeline:
        names = pipeline | ReadSamples(f'{tmp_path}/a.jsonl', id_key='key') | beam.Map(lambda sample: sample.name)
        assert_that(names, equal_to(['sample_b']))


def test_read_samples_looks_for_files_only_when_it_runs(tmp_path):
    with (
        pytest.raises(ConfigurationError, match='there is no such file'),
        beam.Pipeline(runner='FnApiRunner') as pipeline,
    ):
        _ = pipeline | ReadSamples(f'{tmp_path}/none.jsonl')


@pytest.mark.parametrize('name', ['range_bytes', 'max_line_bytes'])
def test_read_samples_refuses_sizes_that_make_no_sense(name):
    with pytest.raises(ConfigurationError, match=f'{name} must be >= 1, got 0'):
        ReadSamples('a.jsonl', **{name: 0})


@pytest.mark.parametrize('name', ['a.jsonl', 'a.jsonl.gz'])
def test_read_rows_says_that_a_file_is_gone(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b'{}\n{}') if name.endswith('.gz') else b'{}\n{}')
    blocks = list(plan_blocks([count_rows(part, 'id') for part in list_ranges(str(path))]))
    path.unlink()

    with pytest.raises(StorageError, match='it is gone'):
        list(read_rows(blocks[0], 'id'))


def test_read_rows_says_that_a_file_changed(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(b'{}\n{}\n')
    blocks = list(plan_blocks([count_rows(part, 'id') for part in list_ranges(f'{tmp_path}/a.jsonl')]))
    (tmp_path / 'a.jsonl').write_bytes(b'{} \n \n')

    with pytest.raises(StorageError, match='1 row read where 2 had been counted'):
        list(read_rows(blocks[0], 'id'))
