"""What the tests of exports share: edited rows whose pictures are files, made without an API."""

import hashlib
import io
import json
import random
import tarfile
from itertools import chain

import apache_beam as beam
import datasets
from PIL import Image

from beam_image_edit.transforms import Outcome
from beam_image_edit.transforms.manifest import blank_edit
from beam_image_edit.transforms.storage import Storage

datasets.disable_progress_bars()


def make_picture(seed, side=16, kind='PNG'):
    """A picture of noise, which no format makes smaller."""
    noise = random.Random(seed).randbytes(side * side * 3)
    file = io.BytesIO()
    Image.frombytes('RGB', (side, side), noise).save(file, kind)
    return file.getvalue()


def describe(content, **more):
    picture = Image.open(io.BytesIO(content))
    size = {'width': picture.width, 'height': picture.height}
    return {'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content), **size, 'mime': 'image/png', **more}


def make_outcome(root, photos, number, *, index='number', side=16, text=None, status='edited', **row):
    """An edited row; its source lies in `photos`, its result below `root`."""
    source, result = make_picture(number, side), make_picture(-number - 1, side)
    (photos / f'{number}.png').write_bytes(source)
    storage = Storage(str(root))
    storage.write(f'sample_{number}/sample_{number}_0.png', result)
    edit = blank_edit(
        status,
        model='a-model',
        cost_usd=0.1,
        sources=[{'place': 'image 0', **describe(source)}],
        images=[describe(result, turn=0)],
    )
    row = {'images': f'{number}.png', 'conversations': [f'Edit {number}'], **row}
    return Outcome(
        text=json.dumps(row) if text is None else text,
        index=number if index == 'number' else index,
        name=f'sample_{number}',
        output_image=(storage.url(f'sample_{number}/sample_{number}_0.png'),),
        edit=edit,
        folder=str(photos),
    )


def export(outcomes, transform, summary_file):
    """Runs an export; gives its summary."""
    with beam.Pipeline('FnApiRunner') as root:
        summary = root | beam.Create(outcomes, reshuffle=False) | transform
        _ = summary | beam.Map(lambda value: summary_file.write_text(json.dumps(value)))
    return json.loads(summary_file.read_text())


def load_parquet(folder, cache, name='*'):
    """The rows of an export as `datasets` gives them."""
    return datasets.load_dataset(
        'parquet',
        data_files=str(folder / 'export' / 'parquet_images' / f'{name}.parquet'),
        split='train',
        cache_dir=str(cache),
    )


def shards_of(folder, name):
    return sorted((folder / 'export' / name).iterdir())


def read_tar(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def read_keys(folder, name):
    """The keys of all rows in their order."""
    if name == 'webdataset':
        names = chain.from_iterable(read_tar(path) for path in shards_of(folder, name))
        return [file.removesuffix('.json') for file in names if file.endswith('.json')]
    return [key for path in shards_of(folder, name) for key in datasets.Dataset.from_parquet(str(path))['key']]
