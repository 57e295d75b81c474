"""The package as others get it: installed from Beam's own source distribution, used from outside the repository."""

import os
import site
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import Stager

ROOT = Path(__file__).parent.parent

EMBEDDED_JOB = '''
"""Another team's job, with folders of its own named as ours are in the repository."""
import sys
import apache_beam as beam
from transforms import PRODUCTS  # the other team's own
from beam_image_edit.transforms import EditImages, WriteManifest

out, base_url = sys.argv[1:]
with beam.Pipeline('FnApiRunner') as root:
    edits = (
        root
        | beam.Create(PRODUCTS)
        | EditImages(api_format='openai', cache_path=out, base_url=base_url, api_key='env:SHOP_KEY', size='1024x1024')
    )
    _ = edits.outcomes | WriteManifest(out, run_id='shop', started_at=0)
'''


@pytest.fixture(scope='module')
def installed() -> Path:
    """The Python of a fresh virtual environment with the package installed from the sdist that Beam's stager builds.

    Beam and the other dependencies come from the environment that runs the tests; the project does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        Stager.create_job_resources(PipelineOptions(['--setup_file', str(ROOT / 'setup.py')]), folder)
        (sdist,) = Path(folder).rglob('*.tar.gz')
        environment = Path(folder) / 'environment'
        venv.create(environment)
        python = environment / 'bin' / 'python'
        packages = next((environment / 'lib').glob('python*')) / 'site-packages'
        # A path in a .pth file is searched, but the .pth files in it, such as the project's editable install, are not.
        (packages / 'dependencies.pth').write_text('\n'.join(site.getsitepackages()))
        subprocess.run(
            [
                python,
                '-m',
                'pip',
                'install',
                '--quiet',
                '--no-deps',
                '--no-build-isolation',
                '--ignore-installed',
                sdist,
            ],
            check=True,
            env={'PATH': os.environ['PATH']},
        )
        yield python


@pytest.fixture
def run_outside(installed, tmp_path, emulator):
    def run(*arguments, **environment):
        return subprocess.run(
            [*([] if arguments[0].endswith('beam-image-edit') else [installed]), *arguments],
            cwd=tmp_path,
            env={'PATH': os.environ['PATH'], 'HOME': str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_installed_command_edits_the_shipped_example(run_outside, installed, tmp_path, emulator):
    command = str(installed.parent / 'beam-image-edit')
    result = run_outside(command, '--cache_path=out', DF_API_KEY='any', DF_BASE_URL=emulator.url)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / 'out' / 'manifest.parquet').exists()
    assert emulator.count > 5


def test_installed_package_comes_from_the_sdist(run_outside, installed):
    result = run_outside('-c', 'import beam_image_edit.pipeline as it; print(it.__file__)')
    assert result.stdout.startswith(str(installed.parent.parent))


def test_transforms_are_embedded_in_another_job(run_outside, tmp_path, emulator, photos):
    (tmp_path / 'transforms').mkdir()
    products = [{'images': str(photos / 'a.png'), 'conversations': ['Remove the background'], 'sku': 7, 'id': 'mug'}]
    (tmp_path / 'transforms' / '__init__.py').write_text(f'PRODUCTS = {products!r}')
    (tmp_path / 'job.py').write_text(EMBEDDED_JOB)
    result = run_outside('job.py', 'shop', emulator.url, SHOP_KEY='any')
    assert result.returncode == 0, result.stderr
    assert '"sku": 7' in (tmp_path / 'shop' / 'manifest.jsonl').read_text()
    assert (tmp_path / 'shop' / 'sample_mug' / 'sample_mug_0.png').exists()


def test_public_names():
    import beam_image_edit.transforms as public

    assert public.__all__ == sorted(public.__all__)
    assert all(hasattr(public, name) for name in public.__all__)
    assert sys.modules['beam_image_edit.transforms'] is public
