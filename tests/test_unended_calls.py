"""Calls that were, or may have been, paid for without bringing an image stay told of, whatever the next run does."""

import pytest

PRICE = '--price_per_image=0.05'
BLUR = [{'images': 'a.png', 'conversations': ['Blur it']}]


@pytest.fixture
def lost(edit, emulator):
    """A run whose only call was sent twice, and the answers lost."""
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'reset', 'when': 'after_work'}])
    run = edit(BLUR, PRICE)
    assert run.statuses == ['in_doubt']
    emulator.set_faults([])
    return run


def forget_outcome(run):
    """Leaves of a call what a crash leaves: that it was sent."""
    for path in (run.folder / 'ledger').glob('??/*.json'):
        if '.intent-' not in path.name:
            path.unlink()


@pytest.mark.parametrize('has_crashed', [False, True])
def test_run_that_may_not_send_it_again_tells_what_it_may_have_cost(edit, emulator, lost, has_crashed):
    if has_crashed:
        forget_outcome(lost)
    run = edit(BLUR, PRICE, '--max_cost_usd=0.01')
    [told] = [row['edit'] for row in run.rows]
    assert (told['status'], told['attempts'], told['possibly_double_billed']) == ('in_doubt', 2, 1)
    assert 'not sent again: nothing is reserved for it: --max_cost_usd 0.01' in told['error']
    assert run.summary['possibly_double_billed_of_all_rows'] == 1
    assert emulator.count == 2
    assert edit(BLUR, PRICE).statuses == ['edited']


def test_failure_that_is_not_tried_again_stays_told(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'corrupt_image'}])
    paid = edit(BLUR, PRICE).rows[0]['edit']
    assert (paid['status'], paid['cost_usd']) == ('failed', 0.1)
    stopped = edit(BLUR, PRICE, '--max_cost_usd=0.01')
    assert stopped.rows[0]['edit']['error'].startswith(f'{paid["error"]}; not sent again: ')
    assert stopped.summary['cost_usd_of_all_rows'] == 0.1


def test_wrong_key_says_nothing_of_what_became_of_an_earlier_call(edit, emulator, lost):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'wrong_key'}])
    assert edit(BLUR, PRICE).statuses == ['in_doubt']
    emulator.set_faults([])
    calls = emulator.count
    assert edit(BLUR, PRICE, '--in_doubt=skip').statuses == ['in_doubt']
    assert emulator.count == calls


def test_purchase_whose_image_is_gone_stays_told(edit):
    before = edit(BLUR, PRICE)
    (before.folder / before.images[0][0]).unlink()
    told = edit(BLUR, PRICE).rows[0]['edit']
    assert (told['status'], told['attempts'], told['cost_usd']) == ('failed', 1, 0.05)


def test_dry_run_leaves_alone_what_a_crash_has_left_in_doubt(edit, emulator, lost, capsys):
    forget_outcome(lost)
    capsys.readouterr()
    assert edit(BLUR, PRICE, '--in_doubt=skip', '--dry_run').code == 3
    assert 'would stay in_doubt' in capsys.readouterr().out
    assert edit(BLUR, PRICE, '--in_doubt=skip').statuses == ['in_doubt']
    assert edit(BLUR, PRICE, '--dry_run').code == 0


@pytest.mark.parametrize('budget', [[], ['--max_cost_usd=50']])
def test_what_a_crash_has_left_is_told_in_full_where_it_is_left_alone(edit, lost, budget):
    forget_outcome(lost)
    [told] = [row['edit'] for row in edit(BLUR, PRICE, '--in_doubt=skip', *budget).rows]
    assert (told['status'], told['attempts'], told['cost_usd']) == ('in_doubt', 2, 0.1)
    assert told['error'] == 'sent before, and its answer was lost'


def test_outcome_that_is_asked_for_again_stays_told(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'no_image'}])
    paid = edit(BLUR, PRICE).rows[0]['edit']
    told = edit(BLUR, PRICE, '--retry=no_image', '--max_cost_usd=0.01').rows[0]['edit']
    assert (told['status'], told['cost_usd']) == ('no_image', paid['cost_usd'])


def test_image_that_is_to_be_bought_again_stays_paid_for(edit):
    before = edit(BLUR, PRICE)
    (before.folder / before.images[0][0]).unlink()
    run = edit(BLUR, PRICE, '--repair', '--max_cost_usd=0.01')
    told = run.rows[0]['edit']
    assert (run.code, told['status'], told['cost_usd']) == (1, 'failed', 0.05)


def test_failure_that_cost_nothing_is_stopped_by_a_budget_like_a_new_row(edit, emulator):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'internal'}])
    assert edit(BLUR, PRICE, '--max_attempts=1').statuses == ['failed']
    run = edit(BLUR, PRICE, '--max_cost_usd=0.01')
    assert (run.code, run.statuses) == (1, ['stopped'])
