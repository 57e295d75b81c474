"""What was paid on a cache path: every call that its ledger tells of, once, by the run that sent it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.money import to_parts, to_usd
from beam_image_edit.transforms.records import Attempt
from beam_image_edit.transforms.storage import Storage


@dataclass(slots=True)
class _Spending:
    """What some calls have cost.

    Attributes:
        calls: how many have a known cost.
        parts: what they cost, in parts of a dollar.
        unpriced: how many others were, or may have been, billed.
    """

    calls: int = 0
    parts: int = 0
    unpriced: int = 0

    def add(self, attempt: Attempt) -> None:
        if attempt.cost_usd is not None:
            self.calls += 1
            self.parts += to_parts(attempt.cost_usd)
        else:
            self.unpriced += 1

    def __str__(self) -> str:
        text = f'${to_usd(self.parts):,.4f} for {show_count(self.calls, "call")}'
        if self.unpriced:
            text += f'; {show_count(self.unpriced, "call")} more, whose cost nobody can know'
        return text


def tell_spent(cache_path: str, options: StorageOptions | None = None) -> Iterator[str]:
    """What was paid, in lines: all of it, and each run's.

    Args:
        cache_path: of the runs.
        options: of its file system.

    Raises:
        ConfigurationError: nothing was ever paid for there.
        StorageError: the ledger can't be read.
    """
    total, runs = _Spending(), defaultdict[str, _Spending](_Spending)
    for attempt in Ledger(Storage(cache_path, options), run_id='', call_timeout_s=0).all_attempts():
        if attempt.billed != 'no':
            total.add(attempt)
            runs[attempt.run_id or 'unknown'].add(attempt)
    if not runs:
        raise ConfigurationError(f'nothing was bought in {cache_path}: its ledger has no call that was paid for')
    yield f'paid: {total}'
    # A run's name begins with its time.
    for name in sorted(runs):
        yield f'  run {name}: {runs[name]}'
