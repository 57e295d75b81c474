"""Tests of row blocks."""

import random

from beam_image_edit.transforms.outcomes import Outcome
from beam_image_edit.transforms.row_blocks import BlockPacker, merge_blocks, to_manifest_row


def make_row(index=None, name=None, text='{}', edit=None, **spent):
    return to_manifest_row(Outcome(text, index, name, (), edit or {'status': 'edited'}, spent), 'output_image')


def pack(rows, rows_per_file=100):
    packer = BlockPacker(rows_per_file, block_bytes=2_000)
    return [block for row in rows for block in packer.add(row)] + list(packer.flush())


def merge(rows):
    return list(merge_blocks(block for _, block in pack(rows)))


def test_blocks_of_rows_in_any_order_merge_into_order():
    rows = [make_row(index) for index in range(100)]
    shuffled = random.Random(0).sample(rows, 100)
    assert len(pack(shuffled)) > 5
    assert merge(shuffled) == rows


def test_blocks_keep_rows_of_each_file_apart():
    blocks = pack([make_row(25), make_row(3), make_row(9), make_row()], rows_per_file=10)
    assert {number: [row.index for row in merge_blocks([block])] for number, block in blocks} == {
        0: [3, 9],
        2: [25],
        None: [None],
    }


def test_blocks_are_packed_once():
    packer = BlockPacker(100, block_bytes=2_000)
    packed = list(packer.add(make_row(0, text='x' * 2_000)))
    assert len(packed) == 1
    assert list(packer.flush()) == []


def test_merge_puts_rows_without_index_last_by_name_and_text():
    rows = [make_row(name='a', text='2'), make_row(7), make_row(text='3'), make_row(name='a', text='1'), make_row(2)]
    assert merge(rows) == [rows[4], rows[1], rows[2], rows[3], rows[0]]


def test_merge_keeps_one_row_of_an_index_the_one_that_paid():
    paid = make_row(0, calls=1, cost_usd=0.04)
    assert merge([make_row(0), paid, make_row(0)]) == [paid]


def test_merge_keeps_all_rows_without_index():
    assert len(merge([make_row(), make_row(), make_row(0), make_row()])) == 4


def test_merge_orders_like_rows_without_index_by_what_became_of_them():
    rows = [make_row(name='a', edit={'status': status}) for status in ('edited', 'failed')]
    assert merge(rows) == merge(rows[::-1])


def test_merge_of_an_empty_block_has_no_row():
    assert list(merge_blocks([b''])) == []


def test_blocks_carry_any_text():
    row = make_row(text='\ud800\u2028\x00')
    assert merge([row]) == [row]
