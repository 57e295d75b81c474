"""What the tests of the limits share: the simulation, which is a module beside them."""

import pytest

from tests.limits import simulation


@pytest.fixture(scope='session')
def sim():
    """The simulation's module."""
    return simulation
