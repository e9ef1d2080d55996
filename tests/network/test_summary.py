"""VGG16 in numbers, against the published table."""

import numpy as np
import pytest

from minicnn.errors import ShapeError, UnknownNameError
from minicnn.models.architectures import find_architecture
from minicnn.network.initialize import he_initialized
from minicnn.network.summary import summarize

# name: (H = W, channels, parameters, MACs in millions, receptive field, jump, padding)
VGG16 = {
    "conv1_1": (224, 64, 1_792, 86.70, 3, 1, 1),
    "conv1_2": (224, 64, 36_928, 1849.69, 5, 1, 2),
    "pool1": (112, 64, 0, 0, 6, 2, 2),
    "conv2_1": (112, 128, 73_856, 924.84, 10, 2, 4),
    "conv2_2": (112, 128, 147_584, 1849.69, 14, 2, 6),
    "pool2": (56, 128, 0, 0, 16, 4, 6),
    "conv3_1": (56, 256, 295_168, 924.84, 24, 4, 10),
    "conv3_2": (56, 256, 590_080, 1849.69, 32, 4, 14),
    "conv3_3": (56, 256, 590_080, 1849.69, 40, 4, 18),
    "pool3": (28, 256, 0, 0, 44, 8, 18),
    "conv4_1": (28, 512, 1_180_160, 924.84, 60, 8, 26),
    "conv4_2": (28, 512, 2_359_808, 1849.69, 76, 8, 34),
    "conv4_3": (28, 512, 2_359_808, 1849.69, 92, 8, 42),
    "pool4": (14, 512, 0, 0, 100, 16, 42),
    "conv5_1": (14, 512, 2_359_808, 462.42, 132, 16, 58),
    "conv5_2": (14, 512, 2_359_808, 462.42, 164, 16, 74),
    "conv5_3": (14, 512, 2_359_808, 462.42, 196, 16, 90),
    "pool5": (7, 512, 0, 0, 212, 32, 90),
}
DENSE = {"fc6": (4096, 102_764_544, 102.76), "fc7": (4096, 16_781_312, 16.78), "fc8": (1000, 4_097_000, 4.10)}


@pytest.fixture(scope="module")
def rows():
    return {row.name: row for row in summarize(find_architecture("vgg16").network(), (224, 224, 3))}


@pytest.mark.parametrize("name", VGG16)
def test_convolutions_and_pools(rows, name):
    side, channels, parameters, millions, size, jump, padding = VGG16[name]
    row = rows[name]
    assert row.output_shape == (side, side, channels)
    assert row.parameters == parameters
    assert round(row.multiply_accumulates / 1e6, 2) == millions
    field = row.receptive_field
    assert (field.size, field.jump, field.padding) == ((size, size), (jump, jump), (padding, padding))


@pytest.mark.parametrize("name", DENSE)
def test_dense_layers(rows, name):
    outputs, parameters, millions = DENSE[name]
    assert rows[name].output_shape == (outputs,)
    assert rows[name].parameters == parameters
    assert round(rows[name].multiply_accumulates / 1e6, 2) == millions
    assert rows[name].receptive_field is None


def test_totals(rows):
    assert sum(row.parameters for row in rows.values()) == 138_357_544
    assert sum(row.parameters for name, row in rows.items() if name in VGG16) == 14_714_688
    assert sum(row.multiply_accumulates for row in rows.values()) == 15_470_264_320


def test_vgg19_has_the_published_number_of_parameters():
    assert sum(row.parameters for row in summarize(find_architecture("vgg19").network(), (224, 224, 3))) == 143_667_240


def test_unweighted_networks_take_no_memory():
    network = find_architecture("vgg16").network()
    assert all(array.strides == (0,) * array.ndim for arrays in network.parameters.values() for array in arrays.values())


def test_errors():
    with pytest.raises(ShapeError, match="pool5 .*1 x 14 x 512: .*1 pixels"):
        list(summarize(find_architecture("vgg16-gap").network(), (16, 224, 3)))
    with pytest.raises(UnknownNameError, match="vgg61.*'vgg1.'.*'minicnn models'"):
        find_architecture("vgg61")


@pytest.mark.parametrize(("classes", "parameters"), [(None, 954_538), (3, 953_187)])
def test_minivgg(classes, parameters):
    """3 x 3 x inputs x filters + filters each, twice the filters for batch normalization, and 192 x classes + classes."""
    network = find_architecture("minivgg").network(classes=classes)
    rows = {row.name: row for row in summarize(network, (32, 32, 3))}
    assert list(rows)[:7] == ["conv1_1", "norm1_1", "relu1_1", "conv1_2", "norm1_2", "relu1_2", "pool1"]
    assert rows["fc"].output_shape == (classes or 10,)
    assert rows["relu3_3"].output_shape == (8, 8, 192)
    assert sum(row.parameters for row in rows.values()) == parameters


def test_minivgg_with_random_weights():
    network = he_initialized(find_architecture("minivgg").network(), seed=1)
    logits = network(np.random.default_rng(0).standard_normal((2, 32, 40, 3), np.float32))
    assert logits.shape == (2, 10) and np.isfinite(logits).all()
