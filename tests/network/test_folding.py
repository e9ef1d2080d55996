"""Folding changes nothing but the number of layers."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError
from minicnn.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU


@pytest.fixture
def network(generator):
    def norm(channels):
        weight, bias, mean = generator.standard_normal((3, channels))
        return BatchNorm(weight, bias, mean, generator.random(channels) + 0.1)

    return minicnn.Network(
        {
            "norm0": norm(2),
            "conv1": Conv2D(generator.standard_normal((3, 2, 2, 4)), generator.standard_normal(4), stride=(1, 2), padding=1),
            "norm1": norm(4),
            "norm1b": norm(4),
            "relu1": ReLU(),
            "pool1": MaxPool2D(2),
            "norm2": norm(4),
            "flatten": Flatten(),
            "fc": Dense(generator.standard_normal((48, 5)), generator.standard_normal(5)),
            "norm3": norm(5),
        }
    )


def test_the_same_numbers_of_fewer_layers(network, generator):
    x = generator.standard_normal((3, 8, 13, 2))
    merged = minicnn.folded(network)
    assert list(merged.layers) == ["norm0", "conv1", "relu1", "pool1", "norm2", "flatten", "fc"]
    assert merged(x) == pytest.approx(network(x), rel=1e-10)
    assert merged.astype(np.float32)(x.astype(np.float32)).dtype == np.float32


def test_the_last_convolution_ends_with_its_relu(network):
    assert network.up_to(["pool1"]).last_convolution == "relu1"
    assert network.up_to(["norm1"]).last_convolution == "conv1"


def test_relevance_asks_for_folded_networks(network, generator):
    x = generator.standard_normal((1, 8, 13, 2))
    with pytest.raises(MinicnnError, match=r"batch normalization \(norm1, norm1b, .*merged.*minicnn.folded"):
        minicnn.lrp(network, x, 1, prepared=True)
