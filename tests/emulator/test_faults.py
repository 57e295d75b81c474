"""Fault rules: which calls a fault happens to."""

import pytest

from beam_image_edit.pipeline.emulator.edits import Edit, ReceivedImage
from beam_image_edit.pipeline.emulator.faults import FAULTS, FaultRules, parse_rules


def happen(rules, *prompts):
    """Whether something happens to each of several calls, in turn."""
    faults = FaultRules(rules)
    edits = [Edit(model='m', prompt=prompt, images=()) for prompt in prompts]
    return [faults.choose(FAULTS, number, edit) is not None for number, edit in enumerate(edits, 1)]


@pytest.mark.parametrize(
    ('rule', 'expected'),
    [
        ({}, [True, True, False, True]),
        ({'times': 2}, [True, True, True, True]),
        ({'times': None}, [True, True, True, True]),
        ({'match': 'red'}, [True, False, False, True]),
        ({'match': {'prompt': 'red'}, 'times': None}, [True, False, True, True]),
        ({'match': {'call': 3}}, [False, False, True, False]),
        ({'match': {'call': [2, 3]}}, [False, True, True, False]),
        ({'match': {'share': 0.0}}, [False, False, False, False]),
    ],
    ids=str,
)
def test_rule_happens_to_the_calls_it_matches(rule, expected):
    assert happen([{'fault': 'internal', **rule}], 'red', 'blue', 'red', 'dark red') == expected


def test_share_of_prompts_is_the_same_every_time():
    rules = [{'fault': 'internal', 'match': {'share': 0.1}}]
    prompts = [f'prompt {number}' for number in range(1000)]
    assert 70 < sum(happen(rules, *prompts)) < 130
    assert happen(rules, *prompts) == happen(rules, *prompts)


def test_rule_per_request_counts_images_too():
    rules = FaultRules([{'fault': 'internal', 'per': 'request'}])
    edits = [Edit(model='m', prompt='red', images=(ReceivedImage(b'', '', sha),)) for sha in ('1', '2', '1')]
    assert [rules.choose(FAULTS, 1, edit) is not None for edit in edits] == [True, True, False]


def test_first_matching_rule_happens_and_the_next_one_after_it():
    rules = FaultRules([{'fault': 'internal'}, {'fault': 'reset'}])
    edit = Edit(model='m', prompt='red', images=())
    chosen = [rules.choose(FAULTS, number, edit) for number in (1, 2, 3)]
    assert [fault and fault.name for fault in chosen] == ['internal', 'reset', None]


def test_fault_that_an_api_does_not_have_is_passed_over():
    rules = FaultRules([{'fault': 'org_not_verified'}])
    assert rules.choose({'internal'}, 1, Edit(model='m', prompt='red', images=())) is None


def test_restart_makes_faults_happen_anew():
    rules = FaultRules([{'fault': 'internal'}])
    edit = Edit(model='m', prompt='red', images=())
    assert rules.choose(FAULTS, 1, edit)
    rules.restart()
    assert rules.choose(FAULTS, 1, edit)


def test_rules_are_read_from_a_file(tmp_path):
    path = tmp_path / 'faults.json'
    path.write_text('[{"fault": "slow", "seconds": 3}]')
    assert parse_rules(str(path))[0].arguments == {'seconds': 3}


@pytest.mark.parametrize(
    ('rules', 'expected'),
    [
        ([{'fault': 'fire'}], "unknown fault 'fire'"),
        ([{'fault': 'reset', 'seconds': 3}], 'knows no seconds'),
        ([{'fault': 'reset', 'match': {'model': 'x'}}], 'knows no model'),
        ([{'fault': 'reset', 'when': 'never'}], 'when must be one of'),
        ([{'fault': 'reset', 'when': 'before_reading', 'match': 'red'}], 'before_reading'),
        ([{'fault': 'internal', 'when': 'before_reading'}], 'before_reading'),
        ([{'fault': 'internal', 'per': 'row'}], 'per must be'),
        ([{'fault': 'status'}], 'needs a status'),
        ([{'fault': 'status', 'status': 502, 'body': 'xml'}], 'body must be one of'),
        ({'fault': 'reset'}, 'must be a list'),
        (['reset'], 'must be an object'),
        ('[{', 'must be a JSON list'),
        ('no/such/file.json', 'must be a JSON list'),
    ],
    ids=str,
)
def test_rule_that_makes_no_sense_is_refused(rules, expected):
    with pytest.raises(ValueError, match=expected):
        parse_rules(rules)
