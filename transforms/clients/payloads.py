"""What both wire formats need when a request is put together or an answer is taken apart."""

import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes

import pybase64

from beam_image_edit.transforms.clients.calls import HttpResponse
from beam_image_edit.transforms.clients.classify import classify
from beam_image_edit.transforms.clients.embedded_images import parse_json
from beam_image_edit.transforms.clients.messages import shorten
from beam_image_edit.transforms.errors import ApiError, ConfigurationError
from beam_image_edit.transforms.usage import Usage

_LABEL = r'\w(?:[\w-]{0,61}\w)?'
_BASE_URL = re.compile(
    rf'https?://(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/[^ \\]*)?',
    re.IGNORECASE,
)
_MAX_PORT = 65_535
# A user (and password) before the host, or a query or fragment, which may hold a key.
_HIDES_A_SECRET = re.compile(r'[^/]*/{0,2}[^/]*@|.*[?#]', re.DOTALL)
_VERSION = re.compile(r'v\d+((alpha|beta)\d*)?')
# Where an answer has its images; who has any has been served, whatever else the answer says.
_RESULTS = ('candidates', 'data')
_URL_SAFE_TO_STANDARD = bytes.maketrans(b'-_', b'+/')


def join_base_url(base_url: str, default_version: str) -> str:
    """A base URL with its version segment and without a trailing slash.

    >>> join_base_url('https://gateway.example/gemini/', 'v1beta')
    'https://gateway.example/gemini/v1beta'
    >>> join_base_url('https://gateway.example/v1', 'v1beta')
    'https://gateway.example/v1'

    Raises:
        ConfigurationError: it is no address that a request can be sent to.
    """
    if _HIDES_A_SECRET.match(base_url):
        raise ConfigurationError(
            'the base URL may hold no user, query or fragment; check DF_BASE_URL, and give the key in DF_API_KEY'
        )
    base = base_url.rstrip('/')
    address = _BASE_URL.fullmatch(base)
    if not address or not base.isprintable() or not 0 < int(address['port'] or 80) <= _MAX_PORT:
        # What is no address at all may be the key, which is never shown.
        is_shown = base_url.lower().startswith('http')
        got = repr(base_url) if is_shown else f'{len(base_url)} characters without http:// or https:// before them'
        raise ConfigurationError(
            f'the base URL must look like https://host, http://host:port or https://host/path, got {got}; '
            'check DF_BASE_URL'
        )
    has_version = bool(_VERSION.fullmatch((address['path'] or '').rpartition('/')[2]))
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
    """The JSON object of a successful answer; large images in it are bytes already, see `read_image`.

    Raises:
        ApiError: it is an error answer (not billed), or a success that can't be read (may have been billed).
    """
    if not 200 <= response.status < 300:
        raise classify(response.status, response.headers, bytes(response.body))
    try:
        parsed = parse_json(response.body)
    except (ValueError, RecursionError) as error:
        raise unreadable(f'it is not JSON ({shorten(str(error), 100)})') from error
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        raise unreadable(f'it is a JSON {type(parsed).__name__}, not an object')
    if parsed.get('error') and not any(parsed.get(name) for name in _RESULTS):
        # Some gateways wrap an error into a success.
        raise classify(response.status, response.headers, bytes(response.body))
    return parsed


def unreadable(reason: str) -> ApiError:
    """A 200 that can't be read: the provider has done its work and may charge for it."""
    return ApiError('retry', f"the answer can't be read: {reason}", status=200, may_be_billed=True)


def bad_image(reason: str) -> ApiError:
    """A complete answer whose image can't be read: paid for, in all likelihood, and of no use."""
    return ApiError('bad_image', f"the answer's image can't be used: {reason}", status=200, may_be_billed=True)


@contextmanager
def reporting(usage: Usage, request_id: str | None) -> Iterator[None]:
    """Puts what an answer reported into the error that its reading ends in: tokens are spent without an image too."""
    try:
        yield
    except ApiError as error:
        error.usage, error.request_id = usage, request_id
        raise


def decode_base64(text: str) -> bytes:
    """Image bytes from an answer: either alphabet, with or without padding, white space or a `data:` prefix.

    Raises:
        ApiError: it is no base64.
    """
    encoded = text.encode('ascii', 'replace')
    if encoded.startswith(b'data:'):
        encoded = encoded.partition(b',')[2]
    try:
        return pybase64.b64decode(encoded, validate=True)
    except binascii.Error:
        pass
    # In a URL a plus sign may be written as %2B.
    tolerant = b''.join(unquote_to_bytes(encoded).split()).translate(_URL_SAFE_TO_STANDARD).rstrip(b'=')
    try:
        return pybase64.b64decode(tolerant + b'=' * (-len(tolerant) % 4), validate=True)
    except binascii.Error as error:
        raise bad_image(f'it is not base64 ({error})') from error


def read_image(value: Any) -> bytes | None:
    """The image in a field of an answer; None if there is nothing in it, or no text.

    Raises:
        ApiError: it is no base64.
    """
    if isinstance(value, bytes):
        return value
    return decode_base64(value) if isinstance(value, str) and value else None


def first_of(mapping: Mapping[str, Any], *names: str) -> Any:
    """The first of several spellings of a field that is there."""
    return next((mapping[name] for name in names if mapping.get(name) is not None), None)


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object; empty for whatever else stands in its place."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list; empty for whatever else stands in its place."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_name(value: Any) -> str | None:
    """A short text, such as an id or a version; None for whatever else stands in its place."""
    return shorten(value, 200) or None if isinstance(value, str) else None


def as_count(value: Any) -> int | None:
    """A count, which may be written as a text; None for whatever else stands in its place.

    >>> as_count('258'), as_count(-1), as_count([])
    (258, None, None)
    """
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return count if 0 <= count < 2**63 else None
