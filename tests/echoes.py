"""Answers that repeat a text in every place that an answer has: errors, headers, addresses, words, images."""

import base64
import html
import io
import json
from urllib.parse import quote

from PIL import Image


def draw():
    encoded = io.BytesIO()
    Image.new('RGB', (8, 6), 'orange').save(encoded, 'PNG')
    return encoded.getvalue()


PICTURE = draw()
IMAGE = base64.b64encode(PICTURE).decode()


def respond(status='200 OK', body='', *headers):
    """A whole answer, byte by byte."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f'HTTP/1.1 {status}', f'Content-Length: {len(content)}', 'Connection: close', *headers]
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + content


def errors(echo, status='400 Bad Request'):
    """Error bodies of every shape."""
    bodies = [
        *(
            {'error': {'code': 400, 'message': echo}},
            [{'error': {'message': echo}}],
            {'error': echo},
            {'message': echo},
        ),
        *({'error': {'message': 'x', 'code': echo, 'type': echo, 'param': echo, 'status': echo}}, {'detail': echo}),
        *({'error': {'message': '', 'details': [{'reason': echo, echo: echo}]}}, {echo: echo}, [echo], echo),
        *({'detail': [{'loc': ['body', echo], 'msg': echo, 'input': echo}]}, {'detail': {'error': {'message': echo}}}),
        {'error': {'message': f'litellm.APIError: upstream - {json.dumps({"error": {"message": echo}})}'}},
        *(
            f'<html><title>{html.escape(echo)}</title><h1>{echo}</h1></html>',
            f'Wrong key {echo}',
            f'{{"error": "{echo}',
        ),
        'x ' * 240 + echo,
    ]
    return [respond(status, body) for body in bodies]


def answers(echo, hosts):
    """Failures and successes in both formats; `hosts` are the API's own and another one."""
    own, other = hosts
    return [
        *errors(echo),
        *errors(echo, '500 Internal Server Error')[:3],
        *errors(echo, '451 Unavailable')[:2],
        *errors(echo, '200 OK')[:4],
        respond(f'400 {echo}'),
        respond(
            '400 Bad Request', '{}', f'x-request-id: {echo}', f'x-goog-request-id: {echo}', f'Set-Cookie: a={echo}'
        ),
        respond('429 Slow Down', '{}', f'Retry-After: {echo}', 'Retry-After-Ms: 1', f'x-should-retry: {echo}'),
        respond('400 Bad Request', '{}', f'{echo} is no header', f'WWW-Authenticate: Bearer realm="{echo}"'),
        respond('400 Bad Request', '{}', f'Content-Type: {echo}; charset={echo}', f'Content-Encoding: {echo}'),
        f'HTTP/1.1 200 OK\r\nContent-Length: {echo}\r\nConnection: close\r\n\r\n{{}}'.encode(),
        f'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{echo}\r\n'.encode(),
        f'HTTP/1.1 {echo}\r\n\r\n'.encode(),
        f'{echo}\r\n\r\n'.encode(),
        *(respond(body=body) for body in (echo, f'{{"{echo}', [echo], {echo: echo}, {'error': {echo: echo}})),
        *(
            respond(body={**gemini, **openai})
            for gemini, openai in zip(gemini_answers(echo, own, other), openai_answers(echo, own, other), strict=True)
        ),
    ]


def addresses(echo, own, other):
    """Where an answer may say that its image is."""
    return [
        *(f'{own}/image.png?key={quote(echo)}', f'{own}/{quote(echo)}/missing', f'{own}/elsewhere?{quote(echo)}'),
        *(f'{other}/image.png?key={quote(echo)}', f'http://{quote(echo)}@{other[7:]}/', f'http://127.0.0.1:{echo}/'),
        *(f'https://{other[7:]}/{quote(echo)}', f'ftp://{quote(echo)}/', f'http://[{echo}', echo),
    ]


def gemini_answers(echo, own, other):
    image = {'inlineData': {'mimeType': 'image/png', 'data': IMAGE}}
    parts = [
        [{'text': echo}, image, {'text': f'![{echo}]({echo})'}],
        [{'inlineData': {'mimeType': echo, 'data': IMAGE}, 'thoughtSignature': echo}],
        [{'inlineData': {'mimeType': echo, 'data': echo}}],
        [
            {
                'text': f'data:image/png;base64,{IMAGE} {echo}',
                'thoughtSignature': base64.b64encode(echo.encode()).decode(),
            }
        ],
        [{'text': echo}],
        *([{'fileData': {'mimeType': echo, 'fileUri': address}}] for address in addresses(echo, own, other)),
    ]
    return [
        {
            'candidates': [{'content': {'parts': some}, 'finishReason': echo, 'finishMessage': echo, echo: echo}],
            'usageMetadata': {'promptTokenCount': echo},
            'modelVersion': echo,
            'responseId': echo,
        }
        for some in parts
    ] + [{'promptFeedback': {'blockReason': echo, 'blockReasonMessage': echo}, 'candidates': []}]


def openai_answers(echo, own, other):
    entries = [
        [{'b64_json': IMAGE, 'revised_prompt': echo}],
        [{'b64_json': IMAGE, echo: echo}, {'b64_json': echo}],
        [{'b64_json': echo}],
        [{'url': f'data:image/png;base64,{IMAGE}'}],
        [],
        *([{'url': address}] for address in addresses(echo, own, other)),
        None,
    ]
    return [{'data': data, 'model': echo, 'usage': {'input_tokens': echo}, 'message': echo} for data in entries]
