"""What was paid on a cache path is every call once, whatever became of its row since."""

import pytest

from beam_image_edit.pipeline.program import run


@pytest.fixture
def spent(capsys, tmp_path):
    """The lines that the command tells of the job's folder, the runs' names left out."""

    def tell():
        capsys.readouterr()
        assert run(['spent', str(tmp_path / 'out')]) == 0
        first, *others = capsys.readouterr().out.splitlines()
        return [first, *(line.partition(': ')[2] for line in others)]

    return tell


def row(instruction):
    return {'images': 'a.png', 'conversations': [instruction]}


def test_every_call_of_every_run_counts_once(edit, spent):
    edit([row('Blur it'), row('Blur it'), row('Mirror it')], '--price_per_image=0.10')
    # The second row asks for something else now, the others have their images.
    edit([row('Blur it'), row('Rotate it')], '--price_per_image=0.05')
    assert spent() == ['paid: $0.2500 for 3 calls', '$0.2000 for 2 calls', '$0.0500 for 1 call']


def test_calls_that_nobody_knows_the_cost_of_are_told(edit, emulator, spent):
    emulator.set_faults([{'match': 'Blur', 'times': None, 'fault': 'reset', 'when': 'after_work'}])
    edit([row('Blur it')])
    unknown = '$0.0000 for 0 calls; 2 calls more, whose cost nobody can know'
    assert spent() == [f'paid: {unknown}', unknown]


def test_calls_that_were_turned_away_cost_nothing(edit, emulator, spent):
    emulator.set_faults([{'match': 'Blur', 'times': 2, 'fault': 'internal'}])
    edit([row('Blur it')], '--price_per_image=0.10')
    assert spent()[0] == 'paid: $0.1000 for 1 call'


def test_a_folder_where_nothing_was_bought_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(['spent', str(tmp_path)])
    assert ended.value.code == 2
    assert 'nothing was bought in' in capsys.readouterr().err
