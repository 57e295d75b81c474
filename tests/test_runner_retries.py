"""Bundles that a runner runs again, whatever the reason: what they have bought is not bought again.

BundleBasedDirectRunner runs a failed bundle four times, as Dataflow does; FnApiRunner repeats every bundle when it is
told to. The steps after the edit fail here at the first outcome, with the other calls still in flight, or at the end.
"""

from collections import Counter

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms import EditImages

TRIES = 4  # of a bundle by BundleBasedDirectRunner, before it gives the job up
ROWS = [{'images': 'a.png', 'conversations': [f'Blur it {number} times'], 'id': number} for number in range(20)]
FAILING = pytest.mark.parametrize('step', ['process', 'finish_bundle'])


class FailingStep(beam.DoFn):
    """A step that fails so many times, in all its copies taken together, which count in a folder."""

    def __init__(self, folder, failures, step):
        self._folder = folder
        self._failures = failures
        self._step = step

    def process(self, outcome):
        self._run('process')
        (self._folder / f'passed-{outcome.name}').touch()
        yield outcome

    def finish_bundle(self):
        self._run('finish_bundle')

    def _run(self, step):
        failed = len(list(self._folder.glob('failed-*')))
        if step == self._step and failed < self._failures and self._has_work():
            (self._folder / f'failed-{failed}').touch()
            raise ValueError(f'failed in {step}')

    def _has_work(self):
        # A bundle without an element, which runners make too, fails no job.
        return self._step == 'process' or any(self._folder.glob('passed-*'))


@pytest.fixture
def slow():
    """An emulator whose calls take long enough to be in flight when something fails."""
    with Emulator(latency_s=0.1, pixels='32x32') as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """Where the failing step counts."""
    path = tmp_path / 'steps'
    path.mkdir()
    return path


@pytest.fixture
def make_root(photos, tmp_path, monkeypatch, slow, folder):
    """Makes a pipeline that edits the rows, and may have a step after that which fails so many times."""
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.chdir(photos)

    def make(runner, *flags, failures=0, step='process', **more):
        root = beam.Pipeline(runner, options=PipelineOptions(list(flags)))
        settings = {'cache_path': str(tmp_path / 'out'), 'base_url': slow.url, 'max_in_flight': 4, **more}
        edits = root | beam.Create(ROWS) | EditImages(**settings)
        if failures:
            _ = (edits.edited, edits.failed) | beam.Flatten() | beam.ParDo(FailingStep(folder, failures, step))
        return root

    return make


def times_sent(emulator):
    """How often each prompt was sent."""
    return Counter(call.prompt for call in emulator.calls)


ONCE_EACH = {row['conversations'][0]: 1 for row in ROWS}


def does_pass(root):
    try:
        root.run().wait_until_finish()
    except Exception as error:  # each engine wraps it in its own way
        if 'failed in' not in str(error):
            raise
        return False
    return True


@FAILING
@pytest.mark.parametrize('api_format', ['gemini', 'openai'])
def test_step_that_fails_three_times_costs_no_second_purchase(make_root, slow, folder, api_format, step):
    root = make_root('BundleBasedDirectRunner', failures=3, step=step, api_format=api_format)
    root.run().wait_until_finish()
    assert len(list(folder.glob('failed-*'))) == 3
    assert len(list(folder.glob('passed-*'))) == len(ROWS)
    assert times_sent(slow) == ONCE_EACH


@FAILING
def test_step_that_always_fails_costs_no_second_purchase(make_root, slow, folder, step):
    with pytest.raises(ValueError, match=f'failed in {step}'):
        make_root('BundleBasedDirectRunner', failures=1000, step=step).run().wait_until_finish()
    assert len(list(folder.glob('failed-*'))) >= TRIES
    assert set(times_sent(slow).values()) == {1}
    # A second job, with the step mended, buys only what the first one did not come to.
    make_root('BundleBasedDirectRunner').run().wait_until_finish()
    assert times_sent(slow) == ONCE_EACH


@FAILING
@pytest.mark.parametrize(
    'flags',
    [
        (),
        ('--direct_runner_bundle_repeat=2',),
        ('--direct_runner_bundle_repeat=2', '--direct_num_workers=3', '--direct_running_mode=multi_threading'),
    ],
    ids=['plain', 'repeated', 'repeated by threads'],
)
def test_job_that_is_run_until_it_passes_buys_each_row_once(make_root, slow, folder, flags, step):
    while not does_pass(make_root('FnApiRunner', *flags, failures=3, step=step)):
        pass
    assert len(list(folder.glob('failed-*'))) == 3
    assert times_sent(slow) == ONCE_EACH


@pytest.mark.parametrize('mode', ['in_memory', 'multi_threading', 'multi_processing'])
def test_bundles_that_are_repeated_buy_each_row_once(make_root, slow, mode):
    flags = ('--direct_runner_bundle_repeat=2', '--direct_num_workers=2', f'--direct_running_mode={mode}')
    make_root('FnApiRunner', *flags).run().wait_until_finish()
    assert times_sent(slow) == ONCE_EACH


@pytest.mark.parametrize(
    ('rule', 'calls'),
    [
        ({'fault': 'refused'}, 1),
        ({'fault': 'status', 'status': 400}, 1),
        ({'fault': 'no_image'}, 2),
        ({'fault': 'reset', 'when': 'after_work'}, 2),
        ({'fault': 'corrupt_image'}, 2),
        ({'fault': 'rate_limit', 'retry_after_s': 0}, 5),
    ],
    ids=lambda value: value['fault'] if isinstance(value, dict) else str(value),
)
def test_row_that_is_not_edited_is_not_asked_for_again_by_a_retry(make_root, slow, rule, calls):
    slow.set_faults([{**rule, 'match': 'Blur it 3 times', 'times': None}])
    make_root('BundleBasedDirectRunner', failures=3, step='finish_bundle').run().wait_until_finish()
    assert times_sent(slow) == {**ONCE_EACH, 'Blur it 3 times': calls}


def test_retry_sends_nothing_after_a_fatal_answer(make_root, slow):
    slow.set_faults([{'fault': 'billing', 'times': None}])
    root = make_root('BundleBasedDirectRunner', failures=3, step='finish_bundle', max_in_flight=1)
    root.run().wait_until_finish()
    assert slow.count == 1
