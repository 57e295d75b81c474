"""Tests of reading a data set's pictures ahead, and of cutting it into shards."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.exports.pictures import read_ahead
from beam_image_edit.transforms.exports.plan import PlanShards, plan_shards
from beam_image_edit.transforms.exports.rows import ExportRow, PictureFile


def make_rows(sizes):
    return [
        ExportRow(str(number), (PictureFile('source_0.png', '', '', size),), None, (), {})
        for number, size in enumerate(sizes)
    ]


class Reading:
    """Counts what is being read, or has been and waits."""

    def __init__(self):
        self.lock = threading.Lock()
        self.held = []
        self.most_rows = self.most_bytes = 0

    def read(self, row):
        with self.lock:
            self.held.append(row.picture_bytes)
            self.most_rows = max(self.most_rows, len(self.held))
            self.most_bytes = max(self.most_bytes, sum(self.held))
        return row.key

    def take(self, row):
        with self.lock:
            self.held.remove(row.picture_bytes)


@given(st.lists(st.integers(0, 40)), st.integers(1, 4))
def test_rows_come_in_order_and_few_are_held(sizes, most_rows):
    reading = Reading()
    keys = []
    for row, read in read_ahead(make_rows(sizes), reading.read, most_rows, most_bytes=50):
        keys.append(read.result())
        reading.take(row)
    assert keys == [str(number) for number in range(len(sizes))]
    # And the one that is taken.
    assert reading.most_rows <= most_rows + 1
    assert reading.most_bytes <= 50 + 40


def test_several_rows_are_read_at_once():
    together = threading.Barrier(3, timeout=30)
    read = [future.result() for _, future in read_ahead(make_rows([1] * 6), lambda row: together.wait() >= 0, 3)]
    assert read == [True] * 6


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200_000))), st.integers(1, 300_000))
def test_every_row_is_in_one_shard_within_bounds(rows, max_shard_bytes):
    weights = dict(reversed(rows))  # of two with one place, the first
    plan = plan_shards(rows, max_shard_bytes)
    shards = {}
    for place in sorted(weights):
        shards.setdefault(plan.find(place), []).append(weights[place])
    assert sorted(shards) == list(range(len(plan.starts)))
    assert all(len(shard) == 1 or sum(shard) <= max_shard_bytes for shard in shards.values())


@given(st.lists(st.lists(st.tuples(st.integers(0, 10**6), st.just(30_000)))))
def test_plan_does_not_depend_on_who_measures(parts):
    combine = PlanShards(100_000)
    accumulators = []
    for part in parts:
        accumulator = combine.create_accumulator()
        for row in part:
            accumulator = combine.add_input(accumulator, row)
        accumulators.append(accumulator)
    plan = combine.extract_output(combine.merge_accumulators(accumulators))
    assert plan == plan_shards([row for part in parts for row in part], 100_000)
