"""Every error answer that the APIs, and the servers that speak like them, are known to give."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_image_edit.transforms.clients.classify import classify
from beam_image_edit.transforms.errors import ApiError
from tests.clients.error_bodies import RPC, gemini, html, litellm, openai, quota_failure

KINDS = ('retry', 'quota', 'refused', 'no_image', 'bad_image', 'permanent', 'fatal')


WRONG_KEY = {'@type': f'{RPC}ErrorInfo', 'reason': 'API_KEY_INVALID', 'domain': 'googleapis.com'}
QUOTA = 'You exceeded your current quota, please check your plan and billing details.'
MODERATION = 'Your request was rejected by the safety system. safety_violations=[sexual].'
GONE = 'models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.'
SIGNATURE = 'Image part is missing a thought_signature in content position 2, part position 1.'
UNVERIFIED = 'Your organization must be verified to use the model `gpt-image-2`.'

GEMINI = {
    '400-invalid-argument': (400, gemini(400, 'INVALID_ARGUMENT', 'Multiple candidates is not enabled.'), 'permanent'),
    '400-missing-signature': (400, gemini(400, 'INVALID_ARGUMENT', SIGNATURE), 'permanent'),
    '400-unknown-name': (400, gemini(400, 'INVALID_ARGUMENT', 'Unknown name "n": Cannot find field.'), 'permanent'),
    '400-wrong-key-reason': (400, gemini(400, 'INVALID_ARGUMENT', details=[WRONG_KEY]), 'fatal'),
    '400-wrong-key-words': (400, gemini(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass one.'), 'fatal'),
    '400-region': (400, gemini(400, 'FAILED_PRECONDITION', 'User location is not supported.'), 'fatal'),
    '401': (401, gemini(401, 'UNAUTHENTICATED'), 'fatal'),
    '402-credit': (402, gemini(402, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.'), 'fatal'),
    '429-credit': (429, gemini(429, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.'), 'fatal'),
    '403': (403, gemini(403, 'PERMISSION_DENIED'), 'fatal'),
    '404-model': (404, gemini(404, 'NOT_FOUND', GONE), 'fatal'),
    '404-file': (404, gemini(404, 'NOT_FOUND', 'File files/abc not found.'), 'permanent'),
    '404-gateway-body-too-large': (404, html('Cannot POST /v1beta/models/x:generateContent'), 'permanent'),
    '408': (408, '', 'retry'),
    '413': (413, html('413 Request Entity Too Large'), 'permanent'),
    '429-per-minute': (429, gemini(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota_failure('RequestsPerMinute')]), 'quota'),
    '429-no-details': (429, gemini(429, 'RESOURCE_EXHAUSTED'), 'quota'),
    '429-per-day': (429, gemini(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota_failure('RequestsPerDay-P')]), 'fatal'),
    '429-limit-zero': (429, gemini(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded for metric: x, limit: 0'), 'fatal'),
    '429-limit-ten': (429, gemini(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded for metric: x, limit: 10'), 'quota'),
    '429-limit-fraction': (429, gemini(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded, limit: 0.5 a second'), 'quota'),
    '429-quota-value-zero': (429, gemini(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota_failure('PerMinute', '0')]), 'fatal'),
    '429-free-tier': (429, gemini(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota_failure('PerMinute-FreeTier')]), 'fatal'),
    '429-free-tier-metric': (429, gemini(429, 'RESOURCE_EXHAUSTED', 'metric: content_free_tier_requests'), 'fatal'),
    '499': (499, gemini(499, 'CANCELLED'), 'retry'),
    '500': (500, gemini(500, 'INTERNAL'), 'retry'),
    '502-html': (502, html('502 Bad Gateway'), 'retry'),
    '503': (503, gemini(503, 'UNAVAILABLE', 'The model is overloaded.'), 'retry'),
    '504-own-body': (504, gemini(504, 'DEADLINE_EXCEEDED'), 'retry'),
}
OPENAI = {
    '400-moderation': (400, openai(MODERATION, 'moderation_blocked', 'image_generation_user_error'), 'refused'),
    '400-moderation-words': (400, openai('Your request was rejected as a result of our safety system.'), 'refused'),
    '400-content-policy': (400, openai(code='content_policy_violation'), 'refused'),
    '400-content-filter': (400, openai(code='content_filter'), 'refused'),
    '451-safety': (451, '{"message": "unavailable"}', 'refused'),
    '400-unknown-parameter': (400, openai("Unknown parameter: 'response_format'.", 'unknown_parameter'), 'permanent'),
    '400-invalid-value': (400, openai(code='invalid_value'), 'permanent'),
    '400-invalid-type': (400, openai('expected a file, but got a string instead', 'invalid_type'), 'permanent'),
    '400-unsupported-mimetype': (400, openai(code='unsupported_file_mimetype'), 'permanent'),
    '400-missing-mimetype': (400, openai(code='missing_file_mimetype'), 'permanent'),
    '400-invalid-image': (400, openai(code='invalid_image_file'), 'permanent'),
    '400-billing-hard-limit': (400, openai(code='billing_hard_limit_reached'), 'fatal'),
    '401': (401, openai('Incorrect API key provided.', 'invalid_api_key'), 'fatal'),
    '401-empty': (401, '', 'fatal'),
    '403-not-verified': (403, openai(UNVERIFIED), 'fatal'),
    '400-not-verified': (400, openai(UNVERIFIED), 'fatal'),
    '403-region': (403, openai('Country, region, or territory not supported', 'unsupported_country'), 'fatal'),
    '404-model': (404, openai('The model `x` does not exist or you have no access.', 'model_not_found'), 'fatal'),
    '400-model': (400, openai("The model 'dall-e-2' does not exist."), 'fatal'),
    '400-not-the-model': (400, openai('The mask for this model does not exist in the form.'), 'permanent'),
    '408': (408, openai(), 'retry'),
    '409': (409, openai(), 'retry'),
    '413': (413, openai(), 'permanent'),
    '422': (422, openai(), 'permanent'),
    '429-rate-limit': (429, openai('Rate limit reached.', 'rate_limit_exceeded', 'requests'), 'quota'),
    '429-larger-than-quota': (
        429,
        openai('Request too large for x on tokens per min (TPM): Limit 9, Requested 10.', 'rate_limit_exceeded'),
        'permanent',
    ),
    '429-slow-down': (429, openai(code='slow_down'), 'quota'),
    '429-per-day': (429, openai('Rate limit reached on requests per day (RPD): Limit 50.'), 'fatal'),
    '429-insufficient-quota': (429, openai(QUOTA, 'insufficient_quota', 'insufficient_quota'), 'fatal'),
    '429-insufficient-quota-type': (429, openai(QUOTA, None, 'insufficient_quota'), 'fatal'),
    '429-credit-balance': (429, openai(QUOTA, 'credit_balance_exhausted'), 'fatal'),
    '429-organization-spend': (429, openai(QUOTA, 'organization_spend_limit_exceeded'), 'fatal'),
    '429-project-spend': (429, openai(QUOTA, 'project_spend_limit_exceeded'), 'fatal'),
    '429-organization-usage': (429, openai(QUOTA, 'organization_usage_limit_exceeded'), 'fatal'),
    '500': (500, openai(code='server_error', kind='server_error'), 'retry'),
    **{str(status): (status, openai(), 'retry') for status in (502, 503, 504, *range(520, 530))},
}
OTHERS = {
    'fastapi-text': (422, '{"detail": "Model is loading"}', 'permanent'),
    'fastapi-text-503': (503, '{"detail": "Model is loading"}', 'retry'),
    'fastapi-list': (422, '{"detail": [{"loc": ["body", "image"], "msg": "Field required"}]}', 'permanent'),
    'fastapi-object': (429, '{"detail": {"error": {"code": "insufficient_quota"}}}', 'fatal'),
    'error-text': (500, '{"error": "upstream is gone"}', 'retry'),
    'message-only': (400, '{"message": "no such field"}', 'permanent'),
    'list-wrapped': (429, f'[{gemini(429, "RESOURCE_EXHAUSTED")}]', 'quota'),
    'list-wrapped-fatal': (400, f'[{gemini(400, "X", details=[WRONG_KEY])}]', 'fatal'),
    'code-as-text': (429, '{"error": {"message": "m", "code": "429"}}', 'quota'),
    'json-text': (503, '"the model is loading"', 'retry'),
    'json-null': (500, 'null', 'retry'),
    'plain-text': (503, 'upstream connect error', 'retry'),
    'empty': (500, '', 'retry'),
    'not-utf-8': (400, b'\xff\xfe\x00', 'permanent'),
    'litellm-429': (429, litellm(429, openai(code='rate_limit_exceeded'), 'RateLimitError'), 'quota'),
    'litellm-quota': (429, litellm(429, openai(QUOTA, 'insufficient_quota'), 'RateLimitError'), 'fatal'),
    'litellm-moderation': (400, litellm(400, openai(MODERATION, 'moderation_blocked')), 'refused'),
    'litellm-content-policy': (400, litellm(400, openai(), 'ContentPolicyViolationError'), 'refused'),
    'litellm-gemini-daily': (429, litellm(429, gemini(429, 'X', QUOTA, [quota_failure('XPerDay')])), 'fatal'),
    'litellm-gemini-zero': (429, litellm(429, gemini(429, 'X', QUOTA, [quota_failure('X', '0')])), 'fatal'),
    'litellm-gemini-key': (400, litellm(400, gemini(400, 'X', details=[WRONG_KEY])), 'fatal'),
    'litellm-gemini-gone': (400, litellm(400, gemini(404, 'NOT_FOUND', GONE)), 'fatal'),
    'litellm-unknown-model': (400, openai('Invalid model name passed in model=x.', '400'), 'fatal'),
    'litellm-no-database': (400, openai('No connected db.', '400'), 'fatal'),
    'litellm-no-variations': (404, '{"detail": "Not Found"}', 'fatal'),
    'litellm-budget': (400, openai('Budget has been exceeded!', '400', 'budget_exceeded'), 'fatal'),
    'proxy-hides-a-quota': (502, '{"error": {"code": 429, "message": "slow"}}', 'quota'),
    'proxy-hides-a-bad-request': (500, '{"error": {"status": "INVALID_ARGUMENT", "message": "bad"}}', 'permanent'),
    'redirect': (302, '', 'fatal'),
    'success-429': (200, '{"error": {"code": 429, "message": "slow"}}', 'quota'),
    'success-429-text': (200, '{"error": {"code": "429", "message": "slow"}}', 'quota'),
    'success-status-word': (200, '{"error": {"status": "UNAVAILABLE", "message": "busy"}}', 'retry'),
    'success-code-word': (200, '{"error": {"code": "rate_limit_exceeded", "message": "slow"}}', 'quota'),
    'success-fatal-word': (200, '{"error": {"code": "insufficient_quota", "message": "gone"}}', 'fatal'),
    'success-without-code': (200, '{"error": "something"}', 'permanent'),
}
TABLE = [
    pytest.param(*case, id=f'{group}-{name}')
    for group, cases in (('gemini', GEMINI), ('openai', OPENAI), ('others', OTHERS))
    for name, case in cases.items()
]


def as_bytes(body):
    return body if isinstance(body, bytes) else body.encode()


@pytest.mark.parametrize(('status', 'body', 'kind'), TABLE)
def test_classify_tells_the_kind(status, body, kind):
    error = classify(status, {}, as_bytes(body))
    assert error.kind == kind
    assert error.status == status


@pytest.mark.parametrize(('status', 'body', 'kind'), TABLE)
def test_classify_counts_a_servers_own_error_as_not_billed(status, body, kind):
    is_of_a_proxy = status >= 500 and not as_bytes(body).lstrip().startswith((b'{"error', b'{"detail', b'[{"error'))
    assert classify(status, {}, as_bytes(body)).may_be_billed is is_of_a_proxy


@pytest.mark.parametrize(
    ('status', 'body', 'may_be_billed'),
    [
        pytest.param(502, html('502 Bad Gateway'), True, id='502'),
        pytest.param(503, html('503 Service Unavailable'), True, id='503-page'),
        pytest.param(503, 'upstream connect error: connection termination', True, id='503-text'),
        pytest.param(500, '', True, id='500-empty'),
        pytest.param(500, '{"detail": "out of memory"}', False, id='500-fastapi'),
        pytest.param(521, html('521 web server is down'), False, id='521-page'),
        pytest.param(504, html('504 Gateway Time-out'), True, id='504-page'),
        pytest.param(504, '{"message": "Endpoint request timed out"}', True, id='504-gateway-json'),
        pytest.param(504, gemini(504, 'DEADLINE_EXCEEDED'), False, id='504-of-the-api'),
        pytest.param(520, html('520 unknown error'), True, id='520-page'),
        pytest.param(522, html('522 connection timed out'), False, id='522-page'),
        pytest.param(524, html('524 a timeout occurred'), True, id='524-page'),
        pytest.param(408, openai('litellm.Timeout: Connection timed out.', '408'), True, id='litellm-timeout'),
        pytest.param(500, litellm(500, 'reset by peer', 'APIConnectionError'), True, id='litellm-connection'),
        pytest.param(524, '{"error": {"code": "insufficient_quota"}}', False, id='fatal'),
    ],
)
def test_classify_tells_what_a_proxy_may_have_lost(status, body, may_be_billed):
    assert classify(status, {}, body.encode()).may_be_billed is may_be_billed


@pytest.mark.parametrize(
    ('status', 'headers', 'kind'),
    [
        pytest.param(400, {'x-should-retry': 'true'}, 'retry', id='400-true'),
        pytest.param(500, {'x-should-retry': 'false'}, 'permanent', id='500-false'),
        pytest.param(429, {'x-should-retry': 'false'}, 'permanent', id='429-false'),
        pytest.param(429, {'x-should-retry': 'true'}, 'quota', id='429-true'),
        pytest.param(500, {'llm_provider-x-should-retry': 'false'}, 'permanent', id='behind-litellm'),
        pytest.param(401, {'x-should-retry': 'true'}, 'fatal', id='not-for-a-wrong-key'),
        pytest.param(500, {'x-should-retry': 'perhaps'}, 'retry', id='nonsense'),
    ],
)
def test_classify_heeds_the_servers_advice(status, headers, kind):
    assert classify(status, headers, b'{"error": {}}').kind == kind


def test_classify_keeps_the_request_id():
    assert classify(500, {'x-request-id': 'req_1'}, b'').request_id == 'req_1'
    assert classify(500, {'x-goog-request-id': 'g'}, b'').request_id == 'g'
    assert classify(500, {}, b'').request_id is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    'error',
                    'detail',
                    'message',
                    'code',
                    'status',
                    'type',
                    'details',
                    'loc',
                    'msg',
                    'retryDelay',
                    'reason',
                ]
            ),
            children,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    status=st.integers(200, 599),
    body=st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200)),
    retry_after=st.text(max_size=40),
)
def test_classify_understands_any_answer(status, body, retry_after):
    error = classify(status, {'retry-after': retry_after, 'retry-after-ms': retry_after}, body)
    assert isinstance(error, ApiError)
    assert error.kind in KINDS
    assert error.message.isprintable()
    assert error.retry_after_s is None or error.retry_after_s >= 0
