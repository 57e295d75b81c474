"""EditImages between windows: what goes in comes out at its own place in event time, and joins there."""

import json

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_stream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.error_handling import CollectingErrorHandler
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from apache_beam.utils.windowed_value import PaneInfo, PaneInfoTiming

from beam_image_edit.transforms import ConfigurationError, EditImages, EditRows

SIZE_S = 20


@pytest.fixture
def settings(emulator, photos, tmp_path, monkeypatch):
    """The arguments of an EditImages for the emulator."""
    monkeypatch.setenv('EDIT_KEY', 'any')
    monkeypatch.chdir(photos)
    return {'cache_path': str(tmp_path / 'out'), 'api_key': 'env:EDIT_KEY', 'base_url': emulator.url, 'batch_size': 3}


def pipeline(*flags):
    return beam.Pipeline('FnApiRunner', options=PipelineOptions(list(flags)))


def row(number):
    """One in three can't be edited."""
    return {
        'id': number,
        'images': 'no.png' if number % 3 == 0 else 'a.png',
        'conversations': [f'Blur it {number} times'],
    }


def window_of(at):
    return at // SIZE_S * SIZE_S


def windowed(root, count=12):
    rows = [TimestampedValue(row(number), number * 7) for number in range(count)]
    return root | beam.Create(rows) | beam.WindowInto(FixedWindows(SIZE_S))


def where(outcome, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
    return json.loads(outcome.text)['id'], float(timestamp), float(window.start)


def places(numbers):
    return [(number, number * 7.0, float(window_of(number * 7))) for number in numbers]


@pytest.mark.parametrize('flags', [[], ['--direct_num_workers=2', '--direct_running_mode=multi_threading']])
def test_error_handler_gets_failures_in_their_windows(settings, flags):
    with pipeline(*flags) as root:
        with CollectingErrorHandler() as handler:
            edited = windowed(root) | EditImages(**settings).with_error_handler(handler)
            good = [number for number in range(12) if number % 3]
            assert_that(edited | beam.Map(where), equal_to(places(good)), 'Edited', reify_windows=False)
        failed = handler.output() | 'Where' >> beam.Map(where)
        assert_that(failed, equal_to(places([0, 3, 6, 9])), 'Failed', reify_windows=False)


def test_rows_with_a_schema_keep_their_windows(settings):
    def wishes_of(row) -> list[str]:
        return row['conversations']

    def where_row(row, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
        return row.id, float(timestamp), float(window.start)

    with pipeline() as root:
        rows = windowed(root) | beam.Select(
            id=lambda row: int(row['id']), images=lambda row: str(row['images']), conversations=wishes_of
        )
        rows = rows | EditRows(**settings)
        assert_that(rows | beam.Map(where_row), equal_to(places(range(12))), reify_windows=False)


def test_two_edits_are_joined_within_each_window(settings):
    """Each window's join has its own rows from both, once, in its first pane, which is on time."""

    def show(joined, window=beam.DoFn.WindowParam, pane=beam.DoFn.PaneInfoParam):
        number, found = joined
        return number, float(window.start), [len(list(each)) for each in found], pane.timing, pane.index

    def by_half(outcome):
        return json.loads(outcome.text)['id'] // 2, outcome

    with pipeline() as root:
        rows = windowed(root)
        first = rows | 'First' >> EditImages(**settings)
        second = rows | 'Second' >> EditImages(**{**settings, 'api_format': 'openai'})
        joined = (
            first.outcomes | 'ByHalf' >> beam.Map(by_half),
            second.edited | 'ByHalfToo' >> beam.Map(by_half),
        ) | beam.CoGroupByKey()
        expected = {}
        for number in range(12):
            counts = expected.setdefault((number // 2, float(window_of(number * 7))), [0, 0])
            counts[0] += 1
            counts[1] += number % 3 > 0
        assert_that(
            joined | beam.Map(show),
            equal_to(
                [(half, window, counts, PaneInfoTiming.ON_TIME, 0) for (half, window), counts in expected.items()]
            ),
            reify_windows=False,
        )


def test_panes_are_kept(settings):
    class InPane(beam.DoFn):
        """Puts rows where a trigger of an earlier step would put them."""

        def process(self, number, window=beam.DoFn.WindowParam):
            pane = PaneInfo(number == 1, number == 2, PaneInfoTiming.ON_TIME, number, 0)
            yield beam.utils.windowed_value.WindowedValue(row(number), number, (window,), pane)

    with pipeline() as root:
        edits = root | beam.Create([1, 2]) | beam.ParDo(InPane()) | EditImages(**settings)
        panes = edits.edited | beam.Map(lambda _, pane=beam.DoFn.PaneInfoParam: (pane.index, pane.is_last))
        assert_that(panes, equal_to([(1, False), (2, True)]))


@pytest.mark.parametrize('transform', [EditImages, EditRows])
def test_stream_is_refused_in_a_sentence(settings, transform):
    stream = beam.Pipeline('FnApiRunner') | test_stream.TestStream().add_elements(
        [beam.Row(images='a.png', conversations=['x'])]
    )
    rows = stream | beam.Select('images', 'conversations')
    with pytest.raises(ConfigurationError, match='takes bounded input only: a stream has no last row to wait for'):
        _ = rows | transform(**settings)
