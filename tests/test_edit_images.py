"""EditImages in pipelines of other people's: its window, its outputs, its place in event time."""

import json
import threading
import time

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.error_handling import CollectingErrorHandler
from apache_beam.transforms.window import FixedWindows, GlobalWindows, SlidingWindows, TimestampedValue

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms import ConfigurationError, EditImages, Outcome
from beam_image_edit.transforms.editor import open_editor
from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.samples import Sample


@pytest.fixture
def editing(emulator, photos, tmp_path, monkeypatch):
    """Makes an EditImages for the emulator."""
    monkeypatch.setenv('EDIT_KEY', 'any')
    monkeypatch.chdir(photos)

    def make(**more):
        settings = {'cache_path': str(tmp_path / 'out'), 'api_key': 'env:EDIT_KEY', 'base_url': emulator.url}
        return EditImages(**{**settings, **more})

    return make


def row(number, **more):
    return {'images': 'a.png', 'conversations': [f'Blur it {number} times'], **more}


def pipeline(*flags):
    return beam.Pipeline('FnApiRunner', options=PipelineOptions(list(flags)))


def test_rows_are_dicts_and_outcomes_come_out_by_name(editing, tmp_path):
    with pipeline() as root:
        edits = (
            root
            | beam.Create([row(1, id='one'), row(2, id='two'), {'images': 'no.png', 'conversations': ['x']}])
            | editing()
        )
        assert_that(
            edits.edited | 'Names' >> beam.Map(lambda outcome: outcome.name),
            equal_to(['sample_one', 'sample_two']),
            'E',
        )
        assert_that(edits.failed | 'Why' >> beam.Map(lambda outcome: outcome.status), equal_to(['invalid_input']), 'F')
        every = edits.outcomes | 'All' >> beam.Map(lambda outcome: outcome.status)
        assert_that(every, equal_to(['edited', 'edited', 'invalid_input']), 'O')
    assert (tmp_path / 'out' / 'sample_one' / 'sample_one_0.jpg').exists()


def test_rows_can_be_beam_rows_or_anything(editing):
    with pipeline() as root:
        rows = root | 'Rows' >> beam.Create([beam.Row(images='a.png', conversations=['Blur it'], id='row')])
        others = root | 'Others' >> beam.Create(['text']) | beam.FlatMap(lambda text: [text, {'images': object()}])
        edits = (rows, others) | beam.Flatten() | editing()
        assert_that(edits.edited | 'Names' >> beam.Map(lambda outcome: outcome.name), equal_to(['sample_row']), 'E')
        reasons = edits.failed | 'Why' >> beam.Map(lambda outcome: outcome.edit['error'][:14])
        assert_that(reasons, equal_to(['a row must be ', "the row can't "]), 'F')


def test_row_without_id_is_named_by_its_key(editing):
    def name_begins_its_key(outcome: Outcome) -> bool:
        return outcome.edit['request_keys'][0].startswith(outcome.name) and len(outcome.name) == 16

    with pipeline() as root:
        edits = root | beam.Create([row(1)]) | editing()
        assert_that(edits.edited | beam.Map(name_begins_its_key), equal_to([True]))


def test_windows_and_timestamps_are_kept(editing):
    def where(outcome, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
        return outcome.name, float(timestamp), float(window.start)

    with pipeline() as root:
        rows = [TimestampedValue(row(number, id=number), number * 7) for number in range(12)]
        edits = root | beam.Create(rows) | beam.WindowInto(FixedWindows(20)) | editing(batch_size=3)
        expected = [(f'sample_{number}', number * 7.0, float(number * 7 // 20 * 20)) for number in range(12)]
        assert_that(edits.edited | beam.Map(where), equal_to(expected), reify_windows=False)


def test_sliding_windows_do_not_buy_twice(editing, emulator):
    with pipeline() as root:
        rows = [TimestampedValue(row(number), number) for number in range(10)]
        edits = root | beam.Create(rows) | beam.WindowInto(SlidingWindows(20, 5)) | editing()
        assert_that(
            edits.edited
            | 'Join' >> beam.WindowInto(FixedWindows(10**9))
            | beam.combiners.Count.Globally().without_defaults(),
            equal_to([40]),
        )
    assert emulator.count == 10


@pytest.mark.parametrize('windows', [FixedWindows(10), SlidingWindows(10, 5)], ids=['fixed', 'sliding'])
def test_budget_holds_over_windows(editing, emulator, windows):
    with pipeline() as root:
        rows = (
            root | beam.Create(range(30)) | 'At' >> beam.Map(lambda at: TimestampedValue(row(at % 20), at))
        ) | beam.WindowInto(windows)
        edits = rows | editing(max_cost_usd=0.30, price_per_image=0.04)
        statuses = edits.failed | 'Why' >> beam.Map(lambda outcome: outcome.status)
        statuses = statuses | 'LeaveWindows' >> beam.WindowInto(GlobalWindows())
        assert_that(statuses | beam.Distinct(), equal_to(['stopped']))
    assert emulator.count == 7


def test_error_handler_takes_what_is_not_edited(editing):
    with pipeline() as root:
        with CollectingErrorHandler() as handler:
            rows = root | beam.Create([row(1, id='good'), {'images': 'no.png', 'conversations': ['x'], 'id': 'bad'}])
            edited = rows | editing().with_error_handler(handler)
            assert_that(edited | beam.Map(lambda outcome: outcome.name), equal_to(['sample_good']), 'Edited')
        failed = handler.output() | 'Names' >> beam.Map(lambda outcome: outcome.name)
        assert_that(failed, equal_to(['sample_bad']), 'Failed')


def test_two_formats_in_one_stage_do_not_wait_for_each_other(editing, emulator):
    with pipeline() as root:
        first = (
            root | beam.Create([row(number, id=number) for number in range(40)]) | 'First' >> editing(max_in_flight=2)
        )
        again = first.edited | beam.Map(
            lambda outcome: {'images': outcome.output_image[0], 'conversations': ['Mirror it']}
        )
        second = again | 'Second' >> editing(api_format='openai', max_in_flight=2)
        assert_that(second.edited | beam.combiners.Count.Globally(), equal_to([40]))
    assert emulator.count == 80


def test_bundles_and_instances_share_one_window(editing, photos):
    with Emulator(latency_s=0.02) as slow:
        with pipeline('--direct_num_workers=4', '--direct_running_mode=in_memory') as root:
            rows = root | beam.Create([row(number) for number in range(60)])
            edits = rows | editing(base_url=slow.url, max_in_flight=5)
            assert_that(edits.edited | beam.combiners.Count.Globally(), equal_to([60]))
        assert slow.count == 60
        assert slow.most_in_flight == 5


def test_slow_call_holds_up_nothing_but_itself(editing, photos):
    slow = [{'match': 'Blur it 0 times', 'times': None, 'fault': 'hang'}]
    with Emulator(faults=slow) as stuck:
        done = threading.Event()
        outcomes = []
        config = EditorConfig(
            api_format='gemini',
            cache_path='memory://slow-call',
            api_key='env:EDIT_KEY',
            base_url=stuck.url,
            max_in_flight=2,
            read_timeout_s=60,
        )
        editor = open_editor(config)
        samples = [Sample(json.dumps(row(number)), folder=str(photos)) for number in range(20)]
        futures = [editor.submit(sample) for sample in samples]

        def note(future):
            outcomes.append(future)
            if len(outcomes) == 19:
                done.set()

        for future in futures:
            future.add_done_callback(note)
        assert done.wait(30)
        assert not futures[0].done()
        editor.close()


def test_repeated_bundles_cost_nothing_again(editing, emulator):
    with pipeline('--direct_runner_bundle_repeat=2') as root:
        _ = root | beam.Create([row(number) for number in range(10)]) | editing()
    assert emulator.count == 10


def test_unbounded_input_is_refused(editing):
    root = pipeline()
    stream = root | beam.Create([row(1)])
    stream.is_bounded = False
    with pytest.raises(ConfigurationError, match='bounded'):
        _ = stream | editing()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'api_format': 'dream'}, 'gemini or openai'),
        ({'batch_size': 0}, 'batch_size must be an integer >= 1, got 0'),
        ({'batch_size': '4'}, "batch_size must be an integer >= 1, got '4'"),
        ({'max_in_flight': '8'}, "max_in_flight must be int, got '8'"),
        ({'max_in_flight': True}, 'max_in_flight must be int, got True'),
        ({'read_timeout_s': float('nan')}, 'read_timeout_s must be >= 0.001, got nan'),
        ({'read_timeout_s': None}, 'read_timeout_s must be int or float, got None'),
        ({'model_name': 7}, 'model_name must be str or None, got 7'),
        ({'requests_per_minute': '600'}, "requests_per_minute must be int or float or None, got '600'"),
        ({'retried': 'refused'}, "retried must be tuple, got 'refused'"),
        ({'is_repairing': 1}, 'is_repairing must be bool, got 1'),
        ({'max_attempts': 2.5}, 'max_attempts must be an integer'),
        ({'n': 11}, 'n must be an integer from 1 to 10, got 11'),
        ({'size': 1024}, 'size must be a string'),
        ({'use_variations': 'yes'}, 'use_variations must be true or false'),
        ({'extra_body': '{}'}, 'extra_body must be an object'),
        ({'output_compression': 101}, 'output_compression must be an integer from 0 to 100'),
        ({'max_in_flight': 0}, 'max_in_flight must be >= 1'),
        ({'api_key': 'sk-1234567890'}, 'reference'),
        ({'base_url': 'localhost'}, 'base URL'),
        ({'cache_path': ''}, 'cache_path'),
        ({'max_cost_usd': 1, 'model_name': 'unheard-of'}, 'unheard-of is not known: give --price_per_image'),
        ({'max_cost_usd': -1}, 'max_cost_usd must be from 0'),
        ({'price_per_image': -1}, 'price_per_image must be'),
        ({'max_failure_share': 20}, 'max_failure_share must be from 0 to 1'),
        ({'retried': ('failed',)}, 'only refused and no_image'),
        ({'colour': 'blue'}, 'no argument colour'),
    ],
    ids=lambda value: str(value),
)
def test_arguments_are_checked_at_construction(editing, arguments, words):
    with pytest.raises(ConfigurationError, match=words) as raised:
        editing(**arguments)
    assert 'sk-1234567890' not in str(raised.value)


def test_pipeline_holds_no_key(editing, monkeypatch):
    monkeypatch.setenv('EDIT_KEY', 'very-secret-4711')
    root = pipeline()
    _ = root | beam.Create([row(1)]) | editing()
    assert b'very-secret-4711' not in root.to_runner_api().SerializeToString()


def test_missing_key_fails_the_job_before_any_row(editing, emulator, monkeypatch):
    monkeypatch.delenv('EDIT_KEY')
    with pytest.raises(Exception, match='EDIT_KEY'), pipeline() as root:
        _ = root | beam.Create([row(1)]) | editing()
    assert emulator.count == 0


def test_waiting_samples_take_no_slot(editing, photos):
    """A window of one, and a call in back-off: the others are sent meanwhile."""
    overloaded = [{'match': 'Blur it 0 times', 'times': 1, 'fault': 'status', 'status': 503, 'retry_after_s': 2}]
    with Emulator(faults=overloaded) as busy:
        began = time.monotonic()
        with pipeline() as root:
            edits = (
                root | beam.Create([row(number) for number in range(10)]) | editing(base_url=busy.url, max_in_flight=1)
            )
            assert_that(edits.edited | beam.combiners.Count.Globally(), equal_to([10]))
        assert time.monotonic() - began >= 2
        prompts = [call.prompt for call in busy.calls]
        assert len(prompts) == 11
        assert prompts[-1] == 'Blur it 0 times'
