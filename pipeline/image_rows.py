"""Rows out of folders: one for each image that the globs name, all with the same instructions.

They are written as JSONL into the output folder, where a job can be repeated from them, or its rows be changed by hand.
"""

import json
import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from beam_image_edit.pipeline.command_line import JobConfig
from beam_image_edit.pipeline.image_listings import list_images, show_endings, to_place
from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import open_filesystem

FILE = 'image_rows.jsonl'
# What a job writes, which a glob over a folder above it names too: edits of edits, more with each run.
_OUTPUTS = re.compile(r'(sample_[^/]*|report|ledger|export)/|(manifest|summary|dry_run|image_rows)[^/]*$')
_log = logging.getLogger(__name__)


def write_image_rows(config: JobConfig) -> JobConfig:
    """The job with its rows written, if it is one over images; else as it is.

    Raises:
        ConfigurationError: a glob names no file, or can't be listed.
        StorageError: the rows can't be written.
    """
    if not config.images:
        return config
    rows = list(make_rows(config))
    if not rows:
        raise ConfigurationError(f'--images {" ".join(config.images)} names nothing but what jobs have written')
    storage = config.editor.open_storage()
    with storage.replace(FILE) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode('utf-8', 'surrogatepass') + b'\n')
    return replace(config, input=storage.url(FILE))


def make_rows(config: JobConfig) -> Iterator[dict[str, Any]]:
    """A row for each image of a job, sorted by place; its id is the path below the folder before the first wildcard.

    Raises:
        ConfigurationError: a glob names no file, or can't be listed.
    """
    fields = config.editor.fields
    for place, path in sorted(find_images(config).items()):
        yield {
            'id': path.rpartition('.')[0] or path,
            fields.images: place,
            fields.conversations: [{'role': 'user', 'content': text} for text in config.instructions],
        }


def find_images(config: JobConfig) -> dict[str, str]:
    """The places of a job's images, each once, with its path below the first glob that names it.

    What this job or another has written is no image. Warns of what one may believe to be taken.

    Raises:
        ConfigurationError: a glob names no file, or can't be listed.
    """
    listings = [list_images(glob, config.editor.storage_options) for glob in config.images]
    found = {place: path for listing in reversed(listings) for place, path in listing.images.items()}
    own = _find_cache_path(config)
    outputs = {own}.union(*(listing.runs for listing in listings))
    written = {place: output for place in found if (output := _find_output(place, outputs))}
    for folder in sorted({*written.values()} - {own}):
        _log.warning('%s is the output of another job: what it has written there is left out', folder)
    beside = {place for listing in listings for place in listing.others} - found.keys()
    others = [place for place in beside if not _find_output(place, outputs)]
    if others:
        _log.warning(
            'left out %s beside those of --images %s, whose endings do not match: %s; a further --images takes them',
            show_count(len(others), 'other picture'),
            ' '.join(config.images),
            show_endings(others),
        )
    return {place: path for place, path in found.items() if place not in written}


def _find_cache_path(config: JobConfig) -> str:
    file_system, path = open_filesystem(config.editor.cache_path, config.editor.storage_options)
    return to_place(file_system, path).rstrip('/')


def _find_output(place: str, outputs: Collection[str]) -> str | None:
    """The output folder that a file belongs to, if a job has written it."""
    return next(
        (
            output
            for output in outputs
            if place.startswith(f'{output}/') and _OUTPUTS.match(place.removeprefix(f'{output}/'))
        ),
        None,
    )
