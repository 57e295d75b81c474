"""LimitSpending: which calls of a job its budget has room for, found out before the first one.

It is a barrier: every row is looked at before any is edited. So it is there only where a budget is asked for.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.pvalue import PCollection
from apache_beam.transforms.combiners import ToList
from apache_beam.transforms.window import GlobalWindows

from beam_image_edit.transforms.budget import Admission, Budget, Reservations
from beam_image_edit.transforms.bundle_work import BundleWork
from beam_image_edit.transforms.editor import open_editor, release_editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.ledger import Ledger
from beam_image_edit.transforms.prices import CallSize
from beam_image_edit.transforms.samples import Sample


class LimitSpending(beam.PTransform[PCollection[Sample], PCollection[Admission]]):
    """Finds the calls that a budget has room for, as a PCollection of the one Admission.

    Args:
        config: of the editors that look up what has been bought.
        budget: what may be spent.
    """

    def __init__(self, config: EditorConfig, budget: Budget) -> None:
        super().__init__()
        self._config = config
        self._budget = budget

    def expand(self, samples: PCollection[Sample]) -> PCollection[Admission]:
        """Builds the graph."""
        return (
            samples
            # The budget is one for the job, whatever the windows of its rows are.
            | 'LeaveWindows' >> beam.WindowInto(GlobalWindows())
            | 'Reserve' >> beam.ParDo(_Reserve(self._config, self._budget))
            | 'GatherReservations' >> ToList()
            # After all rows were looked at, so that what is bought meanwhile counts twice rather than not at all.
            | 'Admit' >> beam.Map(_admit, self._config, self._budget)
        )


class _Reserve(beam.DoFn):
    """Looks at samples, as many at a time as calls may be in flight; gives a bundle's reservations in one piece."""

    def __init__(self, config: EditorConfig, budget: Budget) -> None:
        self._config = config
        self._budget = budget

    def setup(self) -> None:
        self._editor = open_editor(self._config)

    def teardown(self) -> None:
        release_editor(self._editor)

    def start_bundle(self) -> None:
        self._work: BundleWork[Sample, list[tuple[str, CallSize]]] = BundleWork(2 * self._config.max_in_flight)
        self._reservations: list[Reservations] = [np.empty((0, 3), np.int64)]

    def process(self, sample: Sample) -> None:
        for unbought, done in self._work.submit(lambda: self._editor.find_unbought(sample), sample):
            self._reservations.append(self._budget.reserve(done, unbought))

    def finish_bundle(self) -> Iterator[Any]:
        for unbought, done in self._work.drain():
            self._reservations.append(self._budget.reserve(done, unbought))
        yield GlobalWindows.windowed_value(np.concatenate(self._reservations).tobytes())


def _admit(packed: Iterable[bytes], config: EditorConfig, budget: Budget) -> Admission:
    ledger = Ledger(config.open_storage(), config.run_id, call_timeout_s=0)
    return budget.admit([np.frombuffer(piece, np.int64).reshape(-1, 3) for piece in packed], ledger)
