"""Every fault, as it arrives at a client that speaks plain HTTP."""

import base64
import io
import json

import pytest
import requests
from PIL import Image

KEY = 'key-of-a-test'
SENDERS = pytest.mark.parametrize('send', ['generate', 'edit'], ids=['gemini', 'openai'])


@pytest.fixture
def ask(emulator, wire):
    """Sends a request under one fault: `ask('edit', 'rate_limit', retry_after_s=2)`."""

    def send_under(send, fault, **arguments):
        emulator.set_faults([{'fault': fault, 'times': None, **arguments}])
        return getattr(wire, send)()

    return send_under


@SENDERS
@pytest.mark.parametrize(
    ('body', 'expected'),
    [
        ('real', '{"error": {'),
        ('list', '[{"error": {'),
        ('fastapi', '{"detail": "'),
        ('litellm', '{"error": {"message": "litellm.'),
        ('html', '<html>'),
        ('empty', ''),
    ],
)
def test_status_comes_with_each_kind_of_body(ask, send, body, expected):
    answer = ask(send, 'status', status=502, body=body)
    assert answer.status_code == 502
    assert answer.text.startswith(expected)
    assert bool(answer.text) == bool(expected)


def test_litellm_renames_the_headers(ask):
    answer = ask('edit', 'status', status=429, body='litellm', retry_after_s=2)
    assert answer.headers['llm_provider-retry-after'] == '2'
    assert 'retry-after' not in answer.headers
    assert answer.json()['error']['code'] == '429'


def test_gemini_rate_limit_tells_when_to_retry(ask):
    error = ask('generate', 'rate_limit', retry_after_s=7.5).json()['error']
    details = {detail['@type'].rpartition('.')[2]: detail for detail in error['details']}
    assert error['status'] == 'RESOURCE_EXHAUSTED'
    assert details['RetryInfo']['retryDelay'] == '7.5s'
    assert 'PerMinute' in details['QuotaFailure']['violations'][0]['quotaId']


def test_openai_rate_limit_tells_when_to_retry(ask):
    headers = ask('edit', 'rate_limit', retry_after_s=1.5).headers
    assert (headers['retry-after'], headers['retry-after-ms']) == ('2', '1500')


def test_daily_quota_is_told_from_a_rate_limit(ask):
    violation = ask('generate', 'daily_quota').json()['error']['details'][0]['violations'][0]
    assert 'PerDay' in violation['quotaId']
    assert '(RPD)' in ask('edit', 'daily_quota').json()['error']['message']


@pytest.mark.parametrize(
    ('send', 'arguments', 'status', 'expected'),
    [
        ('generate', {}, 402, 'RESOURCE_EXHAUSTED'),
        ('edit', {}, 429, 'insufficient_quota'),
        ('edit', {'code': 'credit_balance_exhausted'}, 429, 'credit_balance_exhausted'),
        ('edit', {'status': 402}, 402, 'insufficient_quota'),
    ],
)
def test_billing_ends(ask, send, arguments, status, expected):
    answer = ask(send, 'billing', **arguments)
    assert answer.status_code == status
    assert expected in answer.text


@SENDERS
def test_echoed_key_is_the_key_that_was_sent(ask, send):
    answer = ask(send, 'echo_key')
    assert answer.status_code == 400
    assert KEY in answer.text


@SENDERS
@pytest.mark.parametrize(('when', 'billed'), [('before_reading', 0), ('before_work', 0), ('after_work', 1)])
def test_reset_cuts_the_connection(ask, emulator, send, when, billed):
    with pytest.raises(requests.ConnectionError):
        ask(send, 'reset', when=when)
    assert (emulator.count, emulator.billed) == (1, billed)
    assert emulator.calls[0].status is None


@SENDERS
@pytest.mark.parametrize(('when', 'billed'), [('before_work', 0), ('after_work', 1)])
def test_hang_never_answers(emulator, wire, send, when, billed):
    emulator.set_faults([{'fault': 'hang', 'when': when}])
    wire.timeout_s = 1
    with pytest.raises(requests.ReadTimeout):
        getattr(wire, send)()
    assert emulator.billed == billed


@SENDERS
def test_slow_answer_comes_whole(ask, send):
    assert ask(send, 'slow', seconds=0.2).status_code == 200


@SENDERS
def test_truncated_answer_is_billed(ask, emulator, send):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(send, 'truncated')
    assert emulator.billed == 1


@SENDERS
def test_malformed_answer_is_not_json(ask, send):
    answer = ask(send, 'malformed')
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


@SENDERS
def test_error_after_the_work_is_billed(ask, emulator, send):
    assert ask(send, 'status', status=504, when='after_work').status_code == 504
    assert emulator.billed == 1


@SENDERS
@pytest.mark.parametrize('fault', ['overloaded', 'refused', 'no_image', 'empty_data'])
def test_call_without_an_image_is_not_billed(ask, emulator, send, fault):
    ask(send, fault)
    assert (emulator.count, emulator.billed) == (1, 0)


def parts_of(answer):
    return answer.json()['candidates'][0]['content']['parts']


def test_gemini_only_talks(ask):
    candidate = ask('generate', 'no_image').json()['candidates'][0]
    assert candidate['finishReason'] == 'STOP'
    assert list(candidate['content']['parts'][0]) == ['text']


def test_gemini_gives_a_finish_reason_and_nothing_else(ask):
    candidate = ask('generate', 'no_image', reason='NO_IMAGE', text='').json()['candidates'][0]
    assert candidate['finishReason'] == 'NO_IMAGE'
    assert candidate['content'] == {'role': 'model'}


def test_gemini_refuses_the_prompt(ask):
    payload = ask('generate', 'refused', reason='BLOCKLIST').json()
    assert payload['promptFeedback'] == {'blockReason': 'BLOCKLIST'}
    assert 'candidates' not in payload


def test_gemini_refuses_the_picture(ask):
    candidate = ask('generate', 'refused', stage='output').json()['candidates'][0]
    assert candidate['finishReason'] == 'IMAGE_SAFETY'
    assert 'content' not in candidate


def test_openai_refuses(ask):
    error = ask('edit', 'refused', reason='violence').json()['error']
    assert error['type'] == 'image_generation_user_error'
    assert 'safety_violations=[violence]' in error['message']


def test_gemini_only_thinks(ask):
    parts = parts_of(ask('generate', 'thought_only'))
    assert all(part['thought'] for part in parts)
    assert 'inlineData' in parts[1]


def test_gemini_forgets_the_signatures(ask):
    assert not any('thoughtSignature' in part for part in parts_of(ask('generate', 'missing_signature')))


def test_several_images_differ(ask):
    images = [part['inlineData']['data'] for part in parts_of(ask('generate', 'several_images', count=3))[1:]]
    assert len(set(images)) == 3
    assert len(ask('edit', 'several_images').json()['data']) == 2


def pictures_of(send, answer):
    if send == 'edit':
        return [item['b64_json'] for item in answer.json()['data']]
    return [part['inlineData']['data'] for part in parts_of(answer) if 'inlineData' in part]


@SENDERS
def test_corrupt_image_can_not_be_decoded(ask, send):
    picture = base64.b64decode(pictures_of(send, ask(send, 'corrupt_image'))[0])
    with Image.open(io.BytesIO(picture)) as image, pytest.raises(OSError):
        image.load()


def test_empty_data_is_an_empty_list(ask):
    assert ask('generate', 'empty_data').json()['candidates'] == []
    assert ask('edit', 'empty_data').json()['data'] == []


def test_data_url_holds_the_picture(ask):
    assert ask('edit', 'data_url').json()['data'][0]['url'].startswith('data:image/png;base64,')
    assert '](data:image/jpeg;base64,' in parts_of(ask('generate', 'data_url'))[1]['text']


def test_url_leads_to_the_picture(ask):
    urls = [
        ask('edit', 'url').json()['data'][0]['url'],
        parts_of(ask('generate', 'url'))[1]['fileData']['fileUri'],
    ]
    types = [requests.get(url, timeout=10).headers['content-type'] for url in urls]
    assert types == ['image/png', 'image/jpeg']


@SENDERS
def test_fault_hides_no_refusal(emulator, wire, send):
    emulator.set_faults([{'fault': 'internal', 'times': None}])
    answer = wire.generate(n=1) if send == 'generate' else wire.edit(seed='1')
    assert answer.status_code == 400
    assert emulator.calls[0].fault == ''


def test_client_that_goes_away_is_no_error_of_the_server(emulator, wire, caplog):
    emulator.set_faults([{'fault': 'slow', 'seconds': 0.4, 'times': None}])
    url = f'{emulator.url}/v1beta/models/gemini-3-pro-image:generateContent'
    body = {'contents': [{'parts': [{'text': 'draw a house'}]}]}
    with requests.post(url, json=body, headers={'x-goog-api-key': 'k'}, stream=True, timeout=10) as answer:
        assert answer.status_code == 200
    assert wire.edit().status_code == 200  # takes as long as the other one would have
    assert caplog.records == []
