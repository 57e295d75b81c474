"""Globs: what a path or a pattern names on any file system, as a shell would read it.

Wildcards take no hidden files: no `._photo.jpg` or `.DS_Store` that a Mac has left, nothing out of `.git`. A pattern
that names the dot itself does.
"""

import re
from typing import Any

import fsspec

_WILDCARD = re.compile('[*?[]')


def list_matches(file_system: fsspec.AbstractFileSystem, path: str) -> dict[str, dict[str, Any]]:
    """What a path or a glob names, files and folders, by name; nothing if nothing is there.

    Raises:
        Exception: whatever the store's library raises if the place can't be reached.
    """
    try:
        return {path: file_system.info(path)}  # a name that looks like a glob may be a file's own
    except (FileNotFoundError, NotADirectoryError):
        if not is_glob(path):
            return {}
    is_seen = _compile_names(path)
    return {
        name: entry
        for name, entry in file_system.glob(path, detail=True).items()
        if is_seen.fullmatch(f'{name.rstrip("/")}/')
    }


def is_glob(path: str) -> bool:
    """Whether a path holds a wildcard."""
    return _WILDCARD.search(path) is not None


def fixed_folder(path: str) -> str:
    """The folder in which a path's name stands, or before a glob's first wildcard, with the slash at its end.

    >>> fixed_folder('photos/trips/2024-*/*.jpg')
    'photos/trips/'
    """
    fixed = _WILDCARD.split(path)[0]
    return fixed[: fixed.rfind('/') + 1]


def explain_nothing(pattern: str) -> str:
    """Why there may be nothing that a path or a glob names.

    >>> explain_nothing('*.{jpg,png}')
    'the glob matches no file; braces are not expanded: give one glob for each'
    """
    reason = 'the glob matches no file' if is_glob(pattern) else 'there is no such file'
    if '{' in pattern:
        return f'{reason}; braces are not expanded: give one glob for each'
    if '[' in pattern:
        return f'{reason}; […] stands for one of some characters: write [[] for a [ in a name'
    return reason


def _compile_names(glob: str) -> re.Pattern[str]:
    """Fits all names, with a slash at their end, that are as deep as a glob allows and hidden only where it is."""
    folder = fixed_folder(glob)
    return re.compile(re.escape(folder) + ''.join(map(_compile_step, glob.removeprefix(folder).split('/'))), re.DOTALL)


def _compile_step(step: str) -> str:
    if step == '**':
        return r'(?:(?!\.)[^/]+/)*'
    return r'[^/]+/' if step.startswith('.') else r'(?!\.)[^/]+/'
