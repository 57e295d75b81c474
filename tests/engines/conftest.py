"""What the tests of the engines share."""

import pytest

from beam_image_edit.pipeline.emulator import Emulator
from tests.engines.rows import draw_inputs, write_rows


def pytest_collection_modifyitems(items):
    for item in items:
        if '/tests/engines/' in item.path.as_posix():
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope='session')
def api():
    """An emulator that answers at once."""
    with Emulator(pixels='64x48') as running:
        yield running


@pytest.fixture(scope='session')
def slow_api():
    """An emulator whose calls take so long that what it costs to make one hardly counts."""
    with Emulator(pixels='64x48', latency_s=1.5) as running:
        yield running


@pytest.fixture(scope='session')
def source(tmp_path_factory):
    """The rows of all kinds."""
    folder = tmp_path_factory.mktemp('rows')
    draw_inputs(folder)
    return write_rows(folder / 'rows.jsonl')
