"""Tests of reading conversations in all their shapes."""

import pytest

from beam_image_edit.transforms.conversations import read_conversation
from beam_image_edit.transforms.errors import InvalidInput

PARTS = [{'type': 'text', 'text': 'Make it'}, 'red']


@pytest.mark.parametrize(
    ('value', 'instructions'),
    [
        ([{'role': 'user', 'content': 'red'}], ['red']),
        ([{'role': 'user', 'content': 'red'}, {'role': 'user', 'content': 'blue'}], ['red', 'blue']),
        ([{'from': 'human', 'value': 'red'}, {'from': 'gpt', 'value': 'Done.'}], ['red']),
        ([{'from': 'user', 'value': 'red'}, {'from': 'model', 'value': 'Done.'}], ['red']),
        ([{'role': 'USER', 'content': 'red'}, {'role': 'Assistant', 'content': None}], ['red']),
        ([{'role': 'user', 'content': 'red'}, {'role': 'assistant', 'content': [{'type': 'image_url'}]}], ['red']),
        ([{'from': 'human', 'value': '<image>\nred'}], ['red']),
        ([{'from': 'human', 'value': ' red <image><image> '}], ['red']),
        ([{'role': 'user', 'content': PARTS}], ['Make it\nred']),
        ([{'role': 'user', 'content': [{'text': 'red'}]}], ['red']),
        ([{'role': 'user', 'content': {'type': 'text', 'text': 'red'}}], ['red']),
        ([{'role': 'user', 'content': ['<image>', 'red']}], ['red']),
        (['red', 'blue'], ['red', 'blue']),
        (['red', {'role': 'user', 'content': 'blue'}], ['red', 'blue']),
        ('red', ['red']),
        ({'role': 'user', 'content': 'red'}, ['red']),
        (['Zeichne \u2028 eine Tür 🚪'], ['Zeichne \u2028 eine Tür 🚪']),
    ],
)
def test_read_conversation_finds_the_instructions(value, instructions):
    assert read_conversation('conversations', value) == (tuple(instructions), None)


@pytest.mark.parametrize(
    ('turns', 'system'),
    [
        ([{'role': 'system', 'content': 'Be brief.'}], 'Be brief.'),
        ([{'from': 'System', 'value': 'Be brief.'}], 'Be brief.'),
        ([{'role': 'system', 'content': 'One.'}, {'role': 'system', 'content': 'Two.'}], 'One.\nTwo.'),
        ([{'role': 'system', 'content': ' '}], None),
        ([{'role': 'system', 'content': None}], None),
    ],
)
def test_read_conversation_finds_the_system_instruction(turns, system):
    assert read_conversation('conversations', [*turns, 'red']) == (('red',), system)


@pytest.mark.parametrize(
    ('value', 'reason'),
    [
        (None, 'chat must hold an instruction that is not blank, got null'),
        ('', 'chat must hold an instruction that is not blank, got ""'),
        (' \n', 'chat must hold an instruction that is not blank, got " \\n"'),
        ([], 'chat must hold at least one user turn with an instruction, got []'),
        ([{'role': 'system', 'content': 'a'}], 'chat must hold at least one user turn'),
        ([{'role': 'user', 'content': ' '}], 'chat[0] must hold an instruction that is not blank'),
        (['red', {'role': 'user'}], 'chat[1] must hold an instruction that is not blank, got {"role": "user"}'),
        (['red', None], 'chat[1] must hold an instruction that is not blank, got null'),
        ([{'from': 'human', 'value': '<image>'}], 'chat[0] must hold an instruction that is not blank'),
        (7, 'chat must be a turn such as {"role": "user", "content": "…"}, got 7'),
        (['red', ['blue']], 'chat[1] must be a turn such as'),
        ([{'role': 'tool', 'content': 'a'}], 'chat[0] has the role "tool"; use one of user, human, system'),
        ([{'content': 'a'}], 'chat[0] has the role null'),
        ([{'role': 5, 'content': 'a'}], 'chat[0] has the role 5'),
        ([{'role': 'user', 'content': 5}], 'chat[0] must hold text only'),
        ([{'role': 'user', 'content': [{'type': 'image_url', 'image_url': 'a'}]}], 'got {"type": "image_url"'),
        ([{'role': 'user', 'content': [{'type': 'text', 'text': None}]}], 'chat[0] must hold text only'),
    ],
)
def test_read_conversation_says_what_is_wrong(value, reason):
    with pytest.raises(InvalidInput) as caught:
        read_conversation('chat', value)

    assert reason in str(caught.value)
