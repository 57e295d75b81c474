"""Rows out of a folder: one for each image that a glob names, all with the same instructions.

They are written as JSONL into the output folder, where a job can be repeated from them, or its rows be changed by hand.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem

FILE = 'image_rows.jsonl'
# What the job itself writes, which a glob over a folder above it names too: edits of edits, more with each run.
_OUTPUTS = re.compile(r'(sample_[^/]*|report|ledger|export)/|(manifest|summary|dry_run|image_rows)[^/]*$')
_WILDCARD = re.compile('[*?[]')


def write_image_rows(config: JobConfig) -> JobConfig:
    """The job with its rows written, if it is one over images; else as it is.

    Raises:
        ConfigurationError: the glob names no file, or can't be listed.
        StorageError: the rows can't be written.
    """
    if config.images is None:
        return config
    rows = list(make_rows(config))
    if not rows:
        raise ConfigurationError(f'--images {config.images} names nothing but what the job itself has written')
    storage = config.editor.open_storage()
    with storage.replace(FILE) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode('utf-8', 'surrogatepass') + b'\n')
    return replace(config, input=storage.url(FILE))


def make_rows(config: JobConfig) -> Iterator[dict[str, Any]]:
    """A row for each image of a job, sorted by place; its id is the path below the folder before the first wildcard.

    Raises:
        ConfigurationError: the glob names no file, or can't be listed.
    """
    fields = config.editor.fields
    cache_path = _to_place(config.editor.cache_path, config)
    for place, path in find_images(config.images or '', config.editor.storage_options).items():
        if place.startswith(f'{cache_path}/') and _OUTPUTS.match(place.removeprefix(f'{cache_path}/')):
            continue
        yield {
            'id': path.rpartition('.')[0] or path,
            fields.images: place,
            fields.conversations: [{'role': 'user', 'content': text} for text in config.instructions],
        }


def _to_place(url: str, config: JobConfig) -> str:
    """A folder as `find_images` writes places."""
    filesystem, path = open_filesystem(url, config.editor.storage_options)
    place = path if isinstance(filesystem, LocalFileSystem) else filesystem.unstrip_protocol(path)
    return place.rstrip('/')


def find_images(glob: str, options: StorageOptions | None = None) -> dict[str, str]:
    """The files that a path, a URL or a glob names, sorted: absolute paths or URLs, each with its path below the glob.

    Raises:
        ConfigurationError: there is none, it is a folder, or the place can't be reached.
    """
    filesystem, path = open_filesystem(glob, options)
    try:
        is_glob = not filesystem.exists(path)  # a name that looks like a glob may be a file's own
        found = filesystem.glob(path, detail=True) if is_glob else {path: filesystem.info(path)}
    except Exception as error:  # each store's library has its own errors
        raise ConfigurationError(f'--images {glob} can not be listed: {error}') from error
    names = sorted(name for name, entry in found.items() if entry['type'] == 'file')
    if not names and found:
        raise ConfigurationError(f'--images {glob} is a folder: give a glob such as {glob.rstrip("/")}/*.jpg')
    if not names:
        hint = ' ([…] stands for one of some characters: write [[] for a [ in a name)' if '[' in glob else ''
        raise ConfigurationError(f'--images {glob}: there is no such file; give the path of an image, or a glob{hint}')
    fixed = _WILDCARD.split(path)[0] if is_glob else path
    folder = fixed[: fixed.rfind('/') + 1]
    is_local = isinstance(filesystem, LocalFileSystem)
    return {name if is_local else filesystem.unstrip_protocol(name): name.removeprefix(folder) for name in names}
