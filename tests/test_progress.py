"""The progress of a run: honest from its first second, and in the end what the manifest says."""

import io
import json
import shutil
import uuid
from collections import Counter
from dataclasses import replace

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.display import Display
from beam_image_edit.pipeline.job import build_pipeline
from beam_image_edit.pipeline.progress import Progress
from beam_image_edit.transforms import EditImages
from beam_image_edit.transforms.meter import FIGURES, Meter, meter_folder, read_meters
from beam_image_edit.transforms.money import to_parts
from tests.waiting import wait_until

ROWS = [
    *({'images': 'a.png', 'conversations': [f'Edit {number}']} for number in range(9)),
    {'images': 'gone.png', 'conversations': ['Edit']},
]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def progress_of(moments, rows=100):
    """The lines at moments of (seconds, figures)."""
    clock, figures = Clock(), {}
    progress = Progress(lambda: Counter(figures), lambda: rows, clock)
    lines = []
    for seconds, changes in moments:
        clock.now = 1000 + seconds
        figures.update(changes)
        lines.append(progress.describe())
    return lines


def test_at_first_nothing_is_known():
    (line,) = progress_of([(0, {})])
    assert line == '0 of 100 rows; time left not known yet; 0.0 images/s; $0.00 spent; 0 in flight'


def test_figures_and_rate():
    figures = {
        'edited': 10,
        'refused': 2,
        'rows_with_calls': 12,
        'images': 10,
        'cost_parts': to_parts(1.5),
        'in_flight': 16,
        'turned_away': 3,
    }
    (line,) = progress_of([(20, figures)])
    assert line == (
        '12 of 100 rows: 10 edited, 2 refused; about 2 min 27 s left; 0.5 images/s; $1.50 spent; '
        '16 in flight; 3 times 429'
    )


def test_rows_that_were_bought_before_do_not_hasten_the_end():
    lines = progress_of([(1, {'edited': 80}), (11, {'edited': 81, 'rows_with_calls': 1, 'images': 1})])
    assert 'time left not known yet' in lines[0]
    assert '0.0 images/s' in lines[0]
    assert 'about 3 min 29 s left' in lines[1]


def test_the_rate_is_that_of_the_last_minute():
    quick = {'edited': 60, 'rows_with_calls': 60, 'images': 60}
    slow = {'edited': 66, 'rows_with_calls': 66, 'images': 66}
    lines = progress_of([(60, quick), (90, quick), (120, slow)])
    assert '0.1 images/s' in lines[2]
    assert 'about 5 min 40 s left' in lines[2]


def test_an_input_of_unknown_length_has_no_end():
    (line,) = progress_of([(10, {'edited': 5, 'rows_with_calls': 5})], rows=None)
    assert line.startswith('5 rows: 5 edited; 0.0 images/s')


@pytest.mark.parametrize(
    'flags',
    [
        (),
        ('--direct_running_mode=multi_threading', '--direct_num_workers=2'),
        ('--direct_running_mode=multi_processing', '--direct_num_workers=2'),
    ],
    ids=['in_memory', 'multi_threading', 'multi_processing'],
)
def test_the_last_figures_are_those_of_the_manifest(monkeypatch, tmp_path, photos, emulator, flags):
    (photos / 'rows.jsonl').write_text(''.join(f'{json.dumps(row)}\n' for row in ROWS))
    monkeypatch.setenv('DF_API_KEY', 'key')
    argv = [f'--input={photos / "rows.jsonl"}', f'--cache_path={tmp_path / "out"}', *flags]
    config = parse_args(argv, {'DF_BASE_URL': emulator.url})
    config = replace(config, editor=replace(config.editor, run_id=uuid.uuid4().hex))
    folder = meter_folder(config.editor.run_id)
    folder.mkdir()
    try:
        pipeline = beam.Pipeline('FnApiRunner', PipelineOptions(list(config.beam_options)))
        build_pipeline(pipeline, config)
        pipeline.run().wait_until_finish()
        figures = read_meters(folder)
    finally:
        shutil.rmtree(folder)
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_bytes())
    assert {status: figures[status] for status in summary['rows']} == summary['rows']
    assert figures['cost_parts'] == to_parts(summary['cost_usd'])
    assert (figures['calls'], figures['in_flight']) == (summary['calls'], 0)


def test_the_last_line_is_that_of_the_summary(edit, capsys):
    edit(ROWS)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if ' of 10 rows' in line]
    assert line == '10 of 10 rows: 9 edited, 1 invalid_input; 9 calls; $1.25 spent'


def test_nothing_is_shown_where_it_is_turned_off(edit, capsys):
    edit(ROWS, '--progress=off', '--log_level=ERROR')
    assert capsys.readouterr().err == ''


def test_nothing_is_left_in_the_temporary_folder(edit, monkeypatch, tmp_path):
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    edit(ROWS[:1])
    assert list(folder.glob('beam-image-edit*')) == []


def test_processes_are_added_up(tmp_path):
    one, other = Meter(tmp_path), Meter(tmp_path)
    one.add('calls', 3)
    other.add('calls', 4)
    (tmp_path / 'unfinished').write_bytes(b'1')
    assert read_meters(tmp_path) == {**dict.fromkeys(FIGURES, 0), 'calls': 7}


def test_each_unit_is_taken_once():
    meter = Meter()
    meter.add('throttled_ms', 2700)
    assert [meter.take('throttled_ms', 1000) for _ in range(2)] == [2, 0]
    meter.add('throttled_ms', 300)
    assert meter.take('throttled_ms', 1000) == 1


def test_a_meter_without_its_folder_counts_for_itself(tmp_path, caplog):
    meter = Meter(tmp_path / 'gone')
    meter.add('calls')
    assert meter.take('calls') == 1
    assert 'can not be shown' in caplog.text


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_one_line_from_the_first_moment():
    terminal = Terminal()
    with Display(True, lambda: 'half way', terminal, every_s=3600):
        wait_until(lambda: 'half way' in terminal.getvalue())
    assert terminal.getvalue() == '\r\x1b[Khalf way\r\x1b[K'


def test_a_narrow_terminal_shows_the_whole_line_in_several(monkeypatch):
    monkeypatch.setenv('COLUMNS', '20')
    terminal = Terminal()
    with Display(True, lambda: '12 of 20 rows; $1.20 spent; 3 in flight', terminal, every_s=3600):
        wait_until(lambda: 'flight' in terminal.getvalue())
    shown = '12 of 20 rows;\n$1.20 spent; 3 in\nflight'
    assert terminal.getvalue() == f'\r\x1b[K{shown}\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K'


def test_the_log_stands_above_the_line():
    terminal = Terminal()
    with Display(True, lambda: 'half way', terminal, every_s=3600) as display:
        wait_until(lambda: 'half way' in terminal.getvalue())
        display.write('a warning\n')
    assert '\r\x1b[Khalf way\r\x1b[Ka warning\n' in terminal.getvalue()


def test_elsewhere_there_are_plain_lines():
    log = io.StringIO()
    with Display(True, lambda: 'half way', log, every_s=0.01):
        wait_until(lambda: log.getvalue().count('\n') >= 2)
    assert set(log.getvalue().splitlines()) == {'half way'}


def test_a_job_goes_on_when_nobody_sees_it():
    log = io.StringIO()
    with Display(True, lambda: 'half way', log, every_s=0.01):
        wait_until(log.getvalue)
        log.close()


def test_calls_that_wait_for_a_quota_are_counted_as_throttled(tmp_path, photos, emulator, monkeypatch):
    monkeypatch.setenv('DF_API_KEY', 'key')
    rows = [{'images': str(photos / 'a.png'), 'conversations': [f'Edit {number}']} for number in range(8)]
    pipeline = beam.Pipeline('FnApiRunner')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    edits = EditImages(cache_path=str(tmp_path / 'out'), base_url=emulator.url, requests_per_minute=240)
    _ = pipeline | beam.Create(rows) | edits
    result = pipeline.run()
    result.wait_until_finish()
    metrics = result.metrics().query()
    counters = {counter.key.metric.name: counter.committed for counter in metrics['counters']}
    assert counters['cumulativeThrottlingSeconds'] >= 1
    assert (counters['calls'], counters['images'], counters['rows-edited']) == (8, 8, 8)
    (latency,) = [each for each in metrics['distributions'] if each.key.metric.name == 'latency-ms']
    assert latency.committed.count == 8
