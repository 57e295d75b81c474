"""What the tests of exports share: a folder of source pictures, and where `datasets` keeps what it has loaded."""

import datasets
import pytest


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / 'sources'
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where `datasets` keeps what it has loaded."""
    folder = tmp_path / 'datasets'
    monkeypatch.setattr(datasets.config, 'HF_DATASETS_CACHE', folder)
    return folder
