"""What the tests of the limits share: the simulation, which is a module beside them."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def sim():
    """The simulation's module."""
    spec = importlib.util.spec_from_file_location('limits_simulation', Path(__file__).with_name('simulation.py'))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
