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

FILE = 'rows.jsonl'
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
    for place, path in find_images(config.images or '', config.editor.storage_options).items():
        yield {
            'id': path.rpartition('.')[0] or path,
            fields.images: place,
            fields.conversations: [{'role': 'user', 'content': text} for text in config.instructions],
        }


def find_images(glob: str, options: StorageOptions | None = None) -> dict[str, str]:
    """The files that a path, a URL or a glob names, sorted: absolute paths or URLs, each with its path below the glob.

    Raises:
        ConfigurationError: there is none, it is a folder, or the place can't be reached.
    """
    filesystem, path = open_filesystem(glob, options)
    try:
        is_glob = not filesystem.exists(path)  # a name that looks like a glob may be a file's own
        found = filesystem.glob(path, detail=True) if is_glob else {path: filesystem.info(path)}
    except OSError as error:
        raise ConfigurationError(f'--images {glob} can not be listed: {error}') from error
    names = sorted(name for name, entry in found.items() if entry['type'] == 'file')
    if not names and found:
        raise ConfigurationError(f'--images {glob} is a folder: give a glob such as {glob.rstrip("/")}/*.jpg')
    if not names:
        raise ConfigurationError(f'--images {glob}: there is no such file; give the path of an image, or a glob')
    fixed = _WILDCARD.split(path)[0] if is_glob else path
    folder = fixed[: fixed.rfind('/') + 1]
    is_local = isinstance(filesystem, LocalFileSystem)
    return {name if is_local else filesystem.unstrip_protocol(name): name.removeprefix(folder) for name in names}
