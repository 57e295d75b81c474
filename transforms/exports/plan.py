"""The plan: which rows of a data set go into which shard, from the rows' places and weights alone.

Shards of one size that are numbered through can only be cut by someone who knows of all rows. That takes two numbers
a row, and no picture has to be read for them.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np

# A shard's own ends: a Parquet footer, the padding of a tar.
_SHARD_OVERHEAD_BYTES = 32 << 10


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Where each shard begins.

    Attributes:
        starts: the place in the data set's order of each shard's first row.

    >>> plan = ShardPlan((0, 70))
    >>> plan.find(69), plan.name(1)
    (0, 'train-00001-of-00002')
    """

    starts: tuple[int, ...]

    def find(self, order: int) -> int:
        """The number of the shard with a row."""
        return bisect_right(self.starts, order) - 1

    def name(self, number: int) -> str:
        """A shard's name without its extension."""
        return f'train-{number:05}-of-{len(self.starts):05}'


def plan_shards(rows: Iterable[tuple[int, int]], max_shard_bytes: int) -> ShardPlan:
    """Cuts rows, given in any order as (place, weight), into shards; a place that comes twice counts once.

    A row that is too large for any shard has one of its own.

    >>> plan_shards([(2, 60_000), (0, 60_000), (1, 60_000)], 160_000).starts
    (0, 2)
    """
    table = np.array(list(rows), np.int64).reshape(-1, 2)
    orders, first = np.unique(table[:, 0], return_index=True)
    starts: list[int] = []
    held = 0
    for order, weight in zip(orders.tolist(), table[first, 1].tolist(), strict=True):
        if not starts or held + weight > max_shard_bytes:
            starts.append(order)
            held = _SHARD_OVERHEAD_BYTES
        held += weight
    return ShardPlan(tuple(starts))


class PlanShards(beam.CombineFn):
    """The plan of all rows, given as (place, weight)."""

    def __init__(self, max_shard_bytes: int) -> None:
        self._max_shard_bytes = max_shard_bytes

    def create_accumulator(self) -> 'array[int]':
        """Places and weights in turn, 16 bytes a row."""
        return array('q')

    def add_input(self, accumulator: 'array[int]', row: tuple[int, int]) -> 'array[int]':
        """Adds a row."""
        accumulator.extend(row)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable['array[int]']) -> 'array[int]':
        """Puts rows together."""
        merged = array('q')
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: 'array[int]') -> ShardPlan:
        """The plan."""
        return plan_shards(zip(accumulator[::2], accumulator[1::2], strict=True), self._max_shard_bytes)
