"""The request key: the name of a purchase, made of everything that determines a call's answer and of nothing else.

Not in it: the row's position and path, the API key, the time. So reordered, inserted and repeated rows are recognised.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from beam_image_edit.transforms.rows import Parameters

# Changed when what goes into a key changes; old purchases would not be found again.
_VERSION = 1
_DEFAULTS = {field.name: getattr(Parameters(), field.name) for field in fields(Parameters)}


def request_key(
    *,
    api_format: str,
    base_url: str,
    model: str,
    prompts: Sequence[str],
    system: str | None,
    images: Sequence[str],
    mask: str | None,
    parameters: Parameters,
    previous: str | None = None,
    variant: str | None = None,
    sample_number: int = 0,
) -> str:
    """The key of one call, 64 hexadecimal digits.

    Args:
        api_format: `gemini` or `openai`.
        base_url: only its host counts: what an emulator made must not pass for the real API's work, whatever its port.
        model: as asked for.
        prompts: this turn's instruction and those of all turns before it.
        system: the system instruction.
        images: sha256 of each image's bytes as they are sent.
        mask: sha256 of the mask's bytes as they are sent.
        parameters: all that is asked for.
        previous: the previous turn's key.
        variant: makes an otherwise identical row a purchase of its own.
        sample_number: which of several calls for one row, where an API gives one image per call.
    """
    content: dict[str, Any] = {
        'version': _VERSION,
        'api_format': api_format,
        'host': urlsplit(base_url).hostname,
        'model': model,
        'prompts': list(prompts),
        'system': system,
        'images': list(images),
        'mask': mask,
        'parameters': _chosen(parameters),
        'previous': previous,
        'variant': variant,
        'sample_number': sample_number,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _chosen(parameters: Parameters) -> dict[str, Any]:
    """What differs from the defaults, so that a parameter that is new in a later version changes no older key."""
    chosen = ((name, getattr(parameters, name)) for name in _DEFAULTS)
    return {name: value for name, value in chosen if value != _DEFAULTS[name]}
