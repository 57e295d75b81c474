"""The transforms beside other pipelines and other people's options in the same process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
import pytest
from apache_beam.runners.runner import PipelineRunner
from apache_beam.testing.util import assert_that, equal_to

from beam_image_edit.transforms import ConfigurationError, EditImages

# Option classes are the process's, so that this must be one of its own.
JOB_WITH_OPTIONS = """
import importlib, pkgutil, sys
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
import beam_image_edit.pipeline, beam_image_edit.transforms
from beam_image_edit.transforms import EditImages

class ShopOptions(PipelineOptions):
    @classmethod
    def _add_argparse_args(cls, parser):
        for name in ('api_format', 'batch_size', 'cache_path', 'input', 'max_in_flight', 'model_name'):
            parser.add_argument(f'--{name}', default='of the shop')

for package in (beam_image_edit.pipeline, beam_image_edit.transforms):
    for module in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):
        if not module.name.endswith('__main__'):
            importlib.import_module(module.name)

out, base_url, image = sys.argv[1:]
options = PipelineOptions(['--cache_path=theirs'])
with beam.Pipeline('FnApiRunner', options=options) as root:
    rows = root | beam.Create([{'images': image, 'conversations': ['Blur it'], 'id': 1}])
    edits = rows | EditImages(cache_path=out, base_url=base_url, api_key='env:SHOP_KEY')
    edits.edited | beam.Map(lambda outcome: print(outcome.name, options.view_as(ShopOptions).cache_path))
"""


def test_options_of_others_may_have_the_names_of_our_flags(tmp_path, photos, emulator, monkeypatch):
    monkeypatch.setenv('SHOP_KEY', 'any')
    command = [sys.executable, '-c', JOB_WITH_OPTIONS, str(tmp_path / 'out'), emulator.url, str(photos / 'a.png')]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == 'sample_1 theirs\n'


def test_pipelines_that_run_at_once_do_not_meet(tmp_path, photos, emulator, monkeypatch):
    """Four at a time in one process: each with its own window, key and folder; one of them can't work."""
    monkeypatch.setenv('SHOP_KEY', 'any')

    def run(number):
        api_format, key = ('gemini', 'openai')[number % 2], 'SHOP_KEY' if number < 3 else 'NO_SUCH_KEY'
        rows = [{'images': str(photos / 'a.png'), 'conversations': [f'Blur it {each}']} for each in range(10)]
        with beam.Pipeline('FnApiRunner') as root:
            edits = (
                root
                | beam.Create(rows)
                | EditImages(
                    api_format=api_format,
                    cache_path=str(tmp_path / str(number)),
                    base_url=emulator.url,
                    api_key=f'env:{key}',
                    max_in_flight=number + 1,
                )
            )
            formats = edits.edited | beam.Map(lambda outcome: outcome.edit['api_format'])
            assert_that(formats, equal_to([api_format] * 10))

    with ThreadPoolExecutor(4) as pool:
        *good, bad = [pool.submit(run, number) for number in range(4)]
        assert [future.exception() for future in good] == [None] * 3
        assert 'NO_SUCH_KEY' in str(bad.exception())
    assert emulator.count == 30


def test_runner_that_loses_rows_is_refused_where_it_is_known(tmp_path):
    """Stands for Beam's own, which can be made only where dask is installed; the transform sees its name alone."""

    class DaskRunner(PipelineRunner):
        pass

    rows = beam.Pipeline(DaskRunner()) | beam.Create([{}])
    with pytest.raises(ConfigurationError, match='DaskRunner loses rows without a word'):
        _ = rows | EditImages(cache_path=str(tmp_path))
