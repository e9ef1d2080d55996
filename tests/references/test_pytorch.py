"""Against PyTorch, in float64. The references were made by scripts/make_references and are stored beside this file."""

from pathlib import Path

import cases
import numpy as np
import pytest

from minicnn import cross_entropy
from minicnn.layers import AveragePool2D, Conv2D, MaxPool2D
from minicnn.network.objectives import class_score


@pytest.fixture(scope="module")
def references():
    with np.load(Path(__file__).parent / "pytorch.npz") as file:
        return dict(file)


def near(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-11 * np.abs(expected).max())


def test_vgg16_forward_backward_and_every_parameter(references):
    network, x = cases.vgg16()
    trace = network.trace(x)
    loss, seed = cross_entropy(trace.result, cases.LABELS)
    assert trace.result == near(references["vgg16/logits"])
    assert loss == near(references["vgg16/loss"])
    assert network.backward(trace, {"fc8": seed}) == near(references["vgg16/input_gradient"])
    for layer, gradients in network.parameter_gradients(trace, {"fc8": seed}).items():
        for name, gradient in gradients.items():
            size = np.linalg.norm(gradient)
            assert cases.projection(gradient) == pytest.approx(references[f"vgg16/{layer}/{name}"], abs=1e-9 * size), (layer, name)


def test_vgg16_gap_layer_by_layer(references):
    network, x = cases.vgg16_gap()
    for name, output in network.trace(x).outputs.items():
        assert cases.projection(output) == pytest.approx(references[f"gap/{name}"], abs=1e-10 * np.linalg.norm(output)), name
    _, gradient = class_score(cases.CLASS).value_and_gradient(network, x)
    assert gradient == near(references["gap/input_gradient"])


@pytest.mark.parametrize("name", cases.WINDOWS)
def test_single_layers(references, name):
    x, kernel, bias = cases.layer_arrays()
    window = cases.WINDOWS[name]
    layer = {
        "conv": lambda: Conv2D(kernel, bias, *window[1:]),
        "max_pool": lambda: MaxPool2D(*window),
        "average_pool": lambda: AveragePool2D(*window),
    }[name]()
    output, context = layer.forward(x)
    assert output == near(references[f"{name}/output"])
    assert layer.backward(cases.output_gradient(output.shape), context) == near(references[f"{name}/input_gradient"])
