"""Places: where the report finds a picture's bytes, and what it links to."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from beam_image_edit.pipeline.past_job import PastJob, RowFolders, find_row_folders
from beam_image_edit.transforms.file_systems import StorageOptions
from beam_image_edit.transforms.inputs import shorten
from beam_image_edit.transforms.rows import is_url, resolve

REPORT_FOLDER = 'report'
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is.

    Attributes:
        url: for reading it.
        name: for people, without what may be secret.
        link: for a page in the report's folder; None where no browser can follow one.
    """

    url: str
    name: str
    link: str | None


class SourcePlaces:
    """Finds the images that a job's rows name.

    Args:
        job: the job; None if nothing is known of it. Then relative paths start at the current folder.
        cache_path: where the report will be.
        options: of file systems; see `file_systems`.
    """

    def __init__(self, job: PastJob | None, cache_path: str, options: StorageOptions | None = None) -> None:
        self._folders = find_row_folders(job.input, options) if job else RowFolders({0: ''})
        self._report = None if is_url(cache_path) else str(Path(cache_path, REPORT_FOLDER).absolute())

    def find(self, index: int, location: str) -> Place:
        """The place of an image.

        Args:
            index: its row's.
            location: as the row names it.
        """
        url = resolve(self._folders.of(index), location)
        return Place(url, shorten(location), link_to(url, self._report))


def link_to(url: str, report: str | None) -> str | None:
    """A link to an image from a page.

    Args:
        url: a path or URL.
        report: the page's folder; None if that is not a local one.

    >>> link_to('/photos/a b.png', '/edited/report'), link_to('https://host/a"b.png', None)
    ('../../photos/a%20b.png', 'https://host/a%22b.png')
    """
    if url[:8].lower().startswith(('http://', 'https://')):
        # What a browser would show beside the address is nobody's business.
        return None if '@' in urlsplit(url).netloc else quote(url, safe=_URL_CHARACTERS)
    if is_url(url) and not url.startswith('file://'):
        return None
    path = str(Path(url.removeprefix('file://')).absolute())
    return quote(os.path.relpath(path, report)) if report else f'file://{quote(path)}'


def result_path(location: str) -> str:
    """Where an edited image is below the cache path, however that was given when it was written.

    >>> result_path('s3://bucket/edited/sample_0/sample_0_0.png')
    'sample_0/sample_0_0.png'
    """
    return '/'.join(location.split('/')[-2:])
