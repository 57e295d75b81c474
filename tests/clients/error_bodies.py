"""Bodies of errors, as the APIs and the proxies before them write them."""

import json

RPC = 'type.googleapis.com/google.rpc.'


def gemini(code, status, message='Something went wrong.', details=None):
    error = {'code': code, 'message': message, 'status': status}
    return json.dumps({'error': error if details is None else {**error, 'details': details}})


def openai(message='Something went wrong.', code=None, kind='invalid_request_error'):
    return json.dumps({'error': {'message': message, 'type': kind, 'param': None, 'code': code}})


def litellm(status, upstream, name='APIError'):
    message = f'litellm.{name}: {name}: OpenAIException - {upstream}'
    return json.dumps({'error': {'message': message, 'type': None, 'param': None, 'code': str(status)}})


def html(title):
    return f'<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>'


def retry_info(delay):
    return {'@type': f'{RPC}RetryInfo', 'retryDelay': delay}


def quota_failure(quota_id, value='10'):
    return {'@type': f'{RPC}QuotaFailure', 'violations': [{'quotaId': quota_id, 'quotaValue': value}]}
