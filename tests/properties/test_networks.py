"""Laws that hold for every network of these layers."""

import tracemalloc

import numpy as np
import pytest

from minicnn import Network
from minicnn.layers import ReLU
from minicnn.network import rules
from minicnn.network.objectives import class_score


def without_biases(network):
    return network.with_parameters({name: {"bias": np.zeros_like(p["bias"])} for name, p in network.parameters.items()})


def test_without_biases_gradient_times_input_is_the_score(small_model, generator):
    """Such a network is piecewise linear through 0, so sum(gradient * x) = f(x) exactly."""
    network = without_biases(small_model.network.astype(np.float64))
    x = generator.standard_normal((3, 30, 24, 3))
    values, gradient = class_score(2).value_and_gradient(network, x)
    assert (gradient * x).sum(axis=(1, 2, 3)) == pytest.approx(values)


def test_the_same_for_vgg16(model, generator):
    network = without_biases(model.network)
    x = 50 * generator.standard_normal((1, 64, 32, 3)).astype(np.float32)
    values, gradient = class_score(2).value_and_gradient(network, x)
    assert (gradient * x).sum() == pytest.approx(values[0], rel=1e-4)


@pytest.mark.parametrize("layer, unit", [("conv1", (0, 0)), ("pool1", (3, 5)), ("conv2", (7, 11)), ("pool2", (3, 2))])
def test_outside_the_receptive_field_the_gradient_is_exactly_zero(small_model, generator, layer, unit):
    x = generator.standard_normal((1, 61, 47, 3))
    trunk, _ = small_model.network.split(layer)
    trace = trunk.trace(x)
    seed = np.zeros_like(trace.result)
    seed[0, unit[0], unit[1]] = 1
    everything_passes = {ReLU: lambda relu, gradient, x: gradient}
    gradient = np.abs(trunk.backward(trace, {layer: seed}, everything_passes)).sum(axis=(0, 3))
    box = trunk.receptive_fields()[layer].box(*unit, 61, 47)
    assert gradient[box].any()
    gradient[box] = 0
    assert not gradient.any()


def test_guided_and_deconvnet_against_their_definitions(generator):
    x, gradient = generator.standard_normal((2, 1, 1000))
    relu = ReLU()
    assert np.array_equal(rules.deconvnet(relu, gradient, x), np.where(gradient > 0, gradient, 0))
    assert np.array_equal(rules.guided(relu, gradient, x), np.where((x > 0) & (gradient > 0), gradient, 0))
    network = Network({"relu1": relu, "relu2": relu})
    found = network.backward(network.trace(x), {"relu2": gradient}, {ReLU: rules.guided})
    assert np.array_equal(found, rules.guided(relu, gradient, x))


def test_memory_stays_flat(small_model, generator):
    """Fifty passes forward and back leave nothing behind."""
    x = generator.standard_normal((2, 40, 40, 3)).astype(np.float32)

    def once():
        class_score(0).value_and_gradient(small_model.network, x)

    once()
    tracemalloc.start()
    try:
        once()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(50):
            once()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < x.nbytes
