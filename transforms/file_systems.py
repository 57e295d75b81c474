"""File systems: whatever fsspec knows, opened by path or URL, with options that may travel with a job.

Options are told by protocol, as URLs write it: `{"s3": {"endpoint_url": "https://minio.example"}}`. They end up in the
job's description, so none may be a secret; those belong into the workers' environment, where fsspec and the stores'
own libraries look for them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import fsspec

from beam_image_edit.transforms.errors import ConfigurationError

StorageOptions = Mapping[str, Mapping[str, Any]]

# Stale listings make a file that another worker wrote look absent.
_NO_LISTINGS_CACHE = {'use_listings_cache': False}
# s3fs asks for a file's size first, to read large ones in parallel pieces: two requests for each of many small ones.
_ONE_REQUEST = {'max_concurrency': 1}
_EXTRAS = {'s3': 's3', 's3a': 's3', 'gs': 'gcs', 'gcs': 'gcs', 'abfs': 'azure', 'abfss': 'azure', 'az': 'azure'}
_PACKAGES = {'s3': 's3fs', 'gcs': 'gcsfs', 'azure': 'adlfs'}
_SECRET_NAME = re.compile(
    r'secret|passw|credential|(^|[_-])(auth|sas|pwd|pass)($|[_-])|(key|token|signature|cookie|authorization'
    r'|connection_?string)$',
    re.IGNORECASE,
)
_SECRET_IN_URL = re.compile(
    r'://[^/?#@]*:[^/?#@]*@|[?&](sig|[\w-]*(signature|token|key|secret))=',
    re.IGNORECASE,
)


def open_filesystem(url: str, options: StorageOptions | None = None) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a path or URL and the path within it.

    Raises:
        ConfigurationError: no such protocol, its package is not installed, or it does not take the options.
    """
    protocol = fsspec.utils.get_protocol(url)
    settings = dict((options or {}).get(protocol, {}))
    if protocol in _EXTRAS:
        settings = {**_NO_LISTINGS_CACHE, **settings}
    if _EXTRAS.get(protocol) == 's3':
        settings = {**_ONE_REQUEST, **settings}
    try:
        return fsspec.url_to_fs(url, **settings)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        hint = f'pip install {_PACKAGES[extra]} (it is in beam-image-edit[{extra}])' if extra else str(error)
        raise ConfigurationError(f'{url}: {protocol}:// needs a package that is not installed: {hint}') from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f'{url}: {error}') from error


def name_store(url: str) -> str | None:
    """Which object store a URL is in: `s3`, `gcs` or `azure`; None for any other place.

    >>> name_store('gs://bucket/out'), name_store('./out')
    ('gcs', None)
    """
    return _EXTRAS.get(fsspec.utils.get_protocol(url))


def check_storage_options(options: Any) -> None:
    """Raises ConfigurationError unless it is options by protocol, and without secrets; shows no value."""
    if not isinstance(options, Mapping) or not all(isinstance(one, Mapping) for one in options.values()):
        raise ConfigurationError(
            'storage_options must be told by protocol, such as {"s3": {"endpoint_url": "https://…"}}'
        )
    for protocol, settings in options.items():
        if protocol not in fsspec.available_protocols():
            raise ConfigurationError(f'storage_options: {protocol} is no protocol of fsspec, such as s3, gs or abfs')
        for path in _find_secrets(settings, protocol):
            raise ConfigurationError(
                f"storage_options must hold no secrets, which would be written into the job's description, and {path} "
                f'looks like one: put it into the environment of the workers, such as FSSPEC_{protocol.upper()} as JSON'
            )


def _find_secrets(value: Any, path: str) -> Iterator[str]:
    """Where something stands that looks like a secret, as `s3.client_kwargs.aws_session_token`."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            inner_path = f'{path}.{name}'
            if _SECRET_NAME.search(str(name)) and not isinstance(inner, bool | None):
                yield inner_path
            yield from _find_secrets(inner, inner_path)
    elif isinstance(value, list):
        for inner in value:
            yield from _find_secrets(inner, path)
    elif isinstance(value, str) and _SECRET_IN_URL.search(value):
        yield path
