"""When the job buys on: complete outcomes and damaged images again if told to, and nothing more once most rows fail."""

from collections import Counter

import pytest

BOTH_FORMATS = pytest.mark.parametrize('api_format', ['gemini', 'openai'])


def row(instruction):
    return {'images': 'a.png', 'conversations': [instruction]}


def rows(count):
    return [row(f'Blur it {number} times') for number in range(count)]


@pytest.mark.parametrize(('fault', 'status'), [('refused', 'refused'), ('no_image', 'no_image')])
@BOTH_FORMATS
def test_complete_outcomes_are_asked_for_again_only_if_told(edit, emulator, api_format, fault, status):
    flags = (f'--api_format={api_format}', '--max_no_image_retries=0')
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': fault}])
    asked = [row('Blur it'), row('Mirror it')]
    assert edit(asked, *flags).statuses == [status, 'edited']
    other = 'no_image' if status == 'refused' else 'refused'
    assert edit(asked, *flags, f'--retry={other}').summary['calls'] == 0
    assert edit(asked, *flags, '--retry=refused,no_image').statuses == [status, 'edited']
    assert emulator.count == 3
    emulator.set_faults([])
    run = edit(asked, *flags, f'--retry={status}')
    assert (run.code, run.statuses, run.summary['calls']) == (0, ['edited', 'edited'], 1)
    assert run.summary['possibly_double_billed'] == 0
    assert edit(asked, *flags, f'--retry={status}').summary['calls'] == 0


def damage(path, how):
    if how == 'gone':
        path.unlink()
    elif how == 'cut off':
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


@pytest.mark.parametrize('how', ['gone', 'cut off', 'altered'])
@BOTH_FORMATS
def test_damaged_images_are_noticed_and_bought_again_only_if_told(edit, emulator, api_format, how):
    flags = (f'--api_format={api_format}', *(['--check_images'] if how == 'altered' else []))
    before = edit(rows(3), *flags)
    image = before.folder / before.images[1][0]
    damage(image, how)
    run = edit(rows(3), *flags)
    assert (run.code, run.statuses, emulator.count) == (3, ['edited', 'failed', 'edited'], 3)
    assert str(image) in run.rows[1]['edit']['error']
    assert '--repair' in run.rows[1]['edit']['error']
    repaired = edit(rows(3), *flags, '--repair')
    assert (repaired.code, emulator.count) == (0, 4)
    assert repaired.images == before.images
    assert repaired.rows[1]['edit']['attempts'] == 2
    assert edit(rows(3), *flags, '--repair').summary['calls'] == 0
    assert edit(rows(3), *flags).lines == repaired.lines


def test_alteration_that_keeps_the_size_is_seen_only_on_request(edit):
    before = edit(rows(1))
    damage(before.folder / before.images[0][0], 'altered')
    assert edit(rows(1)).statuses == ['edited']
    assert edit(rows(1), '--check_images').statuses == ['failed']


def test_too_large_a_share_of_failures_stops_the_job(edit, emulator):
    emulator.set_faults([{'match': '', 'times': None, 'fault': 'status', 'status': 400}])
    run = edit(rows(200), '--max_failure_share=0.5')
    counts = Counter(run.statuses)
    assert run.code == 1
    assert counts.keys() == {'failed', 'stopped'}
    assert 20 <= counts['failed'] <= 20 + 32
    assert 'max_failure_share' in run.rows[199]['edit']['error']


def test_tolerated_share_of_failures_stops_nothing(edit, emulator):
    emulator.set_faults([{'match': '7 times', 'times': None, 'fault': 'refused'}])
    run = edit(rows(60), '--max_failure_share=0.5')
    assert run.code == 3
    assert 'stopped' not in run.statuses
    # What an earlier run has paid for says nothing about this one.
    emulator.set_faults([])
    assert edit(rows(60), '--max_failure_share=0').code == 3
