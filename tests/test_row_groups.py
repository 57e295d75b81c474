"""Row groups: bounded by rows and by size, and no file that only looks complete."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_image_edit.transforms.row_groups import RowGroupWriter

SCHEMA = pa.schema([('text', pa.string())])


def write(texts, group_rows=100, group_size=100):
    file = io.BytesIO()
    with RowGroupWriter(file, SCHEMA, group_rows=group_rows, group_size=group_size) as groups:
        for text in texts:
            groups.add({'text': text}, len(text))
    return file.getvalue()


@pytest.mark.parametrize('limits', [{'group_rows': 2}, {'group_size': 6}], ids=['rows', 'size'])
def test_row_groups_are_bounded(limits):
    metadata = pq.read_metadata(io.BytesIO(write(['abc'] * 5, **limits)))
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2, 2, 1]


def test_a_row_larger_than_a_group_has_one_of_its_own():
    metadata = pq.read_metadata(io.BytesIO(write(['a' * 50, 'b'], group_size=10)))
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [1, 1]


def test_halves_of_characters_do_not_keep_a_group_from_being_written():
    table = pq.read_table(io.BytesIO(write(['whole', '\ud800'])))
    assert table['text'].to_pylist() == ['whole', '\ufffd']


def test_a_file_is_not_complete_after_an_error():
    file = io.BytesIO()

    def write_one_and_fail():
        with RowGroupWriter(file, SCHEMA, group_rows=100, group_size=100) as groups:
            groups.add({'text': 'never written'}, 1)
            raise RuntimeError('no more rows')

    with pytest.raises(RuntimeError, match='no more rows'):
        write_one_and_fail()
    assert b'never written' not in file.getvalue()
