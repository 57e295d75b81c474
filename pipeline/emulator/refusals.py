"""A refusal: an answer that is an error, told in the words of the API that gives it.

One exception carries what both APIs need to say; each API writes the part that its own error body has. Gateways in
front of them say it differently, and `BODIES` are those ways.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What a body can look like when it is not the API's own: a proxy's page, a FastAPI server, a LiteLLM proxy, Vertex
# AI's one-element list, nothing at all.
BODIES = ('real', 'html', 'fastapi', 'litellm', 'list', 'empty')


@dataclass
class Refusal(Exception):
    """A call that is answered with an error.

    Attributes:
        status: the HTTP status.
        message: what the API says.
        code: OpenAI's `code`, such as `invalid_value`.
        kind: OpenAI's `type`.
        param: OpenAI's `param`, the field that is wrong.
        canonical: Gemini's `status`, such as `INVALID_ARGUMENT`; None: the usual one for the HTTP status.
        details: Gemini's `details`.
        headers: HTTP headers that go with it.
        body: one of BODIES.
    """

    status: int
    message: str
    code: str | None = None
    kind: str = 'invalid_request_error'
    param: str | None = None
    canonical: str | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = 'real'

    def __str__(self) -> str:
        return f'{self.status} {self.message}'


def write_body(refusal: Refusal, real: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body of a refusal and its content type; `real` is the body as the API itself writes it."""
    if refusal.body == 'empty':
        return b'', 'text/plain'
    if refusal.body == 'html':
        title = f'{refusal.status} {refusal.message}'
        page = f'<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>'
        return page.encode(), 'text/html'
    bodies: dict[str, Any] = {
        'real': real,
        'list': [real],
        'fastapi': {'detail': refusal.message},
        'litellm': {
            'error': {
                'message': f'litellm.APIError: APIError: upstream - {json.dumps(real)}',
                'type': None,
                'param': None,
                'code': str(refusal.status),
            }
        },
    }
    return json.dumps(bodies[refusal.body]).encode(), 'application/json'
