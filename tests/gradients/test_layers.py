"""Every layer's backward pass against finite differences, in float64, over geometries that tell the axes apart."""

import numpy as np
import pytest

from minicnn.gradcheck import check_layer
from minicnn.layers import (
    AveragePool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
)

GEOMETRIES = [
    # kernel, stride, padding
    ((3, 3), 1, 1),
    ((1, 1), 1, 0),
    ((2, 5), 1, (0, 2)),
    ((5, 2), (2, 3), (2, 1)),
    ((3, 3), 2, 0),
    ((4, 3), 3, (1, 0)),
    ((2, 2), 3, 0),  # a stride larger than the kernel leaves pixels out
    ((7, 8), 1, (0, 0)),  # the window is the whole image
]


@pytest.fixture
def x(generator):
    return generator.standard_normal((2, 7, 8, 3))


def assert_right(layer, x):
    checks = check_layer(layer, x)
    assert {check.name for check in checks} == {"input", *layer.parameter_names}
    checks += check_layer(layer, x[:1], full=True)
    for check in checks:
        assert check.verdict == "ok" and check.error < 1e-7, check


@pytest.mark.parametrize("kernel, stride, padding", GEOMETRIES)
def test_convolution(generator, x, kernel, stride, padding):
    weight, bias = generator.standard_normal((*kernel, 3, 4)), generator.standard_normal(4)
    assert_right(Conv2D(weight, bias, stride, padding), x)


@pytest.mark.parametrize("layer", [MaxPool2D, AveragePool2D])
@pytest.mark.parametrize("kernel, stride, padding", [g for g in GEOMETRIES if np.all(np.less(g[2], g[0]))])
def test_pooling(x, layer, kernel, stride, padding):
    assert_right(layer(kernel, stride, padding), x)


def test_relu(x):
    assert_right(ReLU(), np.where(np.abs(x) < 0.1, 0.5, x))


@pytest.mark.parametrize("layer", [GlobalAveragePool2D(), Flatten(), Dropout(0.3)], ids=lambda layer: type(layer).__name__)
def test_layers_without_parameters(x, layer):
    assert_right(layer, x)


def test_dense(generator):
    assert_right(Dense(generator.standard_normal((6, 4)), generator.standard_normal(4)), generator.standard_normal((3, 6)))


def test_dropout_in_training(generator, x):
    """With one and the same mask, dropout is linear: backward is its transpose."""
    layer = Dropout(0.3)
    output, context = layer.training_forward(x, np.random.default_rng(1))
    gradient = generator.standard_normal(x.shape)
    assert np.vdot(output, gradient) == pytest.approx(np.vdot(x, layer.backward(gradient, context)))
    share_kept = np.count_nonzero(output) / output.size
    assert share_kept == pytest.approx(0.7, abs=0.1)
    assert output[output != 0] == pytest.approx(x[output != 0] / 0.7)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_in_the_inputs_type(generator, batch, dtype):
    x = generator.standard_normal((batch, 6, 5, 2)).astype(dtype)
    layer = Conv2D(generator.standard_normal((3, 2, 2, 4)).astype(dtype), np.zeros(4, dtype))
    output, context = layer.forward(x)
    assert output.dtype == dtype
    assert layer.backward(output, context).dtype == dtype
    assert {gradient.dtype for gradient in layer.parameter_gradients(output, context).values()} == {np.dtype(dtype)}
