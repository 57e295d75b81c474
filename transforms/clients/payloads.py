"""What both wire formats need when a request is put together or an answer is taken apart."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from beam_image_edit.transforms.clients.calls import HttpResponse
from beam_image_edit.transforms.clients.classify import classify, shorten
from beam_image_edit.transforms.errors import ApiError, ConfigurationError

_VERSION = re.compile(r'v\d+((alpha|beta)\d*)?')
_URL_SAFE_TO_STANDARD = bytes.maketrans(b'-_', b'+/')


def join_base_url(base_url: str, default_version: str) -> str:
    """A base URL with its version segment and without a trailing slash.

    >>> join_base_url('https://gateway.example/gemini/', 'v1beta')
    'https://gateway.example/gemini/v1beta'
    >>> join_base_url('https://gateway.example/v1', 'v1beta')
    'https://gateway.example/v1'
    """
    base = base_url.rstrip('/')
    parts = urlsplit(base)
    if parts.scheme not in ('http', 'https') or not parts.netloc:
        raise ConfigurationError(
            f'the base URL must begin with http:// or https://, got {base_url!r}; check DF_BASE_URL'
        )
    if '@' in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError('the base URL may hold no user, query or fragment; give the key in DF_API_KEY')
    has_version = bool(_VERSION.fullmatch(parts.path.rsplit('/', 1)[-1]))
    return base if has_version else f'{base}/{default_version}'


def merge_deep(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `extra` put over it, object by object; null takes a field out.

    >>> merge_deep({'a': {'b': 1, 'c': 2}}, {'a': {'c': None, 'd': 3}})
    {'a': {'b': 1, 'd': 3}}
    """
    merged = dict(base)
    for name, value in extra.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            inner = merged.get(name)
            merged[name] = merge_deep(inner if isinstance(inner, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def read_json(response: HttpResponse) -> dict[str, Any]:
    """The JSON object of a successful answer.

    Raises:
        ApiError: it is an error answer (not billed), or a 200 that can't be read (may have been billed).
    """
    if response.status != 200:
        raise classify(response.status, response.headers, response.body)
    try:
        parsed = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise unreadable(f'it is not JSON ({shorten(str(error), 100)})') from error
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        raise unreadable(f'it is a JSON {type(parsed).__name__}, not an object')
    if parsed.get('error') and isinstance(parsed['error'], (dict, str)):
        # Some gateways wrap an error into a 200.
        code = parsed['error'].get('code') if isinstance(parsed['error'], dict) else None
        raise classify(_as_status(code), response.headers, response.body)
    return parsed


def _as_status(code: Any) -> int:
    try:
        status = int(code)
    except (TypeError, ValueError):
        return 400
    return status if 400 <= status < 600 else 400


def unreadable(reason: str) -> ApiError:
    """A 200 that can't be read: the provider has done its work and may charge for it."""
    return ApiError('retry', f"the answer can't be read: {reason}", status=200, may_be_billed=True)


def bad_image(reason: str) -> ApiError:
    """A complete answer whose image can't be read: paid for, in all likelihood, and of no use."""
    return ApiError('bad_image', f"the answer's image can't be used: {reason}", status=200, may_be_billed=True)


def decode_base64(text: str) -> bytes:
    """Image bytes from an answer: either alphabet, with or without padding, white space or a `data:` prefix.

    Raises:
        ApiError: it is no base64.
    """
    encoded = text.encode('ascii', 'replace')
    if encoded.startswith(b'data:'):
        encoded = encoded.partition(b',')[2]
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        pass
    tolerant = b''.join(encoded.split()).translate(_URL_SAFE_TO_STANDARD).rstrip(b'=')
    try:
        return base64.b64decode(tolerant + b'=' * (-len(tolerant) % 4), validate=True)
    except binascii.Error as error:
        raise bad_image(f'it is not base64 ({error})') from error


def encode_base64(content: bytes) -> str:
    """Standard alphabet, with padding."""
    return base64.b64encode(content).decode('ascii')


def first_of(mapping: Mapping[str, Any], *names: str) -> Any:
    """The first of several spellings of a field that is there."""
    return next((mapping[name] for name in names if mapping.get(name) is not None), None)


def as_count(value: Any) -> int | None:
    """A count from an answer's JSON, where it may be a string or missing."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
