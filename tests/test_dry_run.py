"""The dry run: what it says must be what the run then does, pays and refuses."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beam_image_edit.pipeline.__main__ import main
from beam_image_edit.pipeline.command_line import parse_args
from beam_image_edit.pipeline.dry_run.report import show_dollars
from tests import test_messy_file

messy = test_messy_file.messy

CHEAP_THOUGHTS = '--extra_body={"generationConfig": {"thinkingConfig": {"thinkingLevel": "minimal"}}}'


@dataclass(frozen=True)
class DryRun:
    """A dry run: its exit code, what it printed and what it wrote."""

    code: int
    lines: list[str]
    folder: Path

    @property
    def content(self) -> dict[str, Any]:
        return json.loads((self.folder / 'dry_run.json').read_bytes())

    @property
    def ends(self) -> list[float]:
        """The numbers of the last line."""
        before, _, amounts = self.lines[-1].partition(': ')
        assert before == 'estimated cost'
        return [float(amount.removeprefix('$')) for amount in amounts.split('–')]


@pytest.fixture
def foretell(monkeypatch, tmp_path, photos, emulator, capsys):
    """Makes a dry run of rows beside the photos, without a key; it must not reach the emulator."""

    def run(rows, *flags, folder='out'):
        text = rows if isinstance(rows, str) else ''.join(json.dumps(row) + '\n' for row in rows)
        (photos / 'rows.jsonl').write_bytes(text.encode())
        monkeypatch.delenv('DF_API_KEY', raising=False)
        monkeypatch.setenv('DF_BASE_URL', emulator.url)
        calls, out = emulator.count, tmp_path / folder
        capsys.readouterr()
        code = main([f'--input={photos / "rows.jsonl"}', f'--cache_path={out}', '--dry_run', *flags])
        assert emulator.count == calls
        return DryRun(code, capsys.readouterr().out.splitlines(), out)

    return run


ROWS = [
    {'images': 'a.png', 'conversations': ['Make it gray']},
    {'images': ['a.png', 'b.jpg'], 'conversations': ['Blur it', 'Now mirror it', 'x' * 777]},
    {'images': 'square.png', 'conversations': ['Sepia'], 'n': 3},
    {'images': 'b.jpg', 'conversations': [{'role': 'system', 'content': 'Be brief'}, 'Invert it']},
    {'images': 'a.png', 'conversations': ['Large'], 'size': '1536x1024', 'quality': 'high', 'resolution': '4k'},
]
LARGE = [
    {
        'images': [('a.png', 'b.jpg', 'square.png')[number % 3]] * (1 + number % 2),
        'conversations': [f'Edit {number}', 'and mirror it'][: 1 + number % 7 // 6],
    }
    for number in (*range(190), *range(10))
]


@pytest.mark.parametrize(
    'flags',
    [
        ['--api_format=openai'],
        ['--api_format=openai', '--quality=low', '--match_aspect'],
        ['--api_format=openai', '--model_name=gpt-image-2', '--size=1024x1024', '--n=2'],
        ['--api_format=openai', '--extra_body={"quality": "max"}'],
        ['--model_name=gemini-nano-banana-2.1', CHEAP_THOUGHTS],
        ['--model_name=gemini-3.1-flash-lite-image', CHEAP_THOUGHTS],
        ['--price_per_image=0.04'],
    ],
    ids=lambda flags: ' '.join(flags),
)
def test_the_bill_is_the_estimate(foretell, edit, flags):
    rows = ROWS[:4] if 'lite' in flags[0] else ROWS
    told = foretell(rows, *flags)
    low, likely, high = told.content['estimated_cost_usd'].values()
    run = edit(rows, *flags)
    assert set(run.statuses) == {'edited'}
    assert low == likely == high == pytest.approx(run.summary['cost_usd'], rel=1e-3)
    assert told.content['calls'] == run.summary['calls']
    assert told.content['images'] == run.summary['images']


@pytest.mark.parametrize(
    ('model', 'within'),
    # Where pictures are cheap thoughts count more.
    [('gemini-3-pro-image', 0.015), ('gemini-3.1-flash-lite-image', 0.02), ('gemini-nano-banana-2.1', 0.025)],
)
@pytest.mark.parametrize('count', [1, 4])
def test_a_model_that_thinks_has_a_range_about_the_bill(foretell, edit, model, within, count):
    told = foretell(ROWS[:count], f'--model_name={model}')
    run = edit(ROWS[:count], f'--model_name={model}')
    cost_usd = run.summary['cost_usd']
    assert told.ends[0] < cost_usd < told.ends[1]
    assert told.ends == pytest.approx([cost_usd, cost_usd], rel=within)
    assert told.content['estimated_cost_usd']['likely'] == pytest.approx(cost_usd, rel=0.005)


def test_what_is_likely_is_told_with_its_thoughts(foretell):
    told = foretell(ROWS)
    likely = told.content['estimated_cost_usd']['likely']
    assert f'most likely: {show_dollars(likely)}, with 200 tokens of thoughts a call' in told.lines
    calls = told.content['calls']
    assert told.content['tokens']['thinking'] == {'low': 100 * calls, 'likely': 200 * calls, 'high': 300 * calls}


@pytest.mark.parametrize(
    ('level', 'likely'), [('minimal', 0), ('LOW', 200), ('medium', 200), ('high', 400)], ids=lambda value: str(value)
)
def test_the_level_of_thinking_says_how_much_is_likely(foretell, level, likely):
    body = {'generationConfig': {'thinkingConfig': {'thinkingLevel': level}}}
    told = foretell([{**ROWS[0], 'extra_body': body}])
    assert told.content['tokens']['thinking'] == {
        'low': likely / 2,
        'likely': likely,
        'high': likely * 1.5,
    }


def test_rows_that_think_differently_have_an_average(foretell):
    body = {'generationConfig': {'thinkingConfig': {'thinkingLevel': 'high'}}}
    told = foretell([ROWS[0], {**ROWS[0], 'extra_body': body}])
    assert any(line.endswith('with 300 tokens of thoughts a call') for line in told.lines)


@pytest.mark.parametrize('flags', [['--api_format=openai'], []], ids=['openai', 'gemini'])
def test_the_estimate_of_many_rows_is_within_two_per_cent_of_the_bill(foretell, edit, flags):
    told = foretell(LARGE, *flags)
    run = edit(LARGE, '--max_in_flight=32', *flags)
    cost_usd = run.summary['cost_usd']
    assert told.ends == pytest.approx([cost_usd] * len(told.ends), rel=0.02)
    assert told.content['rows']['shares_a_purchase'] == 10
    assert told.content['calls'] == run.summary['calls']


def test_what_is_called_invalid_is_what_the_run_calls_invalid(foretell, edit, messy):
    text = test_messy_file.write([line for line, _, _ in messy])
    told = foretell(text)
    run = edit(text)
    invalid = {
        index: row['edit']['error'] for index, row in enumerate(run.rows) if row['edit']['status'] == 'invalid_input'
    }
    assert {row['index']: row['error'] for row in told.content['bad_rows']} == invalid
    assert (told.code, run.code) == (3, 3)


def test_bad_rows_are_printed_by_their_lines_up_to_twenty_reasons(foretell):
    rows = [{'images': f'gone-{number}.png', 'conversations': ['x']} for number in range(25)]
    told = foretell('\n' + ''.join(json.dumps(row) + '\n' for row in rows))
    shown = [line for line in told.lines if 'gone-' in line]
    assert [line.split(':')[0].strip() for line in shown] == [f'line {number}' for number in range(2, 22)]
    assert '  … and 5 more, all in dry_run.json' in told.lines
    assert len(told.content['bad_rows']) == 25


def test_a_reason_that_rows_share_is_told_once(foretell):
    told = foretell('{"images": "gone.png", "conversations": ["x"]}\n' * 9 + '{\n')
    shown = [line for line in told.lines if line.startswith('  line')]
    assert [line.split(':')[0] for line in shown] == ['  lines 1, 2, 3, 4, 5 and 4 more', '  line 10']
    assert len(told.content['bad_rows']) == 10


def test_good_rows_end_with_code_0(foretell):
    told = foretell(ROWS)
    assert (told.code, told.content['bad_rows']) == (0, [])


def test_rows_that_are_bought_cost_nothing_more(foretell, edit):
    edit(ROWS[:3])
    told = foretell([*ROWS[:3], {'images': 'a.png', 'conversations': ['New']}])
    assert told.content['rows'] == {'already_bought': 3, 'to_edit': 1}
    assert told.content['calls'] == 1


def test_a_row_that_was_refused_stays_so_unless_it_is_asked_again(foretell, edit, emulator):
    emulator.set_faults([{'match': 'gray', 'fault': 'refused'}])
    edit(ROWS[:1])
    told = foretell(ROWS[:1])
    assert (told.code, told.content['rows'], told.content['calls']) == (3, {'refused': 1}, 0)
    assert foretell(ROWS[:1], '--retry=refused').content['calls'] == 1


def test_an_image_that_is_gone_is_told_as_the_run_would(foretell, edit):
    run = edit(ROWS[:1])
    (run.folder / run.images[0][0]).unlink()
    told = foretell(ROWS[:1])
    assert [row['error'] for row in told.content['bad_rows']] == [edit(ROWS[:1]).rows[0]['edit']['error']]
    assert foretell(ROWS[:1], '--repair').content['calls'] == 1


def test_a_conversation_is_only_paid_for_from_its_first_new_turn(foretell, edit):
    edit([{'images': 'a.png', 'conversations': ['One', 'Two']}])
    told = foretell([{'images': 'a.png', 'conversations': ['One', 'Two', 'Three']}])
    assert told.content['calls'] == 1


def test_equal_rows_are_one_purchase(foretell):
    told = foretell([ROWS[0], ROWS[0], {**ROWS[0], 'variant': 2}])
    assert told.content['rows'] == {'to_edit': 2, 'shares_a_purchase': 1}
    assert told.content['calls'] == 2


def test_rows_beyond_the_budget_are_told(foretell, edit):
    rows = [{'images': 'a.png', 'conversations': [f'Edit {number}']} for number in range(6)]
    flags = ['--price_per_image=0.04', '--max_cost_usd=0.17']
    told = foretell(rows, *flags)
    run = edit(rows, *flags)
    assert told.content['rows'] == {'to_edit': 4, 'stopped': 2}
    assert told.ends == [run.summary['cost_usd']] == [0.16]
    assert [row['index'] for row in told.content['bad_rows']] == [4, 5]
    for told_row, run_row in zip(told.content['bad_rows'], run.rows[4:], strict=True):
        assert run_row['edit']['error'].startswith(told_row['error'])
    (shown,) = [line for line in told.lines if '--max_cost_usd' in line]
    assert shown.startswith('  lines 5, 6: not sent: nothing is reserved')
    assert 'run the same command again' not in shown


def test_a_price_that_nobody_knows_is_said_to_be_unknown(foretell):
    told = foretell(ROWS[:1], '--model_name=emulated-new')
    assert told.lines[-1] == 'estimated cost: unknown'
    assert told.content['estimated_cost_usd'] is None


@pytest.mark.parametrize(
    ('flags', 'seconds'),
    [
        (['--max_in_flight=1'], 90),
        (['--max_in_flight=2'], 60),
        (['--expected_latency_s=7', '--max_in_flight=1'], 21),
        (['--requests_per_minute=1'], 180),
        (['--images_per_minute=2'], 90),
    ],
    ids=lambda flags: ' '.join(flags) if isinstance(flags, list) else None,
)
def test_time_is_that_of_the_narrowest_limit(foretell, flags, seconds):
    rows = [{'images': 'a.png', 'conversations': [f'Edit {number}']} for number in range(3)]
    assert foretell(rows, *flags).content['wall_s'] == seconds


def test_turns_wait_for_each_other(foretell):
    assert foretell([{'images': 'a.png', 'conversations': ['1', '2', '3']}]).content['wall_s'] == 90


def test_an_empty_file_costs_nothing(foretell):
    told = foretell('')
    assert (told.code, told.lines[-1]) == (0, 'estimated cost: $0.00')


def test_the_flag_is_not_given_to_beam():
    config = parse_args(['--dry_run'], {})
    assert config.is_dry_run
    assert '--dry_run' not in config.beam_options


def test_what_a_dry_run_looked_at_is_not_read_again(foretell, edit, photos):
    foretell(ROWS[:1])
    stamp = (photos / 'a.png').stat()
    (photos / 'a.png').chmod(0o000)
    try:
        remembered = foretell(ROWS[:1])
    finally:
        (photos / 'a.png').chmod(stamp.st_mode)
    assert remembered.code == 0
