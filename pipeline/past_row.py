"""A past row: one line of a manifest with all that is still known of it, down to the requests that were sent.

The requests are put together anew, by the very code that a job sends them with, from the row's text, the images and
what the ledger keeps. Their request keys tell whether they still are what was bought.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beam_image_edit.pipeline.curl import KEY_VARIABLE
from beam_image_edit.pipeline.past_job import PastJob, find_row_folders
from beam_image_edit.transforms.clients import load_format
from beam_image_edit.transforms.clients.calls import HttpRequest
from beam_image_edit.transforms.clients.client import Endpoint
from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.input_files import InputFile
from beam_image_edit.transforms.input_pictures import InputPictures
from beam_image_edit.transforms.inputs import InputReader
from beam_image_edit.transforms.json_text import parse_object, replace_members
from beam_image_edit.transforms.ledger import ledger_path
from beam_image_edit.transforms.lines import ByteRange, decode_line, read_range, split_lines
from beam_image_edit.transforms.outcomes import EDITED, INVALID_INPUT
from beam_image_edit.transforms.records import Record
from beam_image_edit.transforms.row_calls import Step
from beam_image_edit.transforms.rows import is_url
from beam_image_edit.transforms.sample_calls import find_calls
from beam_image_edit.transforms.samples import Sample
from beam_image_edit.transforms.storage import Storage


@dataclass(frozen=True, slots=True)
class PastRow:
    """A row of a manifest.

    Attributes:
        index: its position.
        text: its line.
        members: what the line says.
    """

    index: int
    text: str
    members: Mapping[str, Any]

    @property
    def edit(self) -> Mapping[str, Any]:
        """What became of it."""
        edit: Mapping[str, Any] = self.members['edit']
        return edit

    @property
    def results(self) -> Sequence[str]:
        """Where its images are."""
        results: Sequence[str] = self.members[self._results_name]
        return results

    @property
    def unusable_line(self) -> str | None:
        """Its author's line where that was no JSON object; None if it was one."""
        own = self.members.keys() - {'edit', self._results_name}
        line = self.members['line'] if own == {'line'} else None
        return line if isinstance(line, str) and self.edit['status'] == INVALID_INPUT else None

    @property
    def own_text(self) -> str:
        """Its line as its author wrote it."""
        if self.unusable_line is not None:
            return self.unusable_line
        return replace_members(self.text, removed=('edit', self._results_name), added={})

    @property
    def _results_name(self) -> str:
        # Just before `edit`, whatever the field is called.
        names = list(self.members)
        return names[names.index('edit') - 1]


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call of a row.

    Attributes:
        step: which.
        key: its request key, as it is now.
        request: what would be sent; None where it depends on a picture that is not there.
        record: what the ledger knows of it; None: nothing was bought.
    """

    step: Step
    key: str
    request: HttpRequest
    record: Record | None


def find_row(storage: Storage, names: list[str], wanted: str) -> tuple[PastRow, list[int]]:
    """A row by its index or, where that is none, by its id; and the indices of others that were met with this id.

    Args:
        storage: the cache path.
        names: of the manifest's files.
        wanted: the index or id.

    Raises:
        ConfigurationError: there is no such row.
        StorageError: the manifest can't be read.
    """
    by_id: list[PastRow] = []
    index = -1
    quoted = wanted.encode('utf-8', 'replace')
    for index, line in enumerate(_read_lines(storage, names)):
        if str(index) == wanted:
            return _to_row(index, line), [row.index for row in by_id]
        # Most lines need not be parsed to know that it is not theirs; an id can be written with escapes.
        if b'"id"' in line and (quoted in line or b'\\' in line):
            row = _to_row(index, line)
            if str(row.members.get('id')) == wanted:
                by_id.append(row)
    if not by_id:
        raise ConfigurationError(
            f'no row has the index or id {wanted!r}: {storage.root} has {show_count(index + 1, "row")}'
        )
    return by_id[0], [row.index for row in by_id[1:]]


class PastCalls:
    """Puts together the requests of a row.

    Args:
        storage: the cache path.
        job: what the run was asked for.
        row: the row.

    Raises:
        InvalidInput: the row or an image can't be used, so that there are none.
    """

    def __init__(self, storage: Storage, job: PastJob, row: PastRow) -> None:
        self._storage = storage
        config = job.editor
        api_format = load_format(config.api_format)
        endpoint = Endpoint(api_format, config.api_format, config.base_url or api_format.default_base_url, KEY_VARIABLE)
        sample = Sample(row.text, row.index, folder=find_row_folders(job.input, storage.options).of(row.index))
        # Nothing is remembered: to look at a row changes nothing.
        pictures = InputPictures(
            InputReader(image_root=config.image_root, storage_options=storage.options),
            Storage('memory://looked-at'),
            is_reading_all=True,
        )
        self.calls = find_calls(
            sample,
            endpoint=endpoint,
            model=config.model,
            fields=config.fields,
            defaults=config.parameters,
            is_matching_aspect=config.is_matching_aspect,
            pictures=pictures,
            read=self.read_image,
        )

    @property
    def key_headers(self) -> Mapping[str, str]:
        """The headers that carry the key, with the variable's name in its place."""
        return self.calls.endpoint.format.auth_headers(KEY_VARIABLE)

    def list(self) -> Iterator[PastCall]:
        """The row's calls in order, up to the first whose request depends on one that brought nothing.

        Raises:
            StorageError: an image that a later turn starts from is gone.
        """
        records: list[tuple[int, Record]] = []
        for step in self.calls.steps():
            previous = records[-1][1] if records else None
            if step.turn and (previous is None or previous.status != EDITED):
                return
            key = self.calls.key(step, previous)
            record = find_record(self._storage, key)
            call = self.calls.call(step, records)
            yield PastCall(step, key, self.calls.endpoint.format.to_request(call, self.calls.endpoint.base_url), record)
            if record:
                records.append((step.turn, record))

    def read_image(self, record: Record, position: int) -> bytes:
        """An image that a record names; raises StorageError if it is gone."""
        path = record.images[position].path
        content = self._storage.read(path)
        if content is None:
            raise StorageError(f'{self._storage.url(path)} was bought, but is gone')
        return content

    def local_files(self) -> Iterator[tuple[str, str]]:
        """The row's pictures that are sent as they are on this machine: sha256 and path."""
        places = [*zip(self.calls.images, self.calls.row.images, strict=True), (self.calls.mask, self.calls.row.mask)]
        for picture, url in places:
            if picture and url and picture.conversion is None and not is_url(url):
                yield picture.sha256, str(Path(url).absolute())

    def local_results(self, record: Record) -> Mapping[str, str]:
        """Likewise the images of a purchase."""
        if is_url(self._storage.root):
            return {}
        return {image.sha256: str(Path(self._storage.url(image.path)).absolute()) for image in record.images}


def find_record(storage: Storage, key: str) -> Record | None:
    """What the ledger knows of a purchase; raises StorageError if it can't be read."""
    content = storage.read(ledger_path(key))
    try:
        return None if content is None else Record.from_json(content)
    except ValueError as error:
        raise StorageError(f'{storage.url(ledger_path(key))} can not be read: {error}') from error


def _read_lines(storage: Storage, names: list[str]) -> Iterator[bytes]:
    for name in names:
        # As a stream; the manifest of 100,000 rows need not be in memory for one of them.
        for _, content in read_range(ByteRange(0, InputFile(storage.url(name), None, storage.options), 0, 0)):
            yield from split_lines(content)


def _to_row(index: int, line: bytes) -> PastRow:
    text, problem = decode_line(line)
    if problem:
        raise StorageError(f'row {index} of the manifest can not be read: {problem}')
    try:
        members = parse_object(text)
    except ValueError as error:
        raise StorageError(f'row {index} of the manifest can not be read: {error}') from error
    if not isinstance(members.get('edit'), dict) or 'error' not in members['edit']:
        raise StorageError(f'row {index} of the manifest can not be read: it has no edit')
    return PastRow(index, text, members)
