import pytest


@pytest.fixture
def x(generator):
    """A prepared image that is not square."""
    return generator.standard_normal((1, 30, 46, 3))
