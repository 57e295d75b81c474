"""Rows out of a folder: one for each image that a glob names, all with the same instructions.

They are written as JSONL into the output folder, where a job can be repeated from them, or its rows be changed by hand.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.storage import Storage, open_filesystem

FILE = 'rows.jsonl'
_MAGIC = '*?['


def write_image_rows(config: JobConfig) -> JobConfig:
    """The job with its rows written, if it is one over images; else as it is.

    Raises:
        ConfigurationError: the glob names no file, or can't be listed.
        StorageError: the rows can't be written.
    """
    if config.images is None:
        return config
    rows = list(make_rows(config))
    storage = Storage(config.editor.cache_path)
    with storage.replace(FILE) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode('utf-8', 'surrogatepass') + b'\n')
    return replace(config, input=storage.url(FILE))


def make_rows(config: JobConfig) -> Iterator[dict[str, Any]]:
    """A row for each image of a job, sorted by place; its id is the image's path below the glob's first wildcard.

    Raises:
        ConfigurationError: the glob names no file, or can't be listed.
    """
    fields = config.editor.fields
    glob = config.images or ''
    places = find_images(glob)
    shared = _fixed_part(glob, places)
    for place in places:
        yield {
            'id': place.removeprefix(shared).rpartition('.')[0] or place.removeprefix(shared),
            fields.images: place,
            fields.conversations: [{'role': 'user', 'content': text} for text in config.instructions],
        }


def find_images(glob: str) -> list[str]:
    """The files that a path, a URL or a glob names: absolute paths or URLs, sorted.

    Raises:
        ConfigurationError: there is none, it is a folder, or the place can't be reached.
    """
    filesystem, path = open_filesystem(glob)
    try:
        if filesystem.exists(path):  # a name that looks like a glob may be a file's own
            found = {path: filesystem.info(path)}
        else:
            found = filesystem.glob(path, detail=True) if set(_MAGIC) & set(path) else {}
    except OSError as error:
        raise ConfigurationError(f'--images {glob} can not be listed: {error}') from error
    names = sorted(name for name, entry in found.items() if entry['type'] == 'file')
    if not names and found:
        raise ConfigurationError(f'--images {glob} is a folder: give a glob such as {glob.rstrip("/")}/*.jpg')
    if not names:
        raise ConfigurationError(f'--images {glob}: there is no such file; give the path of an image, or a glob')
    is_local = isinstance(filesystem, LocalFileSystem)
    return [name if is_local else filesystem.unstrip_protocol(name) for name in names]


def _fixed_part(glob: str, places: list[str]) -> str:
    """What all places begin with: the folder before the glob's first wildcard."""
    filesystem, path = open_filesystem(glob)
    is_glob = len(places) > 1 or path not in map(filesystem._strip_protocol, places)  # noqa: SLF001
    first = min((path.find(mark) for mark in _MAGIC if mark in path), default=len(path)) if is_glob else len(path)
    folder = path[:first].rpartition('/')[0]
    place = folder if isinstance(filesystem, LocalFileSystem) else filesystem.unstrip_protocol(folder)
    return f'{Path(place).as_posix() if isinstance(filesystem, LocalFileSystem) else place}/'
