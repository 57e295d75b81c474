"""A past job: what a run was asked for, kept beside its results for whoever looks at them later.

A row of the manifest names its images as its author did, relative to a file that may lie anywhere, and says nothing of
the flags that the run had. This file does. It holds no key, and not even the name of the variable that held it.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.transforms.editor_config import EditorConfig
from beam_image_edit.transforms.errors import ConfigurationError, StorageError
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem
from beam_image_edit.transforms.input_files import InputFile, list_files
from beam_image_edit.transforms.lines import list_ranges
from beam_image_edit.transforms.read_samples import count_rows, plan_blocks
from beam_image_edit.transforms.rows import Parameters, RowFields
from beam_image_edit.transforms.storage import Storage

_KEPT = ('api_format', 'cache_path', 'model_name', 'base_url', 'image_root', 'is_matching_aspect')


@dataclass(frozen=True, slots=True)
class PastJob:
    """What a run was asked for, as far as its results depend on it.

    Attributes:
        input: its JSONL files, a local path made absolute.
        editor: its editor's configuration; only what `_KEPT` names, the rows' fields and the parameters are the run's.
    """

    input: str
    editor: EditorConfig

    def write(self, storage: Storage, run_id: str) -> None:
        """Keeps it for a run; raises StorageError."""
        kept = {name: getattr(self.editor, name) for name in _KEPT}
        content = {
            'input': _make_absolute(self.input),
            **kept,
            'fields': asdict(self.editor.fields),
            'parameters': asdict(self.editor.parameters),
        }
        storage.write(_path_of(run_id), json.dumps(content, indent=2).encode(), is_durable=False)


def read_summary(storage: Storage) -> dict[str, Any]:
    """The summary of the run that wrote the manifest.

    Raises:
        ConfigurationError: there is none.
        StorageError: it can't be read.
    """
    place = storage.url('summary.json')
    content = storage.read('summary.json')
    if content is None:
        raise ConfigurationError(
            f'{place}: there is no such file; a run writes it at its end: '
            'give the folder of another one, or run its command again'
        )
    try:
        summary: dict[str, Any] = json.loads(content)
        _ = summary['run_id'], summary['manifest'], summary['rows']
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f'{place} can not be read: {error}') from error
    return summary


def read_past_job(storage: Storage, run_id: str) -> PastJob | None:
    """What a run was asked for; None if that was not kept, as by a job that uses the transforms alone.

    Raises:
        StorageError: the store fails.
    """
    content = storage.read(_path_of(run_id))
    if content is None:
        return None
    try:
        return _from_json(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f'{storage.url(_path_of(run_id))} can not be read: {error}') from error


class RowFolders:
    """Where each row's relative paths start.

    Args:
        folders: each with the index of the first row that starts there, in order.
    """

    def __init__(self, folders: Mapping[int, str]) -> None:
        self._starts = list(folders)
        self._folders = list(folders.values())

    def of(self, index: int) -> str:
        """The folder of the file that a row is in.

        >>> RowFolders({0: '/rows/a', 100: '/rows/b'}).of(99)
        '/rows/a'
        """
        return self._folders[bisect_right(self._starts, index) - 1]


def find_row_folders(pattern: str, options: StorageOptions | None = None) -> RowFolders:
    """The folders of a job's rows; rows of several folders are counted once more to know which are whose."""
    try:
        folders = {file.folder for file in list_files(pattern, options)}
    except ConfigurationError:  # the rows are gone, but their images may be there
        folders = {InputFile(pattern, None).folder}
    if len(folders) == 1:
        return RowFolders({0: folders.pop()})
    begins: dict[int, str] = {0: ''}
    for block in plan_blocks(count_rows(part, 'id') for part in list_ranges(pattern, storage_options=options)):
        if block.first_index == 0 or begins[max(begins)] != block.file.folder:
            begins[block.first_index] = block.file.folder
    return RowFolders(begins)


def _from_json(content: Mapping[str, Any]) -> PastJob:
    # What a later version has added is left out.
    parameters = {each.name: content['parameters'][each.name] for each in fields(Parameters)}
    editor = EditorConfig(
        **{name: content[name] for name in _KEPT if name in content},
        fields=RowFields(**content['fields']),
        parameters=Parameters(**parameters),
    )
    return PastJob(content['input'], editor)


def _make_absolute(pattern: str) -> str:
    file_system, path = open_filesystem(pattern)
    return path if isinstance(file_system, LocalFileSystem) else pattern


def _path_of(run_id: str) -> str:
    return f'ledger/runs/{run_id}/job.json'
