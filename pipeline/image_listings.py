"""Listings: the files that a glob of images names, and what lies beside them that matters.

A glob rarely says all that its author means: `*.jpg` takes no `.JPG` and no `.png`, and `**` takes what other runs have
made out of such images.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from beam_image_edit.transforms.errors import ConfigurationError
from beam_image_edit.transforms.file_systems import StorageOptions, open_filesystem
from beam_image_edit.transforms.globs import explain_nothing, fixed_folder, is_glob, list_matches
from beam_image_edit.transforms.pictures import list_extensions

# Besides its ledger, what a run has when it has ended.
_LEDGER = re.compile('(.+?)/ledger(/|$)')
_RESULTS = ('manifest.jsonl', 'summary.json')


@dataclass(frozen=True, slots=True)
class Listing:
    """What a glob names. Places are absolute paths or URLs.

    Attributes:
        images: the files' places, each with its path below the folder before the glob's first wildcard.
        others: the places of pictures in the same folders whose ending no file of the glob has.
        runs: the places of folders below the glob's own that are the output of a run.
    """

    images: dict[str, str]
    others: frozenset[str]
    runs: frozenset[str]


def list_images(glob: str, options: StorageOptions | None = None) -> Listing:
    """Lists the files that a path, a URL or a glob names; looks at names only.

    Raises:
        ConfigurationError: there is none, it is a folder, or the place can't be reached.
    """
    file_system, path = open_filesystem(glob, options)
    parent, _, name = path.rpartition('/')
    try:
        found = list_matches(file_system, path)
        is_named = path in found or not is_glob(path)
        folder = f'{parent}/' if is_named else fixed_folder(path)
        beside = list_matches(file_system, f'{parent}/*') if is_glob(name) and not is_named else {}
        runs = _find_runs(file_system, folder, beside)
    except Exception as error:  # each store's library has its own errors
        raise ConfigurationError(f'--images {glob} can not be listed: {error}') from error
    files = [name for name, entry in found.items() if entry['type'] == 'file']
    others = _find_others(files, [name for name, entry in beside.items() if entry['type'] == 'file'])
    if not files and found:
        raise ConfigurationError(f'--images {glob} is a folder: give a glob such as {glob.rstrip("/")}/*.jpg')
    if not files:
        further = ', by further --images' if '{' in glob else ''
        there = f'; there are {show_endings(others)}' if others else ''
        raise ConfigurationError(f'--images {glob}: {explain_nothing(glob)}{further}{there}')
    return Listing(
        {to_place(file_system, name): name.removeprefix(folder) for name in files},
        frozenset(to_place(file_system, name) for name in others),
        frozenset(to_place(file_system, name) for name in runs),
    )


def to_place(file_system: fsspec.AbstractFileSystem, name: str) -> str:
    """The absolute path or the URL of what a file system calls so."""
    return name if isinstance(file_system, LocalFileSystem) else str(file_system.unstrip_protocol(name))


def show_endings(places: Iterable[str]) -> str:
    """How many files of each ending there are, as it is written, the most frequent first.

    >>> show_endings(['photos/a.png', 'photos/b.JPG', 'photos/c.JPG'])
    '2 .JPG, 1 .png'
    """
    counts = Counter(sorted(map(_ending_of, places))).most_common()
    return ', '.join(f'{count:,} {ending}' for ending, count in counts)


def _ending_of(name: str) -> str:
    return PurePosixPath(name).suffix


def _find_others(files: Iterable[str], beside: Iterable[str]) -> list[str]:
    taken = {_ending_of(name) for name in files}
    known = list_extensions()
    return [name for name in beside if _ending_of(name) not in taken and _ending_of(name).lower() in known]


def _find_runs(file_system: fsspec.AbstractFileSystem, folder: str, names: Iterable[str]) -> set[str]:
    holders = {f'{folder}{found[1]}' for name in names if (found := _LEDGER.match(name.removeprefix(folder)))}
    return {holder for holder in holders if any(file_system.exists(f'{holder}/{name}') for name in _RESULTS)}
