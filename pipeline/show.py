"""Show: one row of a run, closely, as a shell script.

What is told of the row stands in comments, so that the output can be kept, changed and run: its commands send what the
job would send.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_image_edit.pipeline.curl import pictures_of, to_curl
from beam_image_edit.pipeline.flags import PROGRAM
from beam_image_edit.pipeline.past_job import read_past_job, read_summary
from beam_image_edit.pipeline.past_row import PastCall, PastCalls, PastRow, find_record, find_row
from beam_image_edit.pipeline.report.cards import shorten
from beam_image_edit.pipeline.report.geometry import name_ratio
from beam_image_edit.transforms.counts import show_count, show_some
from beam_image_edit.transforms.errors import BrokenPicture, ConfigurationError, InvalidInput, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.image_files import find_damage
from beam_image_edit.transforms.json_text import escape_invisible
from beam_image_edit.transforms.pictures import identify
from beam_image_edit.transforms.rows import is_url
from beam_image_edit.transforms.storage import Storage

_SHOWN_OF_A_NAME = 12
_SHOWN_OF_A_TEXT = 4_000
_SHOWN_ROWS = 10


def show_row(cache_path: str, wanted: str, options: StorageOptions | None = None) -> str:
    """A row, its images, its purchases, and its requests as curl commands.

    Args:
        cache_path: where a run has written its results.
        wanted: the row's index or id.
        options: of file systems; see `file_systems`.

    Raises:
        ConfigurationError: there are no results, or no such row.
        StorageError: they can't be read.
    """
    storage = Storage(cache_path, options)
    row, others = _find_row(storage, wanted)
    try:
        lines = [*_tell_others(others, wanted), *_describe_row(storage, row), *_describe_purchases(storage, row)]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        problem = f'{type(error).__name__}: {error}'
        raise StorageError(f'row {row.index} of the manifest can not be read: {problem}') from error
    if row.unusable_line is not None:
        # What is wrong with it stands in its status; as a row it would be told to lack images.
        return '\n'.join([*lines, '', _comment('nothing can be sent for a line that is no row')]) + '\n'
    try:
        lines += _write_requests(_open_calls(storage, row), row, cache_path)
    except (InvalidInput, BrokenPicture, ConfigurationError, StorageError) as error:
        lines += ['', _comment(f'nothing further can be sent for it: {error}')]
    return '\n'.join(lines) + '\n'


def read_picture(cache_path: str, wanted: str, sha256: str, options: StorageOptions | None = None) -> bytes:
    """The bytes of a picture as a row's requests send it.

    Args:
        cache_path: as for `show_row`.
        wanted: as for `show_row`.
        sha256: the picture's.
        options: as for `show_row`.

    Raises:
        ConfigurationError: the row sends no such picture.
        InvalidInput: nothing can be sent for the row.
        StorageError: as `show_row`.
    """
    storage = Storage(cache_path, options)
    for call in _open_calls(storage, _find_row(storage, wanted)[0]).list():
        content = pictures_of(call.request).get(sha256)
        if content is not None:
            return content
    raise ConfigurationError(f'row {wanted} sends no picture with the sha256 {sha256}')


def _find_row(storage: Storage, wanted: str) -> tuple[PastRow, list[int]]:
    names = [name for name in read_summary(storage)['manifest'] if name.endswith('.jsonl')]
    return find_row(storage, names, wanted)


def _open_calls(storage: Storage, row: PastRow) -> PastCalls:
    job = read_past_job(storage, read_summary(storage)['run_id'])
    if job is None:
        raise ConfigurationError('the flags of its run were not kept')
    return PastCalls(storage, job, row)


def _tell_others(others: Sequence[int], wanted: str) -> Iterator[str]:
    if others:
        named = show_some(others, _SHOWN_ROWS)
        yield _comment(f'the id {wanted} is that of another row too: give its index, {named}')


def _describe_row(storage: Storage, row: PastRow) -> Iterator[str]:
    edit = row.edit
    row_id = row.members.get('id')
    yield _comment(f'row {row.index} of {storage.root}' + (f', id {row_id}' if row_id is not None else ''))
    yield _comment(f'text       {shorten(row.own_text, _SHOWN_OF_A_TEXT)}')
    yield _comment(f'status     {edit["status"]}' + (f': {edit["error"]}' if edit['error'] else ''))
    if edit['model']:
        yield _comment(f'model      {edit["model_version"] or edit["model"]} ({edit["api_format"]})')
        yield _comment(f'calls      {edit["attempts"]} sent, {_name_cost(edit["cost_usd"])}, {edit["latency_s"]} s')
    for source in edit['sources']:
        yield _comment(f'{source["place"]:10} {_name_picture(source)}')
    for conversion in edit['conversions']:
        yield _comment(f'converted  {conversion}')
    for place, image in zip(row.results, edit['images'], strict=False):
        yield _comment(f'turn {image["turn"] + 1:<5} {place}, {_name_picture(image)}')


def _describe_purchases(storage: Storage, row: PastRow) -> Iterator[str]:
    for key in row.edit['request_keys']:
        record = find_record(storage, key)
        if record is None:
            yield _comment(f'purchase   {key}: the ledger has no record of it')
            continue
        yield _comment(f'purchase   {key}: {record.status}, {_name_cost(record.cost_usd)}')
        for attempt in record.attempts:
            ending = f', ended with: {attempt.error}' if attempt.error else ''
            yield _comment(
                f'           attempt {attempt.number}, run {attempt.run_id}, billed: {attempt.billed}{ending}'
            )
        damage = find_damage(storage, record.images, is_reading=True)
        if damage:
            yield _comment(f'           {damage}; put it back, or buy it again with --repair')


def _write_requests(calls: PastCalls, row: PastRow, cache_path: str) -> Iterator[str]:
    files = dict(calls.local_files())
    has_several = any(step.sample_number for step in calls.calls.steps())
    for call in calls.list():
        yield ''
        yield _comment(
            f'turn {call.step.turn + 1}'
            + (f', call {call.step.sample_number + 1}' if has_several else '')
            + _compare(call, row)
        )
        for sha256, content in pictures_of(call.request).items():
            if sha256 not in files:
                # What is no file of this machine, or was converted, is written into one first.
                files[sha256] = f'picture-{sha256[:_SHOWN_OF_A_NAME]}.{identify(content).extension}'
                words = [PROGRAM, 'show', cache_path if is_url(cache_path) else str(Path(cache_path).absolute())]
                command = shlex.join([*words, str(row.index), '--picture', sha256])
                yield f'{command} > {files[sha256]}'
        yield to_curl(call.request, calls.key_headers, files)
        if call.record:
            files |= calls.local_results(call.record)


def _compare(call: PastCall, row: PastRow) -> str:
    if call.key in row.edit['request_keys']:
        return ', the request that was sent'
    if row.edit['request_keys']:
        return ': another request than was sent, since the row, an image or the flags have changed'
    return ', not sent yet'


def _name_picture(picture: Mapping[str, Any]) -> str:
    size = (picture['width'] or 0, picture['height'] or 0)
    return f'{size[0]}x{size[1]} ({name_ratio(size)}), {picture["mime"]}, {show_count(picture["bytes"], "byte")}'


def _name_cost(cost_usd: float | None) -> str:
    return 'cost not known' if cost_usd is None else f'${cost_usd:.4f}'


def _comment(text: str) -> str:
    # On one line, whatever is in it.
    return f'# {escape_invisible(text)}'
