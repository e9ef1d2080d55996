"""Every number of a network is the sum that it is said to be."""

from itertools import pairwise

import numpy as np
import pytest

from minicnn import Network, he_initialized
from minicnn.errors import MinicnnError
from minicnn.layers import (
    AveragePool2D,
    Conv2D,
    Crop2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    MaxPool2D,
    PadChannels,
    ReLU,
    ZeroPad2D,
)
from minicnn.network.objectives import class_score


@pytest.fixture(scope="module")
def network():
    layers = {
        "conv1": Conv2D(np.zeros((3, 2, 2, 5)), np.zeros(5), stride=(2, 1), padding=(1, 1)),
        "relu1": ReLU(),
        "pool1": MaxPool2D(3, 2, 1, ceil_mode=True),
        "conv2": Conv2D(np.zeros((3, 3, 5, 4)), np.zeros(4), padding=1),
        "drop2": Dropout(0.5),
        "conv3": Conv2D(np.zeros((3, 2, 2, 6)), np.zeros(6), padding=((1, 2), (0, 2)), dilation=(1, 2), groups=2),
        "pool2": AveragePool2D(2, 1, 1),
        "pool3": AveragePool2D(3, 2, ((0, 1), (1, 0)), ceil_mode=True, count_include_pad=False),
        "pad": ZeroPad2D(((1, 0), (2, 0))),
        "crop": Crop2D(((0, 1), (1, 0))),
        "zeros": PadChannels(1, 1),
        "flatten": Flatten(),
        "fc": Dense(np.zeros((8 * 20, 3)), np.zeros(3)),
    }
    network = he_initialized(Network(layers), seed=2).astype(np.float64)
    biases = {name: {"bias": np.random.default_rng(3).standard_normal(arrays["bias"].shape)} for name, arrays in network.parameters.items()}
    return network.with_parameters(biases)


def every_unit(array):
    return np.random.default_rng(4).permutation(list(np.ndindex(array.shape)))[:60].tolist()


@pytest.fixture(scope="module")
def trace(network):
    return network.trace(np.random.default_rng(5).standard_normal((1, 18, 9, 2)))


def inputs_of(network, trace):
    return dict(zip(network.layers, [trace.input, *trace.outputs.values()]))


def test_values(network, trace):
    for name, layer in network.layers.items():
        below, output = inputs_of(network, trace)[name][0], trace.outputs[name][0]
        for unit in every_unit(output):
            assert layer.value_terms(below, tuple(unit)).sum == pytest.approx(output[tuple(unit)]), (name, unit)


def test_gradients(network, trace):
    gradients = network.gradients(trace, class_score(1).evaluate(trace)[1])
    names = list(network.layers)
    for name, above in pairwise(names):
        output = trace.outputs[name][0]
        for unit in every_unit(output):
            terms = network.layers[above].gradient_terms(gradients[above][0], output, tuple(unit))
            assert terms.sum == pytest.approx(gradients[name][0][tuple(unit)], abs=1e-12), (name, unit)


def test_global_average_pooling():
    x = np.random.default_rng(6).standard_normal((4, 5, 3))
    layer = GlobalAveragePool2D()
    assert layer.value_terms(x, (2,)).sum == pytest.approx(x[..., 2].mean())
    assert layer.gradient_terms(np.array([1.0, 2.0, 3.0]), x, (0, 4, 2)).sum == pytest.approx(3 / 20)


def test_the_largest_contribution_is_the_winner_of_a_maximum(network, trace):
    below = trace.outputs["relu1"][0]
    _, (winners, _) = network.layers["pool1"].forward(below[None])
    for row, column, channel in every_unit(winners[0]):
        winner = divmod(int(winners[0, row, column, channel]), below.shape[1])
        assert network.layers["pool1"].value_terms(below, (row, column, channel)).largest(below.shape) == (*winner, channel)


def test_a_layer_that_is_not_known_is_refused():
    class Strange(Layer):
        window = None

    with pytest.raises(MinicnnError, match="Strange"):
        Strange().value_terms(np.zeros(3), (0,))
