"""Every layer's backward pass against finite differences, in float64, over geometries that tell the axes apart."""

import dataclasses

import naive
import numpy as np
import pytest

from minicnn import kernels
from minicnn.errors import MinicnnError
from minicnn.geometry import Window
from minicnn.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Crop2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    PadChannels,
    ReLU,
    TransposedConv2D,
    ZeroPad2D,
)
from minicnn.network.gradcheck import check_layer

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


UNUSUAL = {
    "each side its own padding": {"padding": ((0, 2), (1, 0)), "stride": 2},
    "dilation": {"dilation": (2, 3), "padding": 1},
    "dilation and stride": {"dilation": 2, "stride": (1, 2)},
    "groups": {"groups": 3},
    "groups, all of it": {"groups": 3, "dilation": (1, 2), "stride": (2, 1), "padding": ((1, 2), (0, 1))},
}


@pytest.mark.parametrize("case", UNUSUAL)
@pytest.mark.parametrize("filters", [3, 6])
def test_unusual_convolutions(generator, x, case, filters):
    options = UNUSUAL[case]
    weight, bias = generator.standard_normal((3, 2, 3 // options.get("groups", 1), filters)), generator.standard_normal(filters)
    layer = Conv2D(weight, bias, **options)
    assert_right(layer, x)
    assert layer.forward(x)[0] == pytest.approx(naive.convolve(x, weight, bias, layer.window))


def test_depthwise_is_what_im2col_computes(generator, x):
    layer = Conv2D(generator.standard_normal((3, 3, 1, 3)), generator.standard_normal(3), 2, ((0, 1), (1, 1)), groups=3)
    output, context = layer.forward(x)
    gradient = generator.standard_normal(output.shape)
    found = (output, layer.backward(gradient, context), layer.parameter_gradients(gradient, context)["weight"])
    with kernels.use_algorithm("im2col"):
        expected = (layer.forward(x)[0], layer.backward(gradient, context), layer.parameter_gradients(gradient, context)["weight"])
    for ours, theirs in zip(found, expected):
        assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("case", [{}, {"stride": (2, 3), "output_padding": (1, 2)}, *list(UNUSUAL.values())[1:]], ids=str)
def test_transposed_convolution(generator, x, case):
    groups = case.get("groups", 1)
    weight, bias = generator.standard_normal((3, 4, 2, 3)), generator.standard_normal(2 * groups)
    layer = TransposedConv2D(weight, bias, **case)
    assert_right(layer, x)
    window = Window.of((3, 4), case.get("stride", 1), case.get("padding", 0), case.get("dilation", 1))
    assert layer.forward(x)[0] == pytest.approx(naive.transposed(x, weight, bias, window, case.get("output_padding", (0, 0))))
    assert layer.output_shape(x.shape[1:]) == layer.forward(x)[0].shape[1:]


@pytest.mark.parametrize("layer", [ZeroPad2D(((1, 0), (2, 3))), Crop2D(((1, 0), (2, 3))), ZeroPad2D(2), Crop2D((2, 1))], ids=repr)
def test_borders(x, layer):
    assert_right(layer, x)
    inside = layer.forward(x)[0]
    back = Crop2D(layer.padding) if isinstance(layer, ZeroPad2D) else ZeroPad2D(layer.cropping)
    again = back.forward(inside)[0]
    assert again.shape == x.shape and (isinstance(layer, Crop2D) or np.array_equal(again, x))


def test_channels_of_zeros(x):
    layer = PadChannels(2, 1)
    assert_right(layer, x)
    assert np.array_equal(layer.forward(x)[0], np.concatenate([0 * x[..., :2], x, 0 * x[..., :1]], axis=-1))


@pytest.mark.parametrize("layer", [MaxPool2D, AveragePool2D])
@pytest.mark.parametrize("kernel, stride, padding", [((3, 3), 2, ((0, 1), (2, 0))), ((2, 3), (2, 3), 0), ((3, 2), (3, 2), 1)])
def test_pooling_in_ceil_mode(x, layer, kernel, stride, padding):
    assert_right(layer(kernel, stride, padding, ceil_mode=True), x)
    if layer is AveragePool2D:
        assert_right(layer(kernel, stride, padding, ceil_mode=True, count_include_pad=False), x)
        assert_right(layer(kernel, stride, padding, count_include_pad=False), x)


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


@pytest.fixture
def norm(generator):
    weight, bias, mean = generator.standard_normal((3, 3))
    return BatchNorm(weight, bias, mean, generator.random(3) + 0.1)


def test_batch_normalization(norm, x):
    assert_right(norm, x)
    assert_right(norm, x[:, 0, 0])


@pytest.mark.parametrize("at", [slice(None), (slice(None), 0, 0)], ids=["images", "rows"])
def test_batch_normalization_in_training(generator, norm, x, at):
    """Mean and variance depend on the input, too."""
    x = np.repeat(x, 3, axis=0)[at] + generator.standard_normal((6, 1, 1, 1))[at]
    output, context = norm.training_forward(x, None)
    weights, direction = generator.standard_normal((2, *x.shape))
    h = 1e-5
    above, below = (norm.training_forward(x + sign * h * direction, None)[0] for sign in (1, -1))
    numeric = np.vdot(above - below, weights) / (2 * h)
    assert np.vdot(norm.backward(weights, context), direction) == pytest.approx(numeric, rel=1e-7)
    gradients = norm.parameter_gradients(weights, context)
    normalized = (output - norm.bias) / norm.weight
    axes = tuple(range(x.ndim - 1))
    assert normalized.mean(axis=axes) == pytest.approx(np.zeros(3), abs=1e-9)
    assert normalized.var(axis=axes) == pytest.approx(np.ones(3), rel=1e-4)
    assert gradients["bias"] == pytest.approx(weights.sum(axis=axes))
    assert gradients["weight"] == pytest.approx((weights * normalized).sum(axis=axes))


def test_batch_normalization_remembers_what_it_saw(generator, norm, x):
    _, context = norm.training_forward(x, None)
    after = norm.after_training_step(context)
    flat = x.reshape(-1, 3)
    assert after.mean == pytest.approx(0.9 * norm.mean + 0.1 * flat.mean(axis=0))
    assert after.variance == pytest.approx(0.9 * norm.variance + 0.1 * flat.var(axis=0, ddof=1))
    assert norm.forward(x)[0] == pytest.approx(norm.weight * (x - norm.mean) / np.sqrt(norm.variance + 1e-5) + norm.bias)


@pytest.mark.parametrize("rows", [1, 5, 1024, 5000])
def test_moments_of_any_number_of_rows(generator, rows):
    """Far from 0, too, where the mean of the squares minus the square of the mean would lose all digits."""
    x = (generator.standard_normal((rows, 5)) + 1e4).astype(np.float32)
    mean, variance = kernels.moments(x)
    assert mean == pytest.approx(x.astype(float).mean(axis=0)) and variance == pytest.approx(x.astype(float).var(axis=0), rel=1e-6)


@pytest.mark.parametrize(
    "arrays", [{"mean": np.zeros(2)}, {"weight": np.ones((1, 3))}, {"epsilon": 0.0}, {"epsilon": np.inf}, {"momentum": 2.0}]
)
def test_batch_normalizations_that_do_not_fit(norm, arrays):
    with pytest.raises(MinicnnError, match="expected"):
        dataclasses.replace(norm, **arrays)


def test_a_batch_of_one_number_has_no_variance(norm):
    with pytest.raises(MinicnnError, match="expected more"):
        norm.training_forward(np.ones((1, 3)), None)
    with pytest.raises(MinicnnError, match="3 channels"):
        norm.forward(np.ones((1, 4)))


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
