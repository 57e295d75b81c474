"""The data set's card: what it holds, in front matter for machines and in words for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_image_edit.transforms.counts import show_count

# The Hugging Face hub's names of sizes: each with the number of rows that it ends before.
_SIZES = {'n<1K': 10**3, '1K<n<10K': 10**4, '10K<n<100K': 10**5, '100K<n<1M': 10**6, '1M<n<10M': 10**7}
_LARGEST_SIZE = '10M<n<100M'
# By format. One loader reads all of a folder, so only one can be what the folder loads as: the first of these.
_HOW_TO_LOAD = {
    'parquet_images': """```python
from datasets import load_dataset

rows = load_dataset('parquet', data_files='parquet_images/*.parquet', split='train')
rows[0]['result_images'][0].show()
```""",
    'webdataset': """```python
import glob

import webdataset

for row in webdataset.WebDataset(sorted(glob.glob('webdataset/*.tar')), shardshuffle=False).decode('pil'):
    print(row['json']['instruction'], row['json']['result_images'])
```""",
}


def make_card(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The card, as Markdown, of a data set that was exported in one or several formats.

    Args:
        summaries: of each export, at least one.
    """
    formats = list(_HOW_TO_LOAD)
    exports = sorted(summaries, key=lambda summary: formats.index(summary['format']))
    parts = (
        ['---', *_to_yaml(_front_matter(exports)), '---', '', '# Edited images', '', _describe(exports[0])],
        *(_describe_files(export) for export in exports),
        [
            '## Licence',
            'Not chosen yet: put yours in place of `license` and `license_name` above. It has to fit to that of the '
            'source images and to the terms of the API that made the results.',
        ],
    )
    return '\n\n'.join('\n'.join(part) for part in parts) + '\n'


def _front_matter(exports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    main = exports[0]
    matter: dict[str, Any] = {
        'license': 'other',
        'license_name': 'not-chosen-yet',
        'task_categories': ['image-to-image'],
        'tags': ['image-editing', 'synthetic'],
        'size_categories': [next((name for name, end in _SIZES.items() if main['rows'] < end), _LARGEST_SIZE)],
    }
    if main['rows']:
        matter['configs'] = [
            {
                'config_name': 'default',
                'data_files': [{'split': 'train', 'path': f'{main["format"]}/*.{_extension(main)}'}],
            }
        ]
    figures = ('rows', 'left_out', 'source_images', 'result_images', 'picture_bytes', 'cost_usd')
    return matter | {
        'image_edits': {
            **{name: main[name] for name in figures},
            'models': [{'model': model, 'rows': rows} for model, rows in main['models'].items()],
            'files': [
                {'format': each['format'], 'files': len(each['files']), 'bytes': each['file_bytes']} for each in exports
            ],
        }
    }


def _describe(main: Mapping[str, Any]) -> str:
    models = ', '.join(f'`{_one_line(model)}` ({show_count(rows, "row")})' for model, rows in main['models'].items())
    return (
        f'{show_count(main["rows"], "row")}: {show_count(main["source_images"], "source image")}, instructions, and '
        f'{show_count(main["result_images"], "image")} that {models or "no model"} made of them. The rows cost '
        f'${main["cost_usd"]:,.4f} together as far as prices are known; an edit that rows share counts for each. '
        f'Left out for images that were not there as they were: {show_count(main["left_out"], "edited row")}.'
    )


def _describe_files(export: Mapping[str, Any]) -> list[str]:
    name = export['format']
    return [
        f'## {name}',
        f'{show_count(len(export["files"]), "file")}, {show_count(export["file_bytes"], "byte")}.',
        '',
        _HOW_TO_LOAD[name],
    ]


def _extension(export: Mapping[str, Any]) -> str:
    extension: str = export['files'][0].rpartition('.')[2]
    return extension


def _one_line(text: str) -> str:
    # A model's name is whatever the job was given.
    return ' '.join(text.replace('`', "'").split())


def _to_yaml(value: Any, indent: str = '') -> Iterator[str]:
    """Lines of YAML; texts as JSON writes them, which YAML reads whatever is in them."""
    entries = value.items() if isinstance(value, dict) else (('-', entry) for entry in value)
    for name, entry in entries:
        key = name if name == '-' else f'{name}:'
        if not isinstance(entry, (dict, list)) or not entry:
            yield f'{indent}{key} {json.dumps(entry)}'
        elif name == '-':
            first, *rest = _to_yaml(entry, f'{indent}  ')
            yield f'{indent}- {first.lstrip()}'
            yield from rest
        else:
            yield f'{indent}{key}'
            yield from _to_yaml(entry, f'{indent}  ')
