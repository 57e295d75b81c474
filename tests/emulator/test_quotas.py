"""Quotas, on a clock of their own and as the APIs tell of them."""

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from beam_image_edit.pipeline.emulator.quotas import QuotaExceeded, Quotas


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_minute_is_a_sliding_window():
    clock = Clock()
    quotas = Quotas(per_minute=2, clock=clock)
    for _ in range(2):
        with quotas.admit():
            clock.now += 10
    with pytest.raises(QuotaExceeded) as refused, quotas.admit():
        pass
    assert refused.value.retry_after_s == 40
    clock.now += 40
    with quotas.admit():
        assert quotas.remaining == 0


def test_calls_in_progress_are_limited():
    quotas = Quotas(at_a_time=1)
    with quotas.admit(), pytest.raises(QuotaExceeded), quotas.admit():
        pass
    with quotas.admit():
        pass


def test_gemini_quota_is_answered_with_retry_info(wire_to):
    with Emulator(requests_per_minute=1) as emulator:
        wire = wire_to(emulator.url)
        assert wire.generate().status_code == 200
        refused = wire.generate()
    assert refused.status_code == 429
    assert refused.json()['error']['details'][1]['retryDelay'].endswith('s')
    assert emulator.billed == 1


def test_openai_quota_is_answered_with_headers(wire_to):
    with Emulator(requests_per_minute=2) as emulator:
        wire = wire_to(emulator.url)
        remaining = [wire.edit().headers['x-ratelimit-remaining-requests'] for _ in range(2)]
        refused = wire.edit()
    assert remaining == ['1', '0']
    assert refused.status_code == 429
    assert 50 < int(refused.headers['retry-after']) <= 60
    assert refused.headers['x-ratelimit-limit-requests'] == '2'
