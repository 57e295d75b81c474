"""Request keys: two calls share a key if they would get the same answer, and only then.

A key that changes without need buys everything again; one that does not change gives a row the image of another.
"""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from beam_image_edit.transforms.request_keys import request_key
from beam_image_edit.transforms.rows import Parameters

CAT, DOG, MASK = 'ca' * 32, 'd0' * 32, '3a' * 32
CALL = {
    'api_format': 'openai',
    'base_url': 'https://api.openai.com/v1',
    'model': 'gpt-image-2.5-flare',
    'prompts': ['Make it red.'],
    'system': None,
    'images': [CAT],
    'mask': None,
    'parameters': Parameters(),
}
TEXTS = st.text(st.characters(exclude_categories=()), max_size=5)
PARAMETERS = st.builds(
    Parameters,
    n=st.integers(1, 10),
    size=st.none() | st.text(max_size=5).filter(str.strip),
    extra_body=st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS, max_size=3),
    use_variations=st.booleans(),
    output_compression=st.none() | st.integers(0, 100),
)
CALLS = st.fixed_dictionaries(
    {
        'api_format': st.sampled_from(['gemini', 'openai']),
        'base_url': st.sampled_from(['https://a.example', 'https://b.example']),
        'model': TEXTS,
        'prompts': st.lists(TEXTS, max_size=3),
        'system': st.none() | TEXTS,
        'images': st.lists(st.sampled_from([CAT, DOG]), max_size=3),
        'mask': st.none() | st.just(MASK),
        'parameters': PARAMETERS,
        'previous': st.none() | st.sampled_from([CAT, DOG]),
        'variant': st.none() | TEXTS,
        'sample_number': st.integers(0, 3),
    }
)


def test_the_key_of_one_call_never_changes():
    # Another digest here means that everybody's ledgers are bought again: change _VERSION, and only on purpose.
    assert request_key(**CALL) == 'cbb5c08bd95b9c6e8f8cf283504905b946a142321b2fed7c66d48864aabf60ac'
    everything = {
        **CALL,
        'prompts': ['Make it red.', 'Now “blauer”.'],
        'system': 'Be brief.',
        'images': [CAT, DOG],
        'mask': MASK,
        'parameters': Parameters(
            n=2, size='1024x1024', use_variations=True, extra_body={'b': [1, 1.5], 'a': None}, output_compression=0
        ),
        'previous': DOG,
        'variant': '7',
        'sample_number': 1,
    }
    assert request_key(**everything) == 'c51a271d8d284ceccd137d5211ffc284e42c361d8604b25436e3ef3577ce19e1'


@pytest.mark.parametrize(
    'change',
    [
        {'base_url': 'https://api.openai.com'},
        {'base_url': 'https://api.openai.com/v1/'},
        {'base_url': 'https://API.OpenAI.com:8443/other/v1'},
        {'base_url': 'http://api.openai.com'},
        {'prompts': ('Make it red.',)},
        {'images': (CAT,)},
        {'previous': None, 'variant': None, 'sample_number': 0},
        {'parameters': Parameters(n=1, use_variations=False, extra_body={}, size=None)},
    ],
    ids=str,
)
def test_what_does_not_change_the_answer_does_not_change_the_key(change):
    assert request_key(**{**CALL, **change}) == request_key(**CALL)


CHANGES = [
    {'api_format': 'gemini'},
    {'base_url': 'http://127.0.0.1:8080/v1'},
    {'base_url': 'http://localhost:8080/v1'},
    {'model': 'gpt-image-2'},
    {'prompts': ['Make it red. ']},
    {'prompts': ['Make it red.', 'Make it red.']},
    {'prompts': []},
    {'system': ''},
    {'system': 'Make it red.'},
    {'images': [DOG]},
    {'images': [CAT, DOG]},
    {'images': [DOG, CAT]},
    {'images': []},
    {'mask': CAT},
    {'previous': CAT},
    {'variant': 'null'},
    {'variant': '1'},
    {'variant': '"1"'},
    {'sample_number': 1},
    *(
        {'parameters': Parameters(**parameters)}
        for parameters in (
            {'n': 2},
            {'size': '1024x1024'},
            {'quality': '1024x1024'},
            {'background': 'transparent'},
            {'aspect_ratio': '16:9'},
            {'resolution': '2K'},
            {'use_variations': True},
            {'output_format': 'png'},
            {'output_compression': 0},
            {'output_compression': 1},
            {'input_fidelity': 'high'},
            {'moderation': 'low'},
            {'extra_body': {'seed': 1}},
            {'extra_body': {'seed': 1.0}},
            {'extra_body': {'seed': True}},
            {'extra_body': {'seed': '1'}},
            {'extra_body': {'seed': None}},
            {'extra_body': {'seed': {}}},
        )
    ),
]


def test_what_changes_the_answer_changes_the_key():
    keys = [request_key(**{**CALL, **change}) for change in [{}, *CHANGES]]
    assert len(set(keys)) == len(keys)


def test_the_order_of_raw_fields_does_not_count():
    one, two = (
        Parameters(extra_body={'a': 1, 'b': {'c': 2, 'd': 3}}),
        Parameters(extra_body={'b': {'d': 3, 'c': 2}, 'a': 1}),
    )
    assert request_key(**{**CALL, 'parameters': one}) == request_key(**{**CALL, 'parameters': two})


@given(CALLS)
def test_keys_are_64_digits_and_the_same_each_time(call):
    assert re.fullmatch('[0-9a-f]{64}', request_key(**call))
    assert request_key(**call) == request_key(**call)


@given(CALLS, CALLS)
def test_different_calls_have_different_keys(one, two):
    assume(repr(one) != repr(two) and one != two)
    assert request_key(**one) != request_key(**two)
