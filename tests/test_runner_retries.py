"""Work that a runner does again, whatever the reason: what it has bought is not bought again.

BundleBasedDirectRunner tries a failed bundle four times, as Dataflow does, but a bundle of one step only: there the
edit step itself is made to fail. FnApiRunner fuses the edit with what comes after it, and gives up at once: there a
later step fails, and the same stage is run again as Dataflow would. It also repeats every bundle when it is told to.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.transforms import EditImages
from beam_image_edit.transforms.edit_images import EDITED_TAG, FAILED_TAG, _EditBatch, _with_place
from beam_image_edit.transforms.foreign_rows import to_sample

# A thread of Beam's that meets a worker which is gone already is no failure of ours.
pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
TRIES = 4  # of a bundle by BundleBasedDirectRunner, before it gives the job up
ROWS = [{'images': 'a.png', 'conversations': [f'Blur it {number} times'], 'id': number} for number in range(20)]
ONCE_EACH = {row['conversations'][0]: 1 for row in ROWS}
FAILING = pytest.mark.parametrize('moment', ['process', 'finish_bundle'])
REPEATED = '--direct_runner_bundle_repeat=2'


@dataclass(frozen=True)
class Trouble:
    """Failures at a moment of a bundle's life, so many in all copies of a step taken together; a folder counts them."""

    folder: Path
    moment: str
    failures: int

    @property
    def happened(self):
        return len(list(self.folder.iterdir()))

    def strike(self, moment):
        if moment != self.moment:
            return
        for number in range(self.failures):
            # Of several threads at the same moment one gets to create each file.
            with suppress(FileExistsError):
                (self.folder / str(number)).touch(exist_ok=False)
                raise ValueError(f'failed in {moment}')


class FailingStep(beam.DoFn):
    """A step after the edit: fails at its first outcome, with other calls in flight, or when it has seen all."""

    def __init__(self, trouble):
        self._trouble = trouble
        self._has_work = False

    def process(self, outcome):
        self._has_work = True
        self._trouble.strike('process')
        yield outcome

    def finish_bundle(self):
        if self._has_work:
            self._trouble.strike('finish_bundle')


class FailingEdit(_EditBatch):
    """The edit step, which fails after its first outcome, with other calls in flight, or when it has given all."""

    def __init__(self, config, trouble):
        super().__init__(config)
        self._trouble = trouble

    def process(self, batch, window=beam.DoFn.WindowParam):
        for outcome in super().process(batch, window=window):
            yield outcome
            self._trouble.strike('process')

    def finish_bundle(self):
        yield from super().finish_bundle()
        self._trouble.strike('finish_bundle')


class FailingEditImages(EditImages):
    """EditImages around the failing edit step, with all rows in one batch."""

    trouble: Trouble

    def expand(self, rows):
        batch = rows | beam.Map(to_sample) | beam.Map(_with_place) | beam.combiners.ToList()
        edit = FailingEdit(self._config, self.trouble)
        return batch | beam.ParDo(edit).with_outputs(FAILED_TAG, main=EDITED_TAG)


@pytest.fixture
def slow():
    """An emulator whose calls take long enough to be in flight when something fails."""
    with Emulator(latency_s=0.1, pixels='32x32') as running:
        yield running


@pytest.fixture
def make_trouble(tmp_path):
    """Makes trouble of a number of failures."""
    folder = tmp_path / 'trouble'
    folder.mkdir()
    return lambda moment, failures: Trouble(folder, moment, failures)


@pytest.fixture
def settings(photos, tmp_path, monkeypatch, slow):
    """The arguments of an EditImages, always of the same run."""
    monkeypatch.setenv('DF_API_KEY', 'any')
    monkeypatch.chdir(photos)
    return {'cache_path': str(tmp_path / 'out'), 'base_url': slow.url, 'max_in_flight': 4, 'run_id': 'run'}


def run(edit_images, runner, *flags, trouble=None):
    """Runs a pipeline, with a step after the edit if there is to be trouble; whether it came through."""
    root = beam.Pipeline(runner, options=PipelineOptions(list(flags)))
    edits = root | beam.Create(ROWS) | edit_images
    if trouble:
        _ = (edits.edited, edits.failed) | beam.Flatten() | beam.ParDo(FailingStep(trouble))
    try:
        root.run().wait_until_finish()
    except Exception as error:  # each engine wraps it in its own way
        if 'failed in' not in str(error):
            raise
        return False
    return True


def run_with_failing_edit(settings, trouble):
    edit_images = FailingEditImages(**settings)
    edit_images.trouble = trouble
    return run(edit_images, 'BundleBasedDirectRunner')


def times_sent(emulator):
    """How often each prompt was sent."""
    return Counter(call.prompt for call in emulator.calls)


@FAILING
@pytest.mark.parametrize('api_format', ['gemini', 'openai'])
def test_bundle_that_fails_three_times_buys_each_row_once(settings, slow, make_trouble, api_format, moment):
    trouble = make_trouble(moment, failures=3)
    assert run_with_failing_edit({**settings, 'api_format': api_format}, trouble)
    assert trouble.happened == 3
    assert times_sent(slow) == ONCE_EACH


@FAILING
def test_bundle_that_always_fails_buys_no_row_twice(settings, slow, make_trouble, moment):
    trouble = make_trouble(moment, failures=1000)
    assert not run_with_failing_edit(settings, trouble)
    assert trouble.happened == TRIES
    # Another run, with the fault mended, buys only what the first one did not come to.
    assert run(EditImages(**{**settings, 'run_id': 'second'}), 'BundleBasedDirectRunner')
    assert times_sent(slow) == ONCE_EACH


@FAILING
@pytest.mark.parametrize('run_ids', [['run'] * 9, list('abcdefghi')], ids=['retry', 'rerun'])
@pytest.mark.parametrize(
    'flags',
    [(), (REPEATED, '--direct_num_workers=3', '--direct_running_mode=multi_threading')],
    ids=['one-bundle', 'repeated-by-threads'],
)
def test_stage_whose_later_step_fails_buys_each_row_once(settings, slow, make_trouble, flags, run_ids, moment):
    trouble = make_trouble(moment, failures=3)
    assert any(
        run(EditImages(**{**settings, 'run_id': run_id}), 'FnApiRunner', *flags, trouble=trouble) for run_id in run_ids
    )
    assert trouble.happened == 3
    assert times_sent(slow) == ONCE_EACH


@pytest.mark.parametrize('mode', ['in_memory', 'multi_threading', 'multi_processing'])
def test_bundles_that_are_repeated_buy_each_row_once(settings, slow, mode):
    flags = (REPEATED, '--direct_num_workers=2', f'--direct_running_mode={mode}')
    assert run(EditImages(**settings), 'FnApiRunner', *flags)
    assert times_sent(slow) == ONCE_EACH


@pytest.mark.parametrize(
    ('rule', 'calls'),
    [
        ({'fault': 'refused'}, 1),
        ({'fault': 'status', 'status': 400}, 1),
        ({'fault': 'no_image'}, 2),
        ({'fault': 'reset', 'when': 'after_work'}, 2),
        ({'fault': 'corrupt_image'}, 2),
        ({'fault': 'status', 'status': 503, 'retry_after_s': 0}, 5),
    ],
    ids=lambda value: value['fault'] if isinstance(value, dict) else str(value),
)
def test_row_that_is_not_edited_is_not_asked_for_again_by_a_retry(settings, slow, make_trouble, rule, calls):
    slow.set_faults([{**rule, 'match': 'Blur it 3 times', 'times': None}])
    assert run_with_failing_edit(settings, make_trouble('finish_bundle', failures=3))
    assert run(EditImages(**settings), 'FnApiRunner', REPEATED)
    assert times_sent(slow) == {**ONCE_EACH, 'Blur it 3 times': calls}


def test_retry_sends_nothing_after_a_fatal_answer(settings, slow, make_trouble):
    slow.set_faults([{'fault': 'billing', 'times': None}])
    assert run_with_failing_edit({**settings, 'max_in_flight': 1}, make_trouble('finish_bundle', failures=3))
    assert slow.count == 1
