"""EditImages: the edit step, for anyone's Beam pipeline.

It only wires. What a sample needs is done by the process's `Editor`; the DoFn hands samples over in batches, never
more than two windows of them ahead, and emits each as soon as it is done.
"""

import dataclasses
import functools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import AsSingleton, PCollection, TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from beam_image_edit.transforms.api_keys import DEFAULT_REFERENCE
from beam_image_edit.transforms.budget import ADMIT_ALL, Admission
from beam_image_edit.transforms.bundle_work import BundleWork
from beam_image_edit.transforms.editor import open_editor, release_editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.foreign_rows import to_sample
from beam_image_edit.transforms.limit_spending import LimitSpending
from beam_image_edit.transforms.outcomes import EDITED, STATUSES, Outcome
from beam_image_edit.transforms.retries import RetryPolicy
from beam_image_edit.transforms.rows import Parameters, RowFields
from beam_image_edit.transforms.runners import check_runner

OUTCOMES_TAG = 'outcomes'
FAILED_TAG = 'failed'
EDITED_TAG = 'edited'


class EditImages(beam.PTransform[PCollection[Any], Any]):
    """Edits images through an image API; each call is bought once, whatever runners and reruns do.

    Takes samples of `ReadSamples`, or rows: dicts, `beam.Row`s, named tuples or dataclasses (see the README for their
    shape; relative image paths start at the worker's current folder). Gives two named outputs of `Outcome`s, `edited`
    and `failed`, and a third, `outcomes`, with every row. Windows, timestamps and panes are kept. Bounded input only.

    Args:
        cache_path: where images and the ledger are written, a path or any fsspec URL.
        api_format: `gemini` or `openai`.
        model_name: the format's default model if None.
        api_key: a reference to the key, such as `env:NAME` (see `api_keys`); never the key itself.
        base_url: the API's own if None.
        batch_size: samples handed to the edit step at a time.
        max_in_flight: calls in flight at the most, per worker process.
        max_attempts: tries of a call that fails cleanly.
        connect_timeout_s: seconds until a connection must stand.
        read_timeout_s: seconds until an answer begins, and then until it is whole.
        run_id: groups the calls of one run in the ledger; made up if None.
        fields: the names of the rows' fields.
        config: all of the above but `batch_size`, put together by the caller.
        options: any other attribute of `EditorConfig` (`max_cost_usd=20`), of `RetryPolicy`
            (`max_ambiguous_retries=0`), or of `Parameters`, which is what is asked of the API and what a row can
            override (`size='1024x1024'`).

    Raises:
        ConfigurationError: an argument can't be used.
    """

    def __init__(
        self,
        *,
        cache_path: str = '',
        api_format: str = 'gemini',
        model_name: str | None = None,
        api_key: str = DEFAULT_REFERENCE,
        base_url: str | None = None,
        batch_size: int = 4,
        max_in_flight: int = 16,
        max_attempts: int = 5,
        connect_timeout_s: float = 30.0,
        read_timeout_s: float = 300.0,
        run_id: str | None = None,
        fields: RowFields | None = None,
        config: EditorConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigurationError(f'batch_size must be an integer >= 1, got {batch_size!r}')
        self._batch_size = batch_size
        self._error_handler: Any = None
        self._config = config or EditorConfig(
            api_format=api_format,
            cache_path=cache_path,
            model_name=model_name,
            api_key=api_key,
            base_url=base_url,
            run_id=run_id or uuid.uuid4().hex,
            max_in_flight=max_in_flight,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            retry_policy=RetryPolicy(max_attempts=max_attempts, **_take(options, RetryPolicy)),
            fields=fields or RowFields(),
            parameters=Parameters(**_take(options, Parameters)),
            **_take(options, EditorConfig),
        )
        if options:
            raise ConfigurationError(f'EditImages has no argument {", ".join(options)}')

    def with_error_handler(self, error_handler: Any) -> 'EditImages':
        """Sends what is not edited to a Beam error handler; the transform then gives the edited outcomes alone."""
        handled = EditImages(config=self._config, batch_size=self._batch_size)
        handled._error_handler = error_handler
        return handled

    def expand(self, rows: PCollection[Any]) -> Any:
        """Wires batches of samples to the process's editor."""
        if not rows.is_bounded:
            raise ConfigurationError('EditImages takes bounded input only: a stream has no last row to wait for')
        # Where the runner is Beam's choice, it is known only later.
        check_runner(type(rows.pipeline.runner).__name__)
        samples = rows | 'ToSamples' >> beam.Map(to_sample)
        budget = self._config.budget()
        admission: Any = ADMIT_ALL
        if budget:
            admission = AsSingleton(samples | 'LimitSpending' >> LimitSpending(self._config, budget))
        outcomes = (
            samples
            # BatchElements forgets the places of what it batches.
            | 'WithPlaces' >> beam.Map(_with_place)
            | 'Batch' >> beam.BatchElements(min_batch_size=self._batch_size, max_batch_size=self._batch_size)
            | 'Edit'
            >> beam.ParDo(_EditBatch(self._config), admission).with_outputs(FAILED_TAG, OUTCOMES_TAG, main=EDITED_TAG)
        )
        if self._error_handler is None:
            return outcomes
        self._error_handler.add_error_pcollection(outcomes[FAILED_TAG])
        return outcomes[EDITED_TAG]


def _take(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """The options that a class has attributes for, taken out of the others."""
    return {field.name: options.pop(field.name) for field in dataclasses.fields(kind) if field.name in options}


def _with_place(
    sample: Any, timestamp: Any = beam.DoFn.TimestampParam, pane: Any = beam.DoFn.PaneInfoParam
) -> tuple[Any, Any, Any]:
    return sample, timestamp, pane


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in event time an element came from, and its outcome belongs."""

    timestamp: Any
    pane: Any
    window: Any

    def put(self, outcome: Outcome) -> Iterator[Any]:
        """The outcome there, on the output that its status names and on that of all outcomes."""
        placed = WindowedValue(outcome, self.timestamp, (self.window,), self.pane)
        yield placed if outcome.status == EDITED else TaggedOutput(FAILED_TAG, placed)
        # The two flattened would say the same, but the local runner holds in memory whatever is flattened.
        yield TaggedOutput(OUTCOMES_TAG, placed)


class _EditBatch(beam.DoFn):
    """Hands samples to the process's editor and emits their outcomes."""

    def __init__(self, config: EditorConfig) -> None:
        self._config = config
        self._rows = {
            status: Metrics.counter('beam-image-edit', f'rows-{status.replace("_", "-")}') for status in STATUSES
        }
        counted = ('calls', 'images', 'cost-microdollars', 'calls-turned-away')
        self._counters = {name: Metrics.counter('beam-image-edit', name) for name in counted}
        self._latency_ms = Metrics.distribution('beam-image-edit', 'latency-ms')
        # Where autoscalers look for it: workers that wait for a quota are not short of hands.
        self._throttled_s = Metrics.counter('beam-image-edit', 'cumulativeThrottlingSeconds')

    def setup(self) -> None:
        self._editor = open_editor(self._config)

    def teardown(self) -> None:
        release_editor(self._editor)

    def start_bundle(self) -> None:
        self._work: BundleWork[_Place, Outcome] = BundleWork(2 * self._config.max_in_flight)

    def process(
        self, batch: Any, admission: Admission = ADMIT_ALL, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[Any]:
        for sample, timestamp, pane in batch:
            begin = functools.partial(self._editor.submit, sample, admission)
            for outcome, place in self._work.submit(begin, _Place(timestamp, pane, window)):
                yield from self._emit(outcome, place)

    def finish_bundle(self) -> Iterator[Any]:
        for outcome, place in self._work.drain():
            yield from self._emit(outcome, place)
        self._count_waits()

    def _emit(self, outcome: Outcome, place: _Place) -> Iterator[Any]:
        # Counted on the bundle's thread: what a pool's thread counts is dropped by Beam.
        self._rows[outcome.status].inc()
        if calls := int(outcome.spent.get('calls', 0)):
            self._counters['calls'].inc(calls)
            self._counters['images'].inc(len(outcome.output_image))
            self._counters['cost-microdollars'].inc(round(1e6 * outcome.spent.get('cost_usd', 0)))
            self._latency_ms.update(round(1000 * (outcome.edit['latency_s'] or 0)))
        self._count_waits()
        return place.put(outcome)

    def _count_waits(self) -> None:
        meter = self._editor.meter
        self._counters['calls-turned-away'].inc(meter.take('turned_away'))
        self._throttled_s.inc(meter.take('throttled_ms', unit=1000))
