"""The whole job on the engines that Beam brings along: the same rows, the same images, the same calls."""

import json

import pytest

ROWS = [
    {'images': 'a.png', 'conversations': [f'Blur it {number} times'], 'note': number * 1.10} for number in range(40)
] + [
    {'images': ['a.png', 'b.jpg'], 'conversations': ['Mirror it', 'Invert it'], 'id': 'chat'},
    {'images': 'missing.png', 'conversations': ['x']},
]
CALLS = 42


def essence(run):
    """A manifest without what differs from run to run."""
    rows = run.rows
    for row in rows:
        row['output_image'] = [path.removeprefix(str(run.folder)) for path in row['output_image']]
        row['edit'] = {**row['edit'], 'latency_s': None, 'request_ids': None}
    return json.dumps(rows)


@pytest.mark.parametrize(
    'flags',
    [
        ('--runner=FnApiRunner', '--direct_num_workers=2', '--direct_running_mode=multi_threading'),
        ('--runner=FnApiRunner', '--direct_num_workers=2', '--direct_running_mode=multi_processing'),
        ('--runner=FnApiRunner', '--direct_runner_bundle_repeat=1'),
        ('--runner=BundleBasedDirectRunner',),
        ('--runner=DirectRunner', '--prism_location=/no/such/prism'),
    ],
    ids=['threads', 'processes', 'repeated bundles', 'bundle based', 'DirectRunner without Prism'],
)
def test_engine_makes_the_same_manifest_with_the_same_calls(edit, emulator, flags):
    plain = essence(edit(ROWS, folder='plain'))
    assert emulator.count == CALLS
    emulator.reset()
    run = edit(ROWS, *flags, folder='other')
    assert run.code == 3
    assert emulator.count == CALLS
    assert essence(run) == plain
    assert run.summary['calls'] == CALLS


def test_engine_that_ran_is_named(edit, capfd):
    edit(ROWS[:1], '--runner=DirectRunner', '--prism_location=/no/such/prism')
    assert 'engine: FnApiRunner' in capfd.readouterr().err
