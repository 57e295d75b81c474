"""The contact sheet's files: the page, its thumbnails, and the rows in scripts of a few each.

A page of 100,000 rows must not hold them all. It loads an index of a few values for each row, in blocks, by which it
filters and sorts, and the cards of the rows that it shows. Nothing is held here either but the pages at work.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import islice
from typing import Any
from urllib.parse import quote

from beam_image_edit.pipeline.display import Display
from beam_image_edit.pipeline.past_job import read_past_job, read_summary
from beam_image_edit.pipeline.report.cards import Row, ShownPicture, list_results, list_sources, make_card
from beam_image_edit.pipeline.report.index import Index
from beam_image_edit.pipeline.report.places import REPORT_FOLDER, Place, SourcePlaces, result_path
from beam_image_edit.pipeline.report.rows import count_rows, read_rows
from beam_image_edit.pipeline.report.scripts import write_script
from beam_image_edit.pipeline.report.thumbnails import Thumbnails
from beam_image_edit.transforms.counts import show_count
from beam_image_edit.transforms.errors import StorageError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.inputs import InputReader, shorten
from beam_image_edit.transforms.storage import Storage

ROWS_PER_PAGE = 50
_ROWS_PER_BLOCK = 10_000
# So that pictures are always being made while the oldest page waits for its last one.
_PAGES_AT_WORK = 8
_STATIC = (
    'index.html',
    'report.css',
    'elements.js',
    'rows.js',
    'compare.js',
    'cards.js',
    'plots.js',
    'viewer.js',
    'panel.js',
    'sheet.js',
)
_CONTENT = f'{REPORT_FOLDER}/content'
_PAGE_NAME = re.compile(r'(rows|index)-\d+\.js')
# Shorter than a job's: a report can do without a picture.
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 60.0


def write_report(
    cache_path: str,
    most_new: int | None = None,
    options: StorageOptions | None = None,
    is_showing_progress: bool = False,
) -> str:
    """Writes the contact sheet of what is under a cache path, in place of an earlier one.

    Args:
        cache_path: where a job has written its results, any fsspec URL.
        most_new: how many thumbnails are made at the most; None: all that are missing.
        options: of file systems; see `file_systems`.
        is_showing_progress: whether it is told on stderr how far it is.

    Returns:
        The place of the page.

    Raises:
        ConfigurationError: there are no results.
        StorageError: the store fails.
    """
    storage = Storage(cache_path, options)
    summary = read_summary(storage)
    job = read_past_job(storage, summary['run_id'])
    reader = InputReader(
        connect_timeout_s=_CONNECT_TIMEOUT_S,
        read_timeout_s=_READ_TIMEOUT_S,
        image_root=job.editor.image_root if job else None,
        storage_options=options,
    )
    rows = sum(summary['rows'].values())
    names = [name for name in summary['manifest'] if name.endswith('.parquet')]
    found = count_rows(storage, names)
    if found != rows:
        raise StorageError(
            f'{storage.url("summary.json")} tells of {show_count(rows, "row")}, and the manifest has {found:,}: run '
            'the job again, which costs nothing for what was bought'
        )
    # More threads than processors: half of their time goes by with reading.
    pool = ThreadPoolExecutor(thread_name_prefix='report')
    try:
        thumbnails = Thumbnails(storage, pool, most_new)
        sheet = ContactSheet(storage, SourcePlaces(job, cache_path, options), reader, thumbnails, ROWS_PER_PAGE, rows)
        with Display(is_showing_progress, sheet.describe_progress):
            sheet.write(read_rows(storage, names), summary)
    finally:
        # After a failure or Ctrl-C nobody waits for pictures that are in the queue.
        pool.shutdown(cancel_futures=True)
    return storage.url(f'{REPORT_FOLDER}/index.html')


@dataclass(frozen=True, slots=True)
class _Page:
    """Some rows whose thumbnails are being made."""

    rows: tuple[Row, ...]
    pictures: tuple[tuple[list[ShownPicture], list[ShownPicture]], ...]
    thumbnails: Mapping[str, Future[str | None]]


class ContactSheet:
    """Writes a report's files.

    Args:
        storage: the cache path.
        places: where source images are.
        reader: reads them.
        thumbnails: makes pictures small.
        rows_per_page: how many rows a script holds.
        rows: how many there are in all.
    """

    def __init__(
        self,
        storage: Storage,
        places: SourcePlaces,
        reader: InputReader,
        thumbnails: Thumbnails,
        rows_per_page: int,
        rows: int,
    ) -> None:
        self._storage = storage
        self._places = places
        self._reader = reader
        self._thumbnails = thumbnails
        self._rows_per_page = rows_per_page
        self._rows = rows
        self._rows_written = 0

    def describe_progress(self) -> str:
        """How far it is, in one line."""
        made = show_count(self._thumbnails.made, 'new thumbnail')
        return f'report: {self._rows_written:,} of {show_count(self._rows, "row")}, {made}'

    def write(self, rows: Iterable[Row], summary: Mapping[str, Any]) -> None:
        """Writes the report; what an earlier one had more is removed, and the page begins with what is written last."""
        index = Index(_ROWS_PER_BLOCK)
        written = []
        for number, cards in enumerate(self._make_pages(iter(rows), index)):
            written.append(self._write(f'rows-{number:05}.js', 'addRows', number, cards))
            self._rows_written += len(cards)
            for block, columns in index.take_full_blocks():
                written.append(self._write(f'index-{block:03}.js', 'addIndex', block, columns))
        for block, columns in index.take_rest():
            written.append(self._write(f'index-{block:03}.js', 'addIndex', block, columns))
        for name in _STATIC:
            content = files('beam_image_edit.pipeline.report').joinpath('static', name).read_bytes()
            self._storage.write(f'{REPORT_FOLDER}/{name}', content, is_durable=False)
        totals = {
            'title': shorten(self._storage.root),
            'rowsPerPage': self._rows_per_page,
            'rowsPerBlock': _ROWS_PER_BLOCK,
            **index.totals(),
            'summary': {name: value for name, value in summary.items() if name not in ('run_id', 'manifest')},
        }
        self._write('begin.js', 'begin', totals)
        for name in self._storage.list(_CONTENT):
            if _PAGE_NAME.fullmatch(name) and name not in written:
                self._storage.delete(f'{_CONTENT}/{name}')

    def _make_pages(self, rows: Iterator[Row], index: Index) -> Iterator[list[dict[str, Any]]]:
        """The cards of one page after the other; a few pages' thumbnails are made at a time."""
        at_work: deque[_Page] = deque()
        while page_rows := tuple(islice(rows, self._rows_per_page)):
            at_work.append(self._begin_page(page_rows))
            if len(at_work) == _PAGES_AT_WORK:
                yield _finish_page(at_work.popleft(), index)
        while at_work:
            yield _finish_page(at_work.popleft(), index)

    def _begin_page(self, rows: tuple[Row, ...]) -> _Page:
        pictures = tuple(self._list_pictures(row) for row in rows)
        thumbnails = {}
        for sources, results in pictures:
            for picture in sources:
                thumbnails[picture.sha256] = self._request(picture, partial(self._reader.read, picture.place.url))
            for picture in results:
                thumbnails[picture.sha256] = self._request(picture, partial(self._read_result, picture.place.url))
        return _Page(rows, pictures, thumbnails)

    def _list_pictures(self, row: Row) -> tuple[list[ShownPicture], list[ShownPicture]]:
        sources = list_sources(row, partial(self._places.find, row['index']))
        return sources, list_results(row, sources, _place_of_result)

    def _request(self, picture: ShownPicture, read: Any) -> Future[str | None]:
        return self._thumbnails.request(picture.sha256, picture.size[0] * picture.size[1], read)

    def _read_result(self, path: str) -> bytes:
        content = self._storage.read(path)
        if content is None:
            raise StorageError(f'{self._storage.url(path)} is gone')
        return content

    def _write(self, name: str, function: str, *values: Any) -> str:
        self._storage.write(f'{_CONTENT}/{name}', write_script(function, *values), is_durable=False)
        return name


def _finish_page(page: _Page, index: Index) -> list[dict[str, Any]]:
    missing = {sha256: future.result() for sha256, future in page.thumbnails.items()}
    cards = []
    for row, (sources, results) in zip(page.rows, page.pictures, strict=True):
        index.add(row, results)
        cards.append(make_card(row, sources, results, missing))
    return cards


def _place_of_result(location: str) -> Place:
    path = result_path(location)
    return Place(path, path, quote(f'../{path}'))
