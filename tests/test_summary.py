"""Tests of the summary."""

import random

import pytest

from beam_image_edit.transforms.summary import Tally, add_tallies, summarize, summary_text, tally_row

TOKENS = {'input': 500, 'output': 1200, 'thinking': 300, 'total': 2000}
BOUGHT = tally_row(
    {'status': 'edited', 'tokens': TOKENS, 'cost_usd': 0.1},
    2,
    {'calls': 2, 'possibly_double_billed': 1, 'input_tokens': 500, 'output_tokens': 1200, 'cost_usd': 0.1},
)
BOUGHT_EARLIER = tally_row({'status': 'edited', 'tokens': TOKENS, 'cost_usd': 0.2}, 1, {})
BAD = tally_row({'status': 'invalid_input', 'error': 'line 3: no such file', 'tokens': None, 'cost_usd': None}, 0, {})
NAMES = ['manifest.jsonl', 'manifest.parquet']


def summarize_all(*tallies, wall_s=None):
    return summarize(add_tallies(tallies), run_id='run-1', wall_s=wall_s, manifest=NAMES)


def test_summary_tells_this_runs_figures_from_those_of_all_rows():
    assert summarize_all(BOUGHT, BAD, BOUGHT_EARLIER, wall_s=12.3) == {
        'run_id': 'run-1',
        'rows': {
            'edited': 2,
            'refused': 0,
            'no_image': 0,
            'invalid_input': 1,
            'failed': 0,
            'in_doubt': 0,
            'stopped': 0,
        },
        'reasons': [{'status': 'invalid_input', 'error': 'line 3: no such file', 'rows': 1}],
        'calls': 2,
        'possibly_double_billed': 1,
        'possibly_double_billed_of_all_rows': 0,
        'tokens': {'input': 500, 'output': 1200, 'total': 1700},
        'tokens_of_all_rows': {'input': 1000, 'output': 3000, 'total': 4000},
        'cost_usd': 0.1,
        'cost_usd_of_all_rows': 0.3,
        'unpriced_calls': 0,
        'unpriced_calls_of_all_rows': 0,
        'images': 3,
        'wall_s': 12.3,
        'manifest': NAMES,
    }


def test_summary_of_no_rows_is_all_zero_without_a_cost():
    summary = summarize_all()
    assert set(summary['rows'].values()) == {0}
    assert (summary['calls'], summary['tokens']['total'], summary['cost_usd']) == (0, 0, None)


@pytest.mark.parametrize(
    ('tallies', 'cost_usd', 'cost_usd_of_all_rows'),
    [
        pytest.param([BAD], None, None, id='no-price-known'),
        pytest.param([BOUGHT_EARLIER], 0.0, 0.2, id='all-bought-earlier'),
        pytest.param([BOUGHT, BAD], 0.1, 0.1, id='some-prices-known'),
    ],
)
def test_summary_costs_are_null_only_without_any_price(tallies, cost_usd, cost_usd_of_all_rows):
    summary = summarize_all(*tallies)
    assert (summary['cost_usd'], summary['cost_usd_of_all_rows']) == (cost_usd, cost_usd_of_all_rows)


def test_costs_are_exact_in_any_order():
    costs = [0.1, 1e9, 0.2, 0.0000012, 0.134] * 200
    tallies = [tally_row({'status': 'edited', 'cost_usd': cost}, 0, {}) for cost in costs]
    shuffled = random.Random(0).sample(tallies, 1000)
    halves = [add_tallies(shuffled[:300]), add_tallies(shuffled[300:])]
    assert add_tallies(halves).figures == add_tallies(tallies).figures
    assert summarize_all(*halves)['cost_usd_of_all_rows'] == 200_000_000_086.80024


def test_summary_text_names_what_there_is():
    assert summary_text(summarize_all(BOUGHT, BAD, BOUGHT_EARLIER, wall_s=12.34), './out') == (
        'rows: 3 (2 edited, 1 invalid_input)\n'
        '  1 invalid_input: line 3: no such file\n'
        'images: 3\n'
        'calls in this run: 2, 1 of them possibly billed twice\n'
        'tokens: 500 in, 1,200 out\n'
        'cost: $0.1000 in this run; $0.3000 over all runs, what rows share counted for each\n'
        'time: 12.3 s\n'
        'files: manifest.jsonl, manifest.parquet and summary.json in ./out'
    )


def test_summary_text_leaves_out_what_is_not_known():
    assert summary_text(summarize_all(), 's3://bucket/out') == (
        'rows: 0\nimages: 0\ncalls in this run: 0\nfiles: manifest.jsonl, manifest.parquet and summary.json in s3://bucket/out'
    )


def test_summary_text_of_many_files_names_the_first_and_the_last():
    names = [f'manifest-{n:05}-of-00003.{kind}' for n in range(3) for kind in ('jsonl', 'parquet')]
    text = summary_text(summarize(Tally(), run_id='', wall_s=None, manifest=names), 'out')
    assert text.endswith(
        'files: manifest-00000-of-00003.jsonl to manifest-00002-of-00003.parquet and summary.json in out'
    )


def failed(error):
    return tally_row({'status': 'failed', 'error': error}, 0, {})


def test_summary_counts_rows_that_fail_for_the_same_reason_and_names_the_first():
    summary = summarize_all(failed('a/0.png: broken'), failed('no answer'), failed('a/1.png: broken'))
    assert summary['reasons'] == [
        {'status': 'failed', 'error': 'a/0.png: broken', 'rows': 2},
        {'status': 'failed', 'error': 'no answer', 'rows': 1},
    ]
    assert summary_text(summary, 'out').split('\n')[1:3] == [
        '  2 failed, such as: a/0.png: broken',
        '  1 failed: no answer',
    ]


def test_summary_lists_the_most_frequent_reasons_of_many():
    words = [''.join(random.Random(number).choices('abcdefgh', k=12)) for number in range(1000)]
    summary = summarize_all(*map(failed, [*words, *words[:2]]))
    assert len(summary['reasons']) == 20
    assert {reason['error'] for reason in summary['reasons'][:2]} == set(words[:2])
    assert {reason['rows'] for reason in summary['reasons']} == {1, 2}
    assert (
        summary_text(summary, 'out').split('\n')[6] == '  … and more, in summary.json and with each row of the manifest'
    )


def test_summary_always_tells_why_rows_were_not_sent():
    words = [''.join(random.Random(number).choices('abcdefgh', k=12)) for number in range(1000)]
    stopped = tally_row({'status': 'stopped', 'error': 'not sent: the budget'}, 0, {})
    summary = summarize_all(*map(failed, [*words, *words]), stopped)
    assert summary['reasons'][0] == {'status': 'stopped', 'error': 'not sent: the budget', 'rows': 1}
