"""Intents as files: what they say, and what is no intent."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.owners import this_process
from beam_image_edit.transforms.records import Attempt

SENT = Intent(2, 'run', this_process(), 'token', 1234.5)


@pytest.mark.parametrize(
    'intent',
    [
        SENT,
        SENT.failed('no', 'HTTP 429'),
        SENT.failed('maybe', '\ud800 cut off', 0.039),
        SENT.unsent(),
        replace(SENT, cost_usd=0.1, reserved_usd=3.93),
    ],
    ids=['sent', 'failed', 'lost', 'unsent', 'at stake'],
)
def test_json_round_trip(intent):
    assert Intent.from_json(intent.to_json()) == intent


@pytest.mark.parametrize(
    ('intent', 'attempt'),
    [
        (SENT, Attempt(2, 'run', 'maybe', 'its worker died with the call in flight')),
        (SENT.failed('no', 'HTTP 429'), Attempt(2, 'run', 'no', 'HTTP 429')),
        (
            replace(SENT, reserved_usd=3.93),
            Attempt(2, 'run', 'maybe', 'its worker died with the call in flight', None, 3.93),
        ),
        (Intent.unreadable(3), Attempt(3, '', 'maybe', 'its worker died with the call in flight')),
    ],
    ids=['sent', 'failed', 'at stake', 'unreadable'],
)
def test_to_attempt(intent, attempt):
    assert intent.to_attempt() == attempt


@given(st.integers(0, len(SENT.to_json()) - 1))
def test_cut_off_files_are_refused(length):
    with pytest.raises(ValueError):
        Intent.from_json(SENT.to_json()[:length])


@pytest.mark.parametrize(
    'content',
    [
        b'null',
        b'5',
        b'[]',
        b'{}',
        b'\xff\xfe',
        b'\0' * 100,
        b'[' * 100_000,
        *(json.dumps({**json.loads(SENT.to_json()), name: None}).encode() for name in ('owner', 'state', 'expires_at')),
        json.dumps({**json.loads(SENT.to_json()), 'billed': 'perhaps'}).encode(),
        json.dumps({**json.loads(SENT.to_json()), 'owner': {'pid': 'x'}}).encode(),
        json.dumps({**json.loads(SENT.to_json()), 'reserved_usd': 'much'}).encode(),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_intent_is_refused(content):
    with pytest.raises(ValueError):
        Intent.from_json(content)
