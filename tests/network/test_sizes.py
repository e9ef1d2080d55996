"""Which sizes of images are proposed where one does not work."""

import pytest

from minicnn.models.architectures import find_architecture
from minicnn.models.descriptions import read_description
from minicnn.network.sizes import near_sizes, other_sizes

#: Two paths that meet again only where rows are even and columns multiples of three.
TWO_PATHS = """
input = [6, 6, 3]
layers = [
  {convolution = "conv", filters = 4, size = 1},
  {max_pool = "pool", size = [2, 3]},
  {upsample = "up", factor = [2, 3]},
  {add = "add", inputs = ["up", "conv"]},
]
"""


@pytest.fixture(scope="module")
def two_paths():
    return read_description(TWO_PATHS, "two").network


@pytest.mark.parametrize(
    "size, near",
    [((45, 45), [(42, 42), (48, 48)]), ((45, 48), [(42, 48), (48, 48)]), ((5, 5), [(6, 6)]), ((7, 1), [(12, 6)])],
)
def test_the_next_smaller_and_larger(two_paths, size, near):
    assert near_sizes(two_paths, size, 3) == near


@pytest.mark.parametrize(
    "size, words",
    [
        ((45, 45), "; the nearest sizes that work are 42 and 48 (--size 42)"),
        ((45, 48), "; the nearest sizes that work are 42x48 and 48x48 (--size 42x48)"),
        ((5, 5), "; the smallest size that works is 6 (--size 6)"),
        ((5, 48), "; the nearest size that works is 6x48 (--size 6x48)"),
    ],
)
def test_the_words(two_paths, size, words):
    assert other_sizes(two_paths, size, 3) == words


@pytest.mark.parametrize(
    "side, words",
    [(300, "nearest size that works is 255"), (100, "smallest size that works is 224"), (2000, "nearest size that works is 224")],
)
def test_a_network_for_images_of_a_few_sizes(side, words):
    assert words in other_sizes(find_architecture("vgg11").network(), (side, side), 3)
