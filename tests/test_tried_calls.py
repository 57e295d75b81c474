"""What an answer has cost, by what came of it."""

import pytest

from beam_image_edit.transforms.claims import Claim
from beam_image_edit.transforms.clients.payloads import bad_image, unreadable
from beam_image_edit.transforms.errors import ApiError
from beam_image_edit.transforms.intents import Intent
from beam_image_edit.transforms.prices import find_price
from beam_image_edit.transforms.tried_calls import Sent, TriedCall
from beam_image_edit.transforms.usage import Usage

USAGE = Usage(input=1_000, output=1_000, total=2_000)
SENT_USD, AS_TEXT_USD, AS_IMAGE_USD = 0.002, 0.012, 0.12


def tried(error, price_per_image=None):
    claim = Claim('ab' * 32, Intent(1, 'run', None, 'token', 0.0, reserved_usd=3.93), ())
    call = TriedCall('run', 2, find_price('gemini', 'gemini-3-pro-image', price_per_image))
    call.note(Sent(claim, error, 1.0))
    return call.attempts[0]


def with_usage(error):
    error.usage = USAGE
    return error


@pytest.mark.parametrize(
    ('error', 'billed', 'cost_usd'),
    [
        (ApiError('quota', 'HTTP 429'), 'no', 0.0),
        (unreadable('cut off'), 'maybe', None),
        (with_usage(bad_image('not a picture')), 'maybe', SENT_USD + AS_IMAGE_USD),
        (with_usage(ApiError('no_image', 'words')), 'yes', SENT_USD + AS_TEXT_USD),
        (with_usage(ApiError('refused', 'safety')), 'no', SENT_USD + AS_TEXT_USD),
    ],
    ids=['clean', 'lost', 'bad image', 'words', 'refused'],
)
def test_cost_by_tokens(error, billed, cost_usd):
    attempt = tried(error)
    assert attempt.billed == billed
    assert attempt.cost_usd == pytest.approx(cost_usd)
    assert (attempt.reserved_usd, attempt.images_asked) == (3.93, 2)


@pytest.mark.parametrize(
    ('error', 'cost_usd'),
    [(ApiError('quota', 'HTTP 429'), 0), (unreadable('cut off'), 0.08), (with_usage(bad_image('torn')), 0.08)],
    ids=['clean', 'lost', 'bad image'],
)
def test_cost_by_image(error, cost_usd):
    assert tried(error, 0.04).cost_usd == pytest.approx(cost_usd)
