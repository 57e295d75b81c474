"""The API clients: one module per wire format, loaded when it is used."""

from importlib import import_module
from typing import cast

from beam_image_edit.transforms.clients.calls import ApiFormat
from beam_image_edit.transforms.errors import ConfigurationError

API_FORMATS = {
    'gemini': 'beam_image_edit.transforms.clients.gemini',
    'openai': 'beam_image_edit.transforms.clients.openai',
}
DEFAULT_MODELS = {'gemini': 'gemini-3-pro-image', 'openai': 'gpt-image-2.5-flare'}


def load_format(api_format: str) -> ApiFormat:
    """The module that speaks a wire format.

    Raises:
        ConfigurationError: there is no such format.
    """
    if api_format not in API_FORMATS:
        known = ' or '.join(sorted(API_FORMATS))
        raise ConfigurationError(f'api_format must be {known}, got {api_format!r}')
    return cast(ApiFormat, import_module(API_FORMATS[api_format]))
