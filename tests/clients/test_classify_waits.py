"""How long a server asks to be left alone: said in headers, in details or in words, and heeded wherever it is."""

from datetime import UTC, datetime

import pytest

from beam_image_edit.transforms.clients.classify import classify
from tests.clients.error_bodies import gemini, litellm, openai, retry_info

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
WAITS = {
    'milliseconds': ({'retry-after-ms': '1500'}, '', 1.5),
    'milliseconds-first': ({'retry-after-ms': '1500', 'retry-after': '2'}, '', 1.5),
    'seconds': ({'retry-after': '7'}, '', 7),
    'fraction': ({'retry-after': '0.25'}, '', 0.25),
    'zero': ({'retry-after': '0'}, '', 0),
    'with-unit': ({'retry-after': '30s'}, '', 30),
    'date': ({'retry-after': 'Sun, 22 Nov 2026 12:01:30 GMT'}, '', 90),
    'date-with-offset': ({'retry-after': 'Sun, 22 Nov 2026 13:01:30 +0100'}, '', 90),
    'date-past': ({'retry-after': 'Sun, 22 Nov 2020 12:00:00 GMT'}, '', 0),
    'negative': ({'retry-after': '-5'}, '', None),
    'not-a-number': ({'retry-after': 'nan'}, '', None),
    'infinite': ({'retry-after': 'inf'}, '', None),
    'nonsense': ({'retry-after': 'soon'}, '', None),
    'impossible-date': ({'retry-after': 'Sun, 99 Nov 99999 12:00:00 GMT'}, '', None),
    'litellm-seconds': ({'llm_provider-retry-after': '8'}, '', 8),
    'litellm-milliseconds': ({'llm_provider-retry-after-ms': '800', 'llm_provider-retry-after': '1'}, '', 0.8),
    'retry-info': ({}, gemini(429, 'X', details=[retry_info('59s')]), 59),
    'retry-info-fraction': ({}, gemini(429, 'X', details=[{'reason': 'X'}, retry_info('7.967s')]), 7.967),
    'retry-info-zero': ({}, gemini(429, 'X', details=[retry_info('0s')]), 0),
    'retry-info-nonsense': ({}, gemini(429, 'X', details=[retry_info(['5s']), 7]), None),
    'retry-info-in-a-list': ({}, f'[{gemini(429, "X", details=[retry_info("3s")])}]', 3),
    'retry-info-in-a-message': ({}, litellm(429, gemini(429, 'X', details=[retry_info('12s')])), 12),
    'words-retry-in': ({}, gemini(429, 'X', 'Quota exceeded. Please retry in 7.9s.'), 7.9),
    'words-try-again-in': ({}, openai('Please try again in 6m0.5s. Visit x.'), 360.5),
    'words-milliseconds': ({}, openai('Please try again in 120ms.'), 0.12),
    'words-hours': ({}, openai('Please try again in 10h0m0s.'), 36_000),
    'words-after-seconds': ({}, openai('Please retry after 26 seconds.'), 26),
    'words-minute': ({}, openai('Try again in 1 minute.'), 60),
    'words-in-plain-text': ({}, 'Too many requests, wait for 4 seconds', 4),
    'words-without-unit': ({}, openai('Please try again in a while, after 5 more.'), None),
    'nothing': ({}, openai('Slow down.'), None),
}


@pytest.mark.parametrize(('headers', 'body', 'wait_s'), WAITS.values(), ids=WAITS)
def test_classify_reads_the_servers_wait(headers, body, wait_s):
    assert classify(429, headers, body.encode(), NOW).retry_after_s == (
        None if wait_s is None else pytest.approx(wait_s)
    )
