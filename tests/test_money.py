"""What a job spends, as its command spends it: no more than its budget, and each row costs what its answers cost."""

from collections import Counter

import pytest

from beam_image_edit.transforms.prices import find_price
from beam_image_edit.transforms.usage import Usage

BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])
PRICE = '--price_per_image=0.039'


def row(instruction, **more):
    turns = [instruction] if isinstance(instruction, str) else instruction
    return {'images': 'a.png', 'conversations': turns, **more}


def rows(count):
    return [row(f'Blur it {number} times') for number in range(count)]


@BOTH_FORMATS
def test_budget_of_a_dollar_buys_25_images_at_39_tenths_of_a_cent(edit, emulator, capfd, api_format):
    run = edit(rows(60), f'--api_format={api_format}', '--max_cost_usd=1.00', PRICE)
    assert run.code == 1
    assert run.statuses == ['edited'] * 25 + ['stopped'] * 35
    assert emulator.count == 25
    assert run.summary['cost_usd'] == run.summary['cost_usd_of_all_rows'] == 0.975
    assert '--max_cost_usd 1' in run.rows[25]['edit']['error']
    assert 'stopped: not sent: nothing is reserved for it: --max_cost_usd 1 does not reach' in capfd.readouterr().err
    assert run.rows[0]['edit']['cost_usd'] == 0.039


def test_budget_holds_over_reruns_and_can_be_raised(edit, emulator):
    flags = ('--max_cost_usd=0.20', PRICE)
    edit(rows(20), *flags)
    assert edit(rows(20), *flags).statuses.count('edited') == emulator.count == 5
    assert edit(list(reversed(rows(20))), *flags).statuses == ['stopped'] * 15 + ['edited'] * 5
    assert emulator.count == 5
    raised = edit(rows(20), '--max_cost_usd=0.40', PRICE)
    assert raised.statuses == ['edited'] * 10 + ['stopped'] * 10
    assert emulator.count == 10
    assert (raised.summary['cost_usd'], raised.summary['cost_usd_of_all_rows']) == (0.195, 0.39)


def test_budget_counts_what_was_bought_without_one(edit, emulator):
    edit(rows(3))
    bought = sum(row['edit']['cost_usd'] for row in edit(rows(3)).rows)
    assert bought > 0.3
    run = edit(rows(10), f'--max_cost_usd={bought + 0.08}', PRICE)
    assert run.statuses == ['edited'] * 5 + ['stopped'] * 5


@BOTH_FORMATS
def test_budget_counts_images_turns_and_shared_calls(edit, emulator, api_format):
    asked = [row('Blur it', n=3), row(['Mirror it', 'Invert it']), row('Blur it', n=3), row('Sepia'), row('Rotate it')]
    run = edit(asked, f'--api_format={api_format}', '--max_cost_usd=0.24', PRICE)
    assert run.statuses == ['edited'] * 4 + ['stopped']
    assert [row['edit']['cost_usd'] for row in run.rows] == [0.117, 0.078, 0.117, 0.039, None]
    assert run.summary['cost_usd'] == pytest.approx(0.234)


def test_budget_leaves_a_conversation_where_it_ends(edit, emulator):
    edit([row(['Mirror it'])], PRICE)
    run = edit([row(['Mirror it', 'Invert it', 'Blur it']), row('Sepia')], '--max_cost_usd=0.10', PRICE)
    # The two missing turns would cost more than the six cents that are left, and so would any row after them.
    assert run.statuses == ['stopped', 'stopped']
    assert [len(paths) for paths in run.images] == [1, 0]
    assert emulator.count == 1


@BOTH_FORMATS
def test_lost_answers_count_as_spent_and_are_not_sent_again(edit, emulator, api_format):
    lost = {'times': None, 'fault': 'reset', 'when': 'after_work'}
    emulator.set_faults([{'match': f'it {number} times', **lost} for number in (1, 7)])
    run = edit(rows(12), f'--api_format={api_format}', '--max_cost_usd=0.40', PRICE)
    assert Counter(run.statuses) == {'edited': 8, 'in_doubt': 2, 'stopped': 2}
    assert emulator.count == emulator.billed == 10
    assert run.summary['possibly_double_billed'] == 0
    assert run.summary['cost_usd'] == pytest.approx(0.39)
    emulator.set_faults([])
    assert edit(rows(12), '--max_cost_usd=0.40', PRICE, f'--api_format={api_format}').summary['calls'] == 0
    again = edit(rows(12), '--max_cost_usd=0.48', PRICE, f'--api_format={api_format}')
    assert again.summary['calls'] == 2
    assert again.summary['possibly_double_billed'] == 2


def test_answers_without_an_image_are_not_asked_for_again_under_a_budget(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'no_image'}])
    run = edit([row('Blur it'), row('Mirror it')], '--max_cost_usd=1', PRICE)
    assert run.statuses == ['no_image', 'edited']
    assert emulator.count == 2


def test_clean_failures_are_tried_again_under_a_budget(edit, emulator):
    emulator.set_faults([{'match': '', 'times': 2, 'fault': 'rate_limit', 'retry_after_s': 0}])
    run = edit(rows(4), '--max_cost_usd=0.08', PRICE)
    assert run.statuses == ['edited', 'edited', 'stopped', 'stopped']
    assert run.summary['cost_usd'] == 0.078


def test_image_that_can_be_read_only_at_the_second_look_is_not_paid_for(edit, emulator, photos, monkeypatch):
    """A row that reserved nothing gets nothing, whatever it turns out to be later."""
    from beam_image_edit.transforms.budget import Budget

    def admit(budget, reservations, ledger):
        admission = decide(budget, reservations, ledger)
        for number in range(3):
            (photos / f'late{number}.png').write_bytes((photos / 'a.png').read_bytes())
        return admission

    decide = Budget.admit
    monkeypatch.setattr(Budget, 'admit', admit)
    late = [row('Blur it', images=f'late{number}.png', variant=number) for number in range(3)]
    run = edit([*late, *rows(5)], '--max_cost_usd=0.12', PRICE)
    assert run.statuses == ['stopped'] * 3 + ['edited'] * 3 + ['stopped'] * 2
    assert emulator.count == 3


def test_budget_counts_images_bought_when_no_price_was_known(edit, emulator):
    flags = ('--api_format=openai', '--model_name=gpt-image-2.6-flare')
    first = edit([row(f'Blur it {number} times', n=3) for number in range(4)], *flags)
    assert (first.code, first.summary['cost_usd']) == (0, None)
    run = edit(rows(20), *flags, '--max_cost_usd=0.51', PRICE)
    assert run.statuses.count('edited') == 1


def test_damaged_ledger_is_never_counted_too_low(edit, emulator):
    flags = ('--api_format=openai', '--max_cost_usd=0.48', PRICE)
    asked = [row(f'Blur it {number} times', n=3) for number in range(4)]
    first = edit(asked, *flags)
    for path in first.folder.glob('ledger/??/*.json'):
        path.write_bytes(path.read_bytes()[:40])
    assert edit(asked, *flags).summary['calls'] == 0


def test_damaged_image_ends_no_one_elses_admission(edit, emulator):
    first = edit(rows(2), PRICE)
    (first.folder / first.images[0][0]).unlink()
    run = edit(rows(6), '--max_cost_usd=0.16', PRICE)
    assert run.statuses == ['failed', 'edited', 'edited', 'edited', 'stopped', 'stopped']


@BOTH_FORMATS
def test_raw_field_can_not_name_a_dearer_model(edit, emulator, api_format):
    run = edit([row('Blur it', extra_body={'model': 'gpt-image-1.5'})], f'--api_format={api_format}')
    assert run.statuses == ['invalid_input']
    assert '--model_name' in run.rows[0]['edit']['error']
    assert emulator.count == 0


def test_skipped_calls_in_doubt_reserve_nothing(edit, emulator):
    emulator.set_faults([{'match': 'Mirror', 'times': None, 'fault': 'reset', 'when': 'after_work'}])
    edit([row('Mirror it')], '--max_cost_usd=0.12', PRICE)
    run = edit([row('Mirror it'), *rows(4)], '--max_cost_usd=0.12', '--in_doubt=skip', PRICE)
    assert run.statuses == ['in_doubt', 'edited', 'edited', 'stopped', 'stopped']


def test_failed_row_stays_failed_if_doubt_is_skipped(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'corrupt_image'}])
    first = edit([row('Blur it')])
    assert first.statuses == ['failed']
    before = first.lines
    assert edit([row('Blur it')], '--in_doubt=skip').lines == before
    assert emulator.count == 2


@pytest.mark.parametrize('runner', [(), ('--direct_running_mode=multi_processing', '--direct_num_workers=2')])
def test_equal_rows_get_what_is_bought_for_one_of_them_on_any_worker(edit, emulator, runner):
    asked = [*rows(12), *reversed(rows(12))]
    run = edit(asked, '--max_cost_usd=0.16', PRICE, *runner)
    assert run.statuses == ['edited'] * 4 + ['stopped'] * 16 + ['edited'] * 4
    assert emulator.count == 4


def test_cost_that_nobody_can_know_is_said(edit, emulator, capfd):
    emulator.set_faults([{'match': 'Blur', 'times': 1, 'fault': 'reset', 'when': 'after_work'}])
    run = edit([row('Blur it'), row('Mirror it')])
    assert run.statuses == ['edited', 'edited']
    assert run.summary['unpriced_calls'] == 1
    assert 'what 1 call cost is not known' in capfd.readouterr().out
    assert run.summary['possibly_double_billed_of_all_rows'] == 1
    again = edit([row('Blur it'), row('Mirror it')]).summary
    assert (again['possibly_double_billed'], again['unpriced_calls'], again['unpriced_calls_of_all_rows']) == (0, 0, 1)
    assert 'what 1 call cost is not known' in capfd.readouterr().out


@pytest.mark.parametrize('runner', [(), ('--direct_running_mode=multi_processing', '--direct_num_workers=2')])
def test_budget_is_one_for_all_workers(edit, emulator, runner):
    run = edit(rows(40), '--max_cost_usd=0.50', PRICE, *runner)
    assert run.statuses == ['edited'] * 12 + ['stopped'] * 28
    assert emulator.count == 12


@pytest.mark.parametrize('seen', ['every row', 'nothing'])
def test_budget_by_tokens_reserves_the_most_that_a_call_can_cost(edit, emulator, seen):
    most = 3.95  # 32,768 tokens of an image, and a little for what is sent
    usd = 4 * most if seen == 'every row' else 3.9
    run = edit(rows(4), f'--max_cost_usd={usd}')
    assert run.statuses == (['edited'] * 4 if seen == 'every row' else ['stopped'] * 4)


def test_budget_needs_a_price(edit, capsys):
    with pytest.raises(SystemExit) as ended:
        edit(rows(1), '--model_name=unheard-of', '--max_cost_usd=1')
    assert ended.value.code == 2
    assert 'unheard-of is not known: give --price_per_image' in capsys.readouterr().err


def test_rows_that_cost_nothing_use_no_budget(edit, emulator):
    broken = [{'images': 'none.png', 'conversations': ['Blur it']}, 'not a row']
    text = '\n'.join(str(line).replace("'", '"') for line in [*broken, row('Blur it')])
    run = edit(text, '--max_cost_usd=0.04', PRICE)
    assert run.statuses == ['invalid_input', 'invalid_input', 'edited']


@BOTH_FORMATS
def test_cost_of_a_row_is_what_its_tokens_cost(edit, emulator, api_format):
    run = edit([row('Blur it'), row(['Mirror it', 'Invert it'])], f'--api_format={api_format}')
    price = find_price(api_format, run.rows[0]['edit']['model'])
    billed = [
        price.cost_usd(
            Usage(
                input=call.tokens.input,
                output=call.tokens.output,
                thinking=call.tokens.thinking,
                input_image=call.tokens.image_input,
                output_image=call.tokens.image_output,
            ),
            1,
            'yes',
            True,
        )
        for call in emulator.calls
    ]
    assert sum(row['edit']['cost_usd'] for row in run.rows) == pytest.approx(sum(billed))
    assert run.summary['cost_usd'] == pytest.approx(sum(billed))
    rerun = edit([row('Blur it'), row(['Mirror it', 'Invert it'])], f'--api_format={api_format}')
    assert (rerun.summary['cost_usd'], rerun.lines) == (0, run.lines)


def test_cost_of_a_model_without_a_price_is_not_known(edit):
    run = edit(rows(2), '--model_name=gemini-3-pro-image', '--api_format=openai')
    assert run.summary['cost_usd'] is None
