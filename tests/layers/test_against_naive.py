"""Layers against their definitions, written out slowly, and what all of them promise: gradients, types, terms, batches."""

import naive
import numpy as np
import pytest

from minicnn.errors import DescriptionError, MinicnnError, ShapeError
from minicnn.layers import (
    AdaptiveAveragePool2D,
    AdaptiveMaxPool2D,
    ChannelShuffle,
    GlobalMaxPool2D,
    LayerNorm,
    LocalResponseNorm,
    PadChannels,
    PReLU,
    Scale,
    Softmax,
    TakeChannels,
    TransposedConv2D,
    Upsample,
)
from minicnn.models.descriptions import read_description
from minicnn.network.gradcheck import check_layer
from minicnn.network.relevance import epsilon

SIX = np.array([0.5, -1.5, 2.0, -0.25, 1.0, 3.0])

#: Each layer with its definition, for images of 6 channels.
ON_IMAGES = {
    LocalResponseNorm(5): lambda x: naive.local_response_norm(x, 5, 1e-4, 0.75, 1.0),
    LocalResponseNorm(4, 2.0, 0.5, 3.0): lambda x: naive.local_response_norm(x, 4, 2.0, 0.5, 3.0),
    LocalResponseNorm(1, 0.7, 1.0): lambda x: naive.local_response_norm(x, 1, 0.7, 1.0, 1.0),
    LocalResponseNorm(40, 9.0): lambda x: naive.local_response_norm(x, 40, 9.0, 0.75, 1.0),
    LayerNorm(SIX, SIX[::-1]): lambda x: naive.layer_norm(x, SIX, SIX[::-1], 1e-6),
    LayerNorm(SIX, SIX, 0.5): lambda x: naive.layer_norm(x, SIX, SIX, 0.5),
    Softmax(): naive.softmax,
    PReLU(SIX): lambda x: naive.prelu(x, SIX),
    PReLU(SIX[1:2]): lambda x: naive.prelu(x, SIX[1:2]),
    Scale(SIX): lambda x: np.stack([factor * x[..., i] for i, factor in enumerate(SIX)], axis=-1),
    Upsample(): lambda x: naive.upsample(x, (2, 2), "nearest"),
    Upsample((1, 3)): lambda x: naive.upsample(x, (1, 3), "nearest"),
    Upsample(2, "bilinear"): lambda x: naive.upsample(x, (2, 2), "bilinear"),
    Upsample((5, 3), "bilinear"): lambda x: naive.upsample(x, (5, 3), "bilinear"),
    ChannelShuffle(3): lambda x: naive.channel_shuffle(x, 3),
    ChannelShuffle(2): lambda x: naive.channel_shuffle(x, 2),
    TakeChannels(1, 4): lambda x: x[..., 1:4],
    PadChannels(1, 2): lambda x: np.concatenate([0 * x[..., :1], x, 0 * x[..., :2]], axis=-1),
    GlobalMaxPool2D(): lambda x: naive.adaptive_pool(x, (1, 1), np.max)[:, 0, 0],
    AdaptiveAveragePool2D((2, 3)): lambda x: naive.adaptive_pool(x, (2, 3), np.mean),
    AdaptiveAveragePool2D(7): lambda x: naive.adaptive_pool(x, (7, 7), np.mean),
    AdaptiveMaxPool2D((2, 3)): lambda x: naive.adaptive_pool(x, (2, 3), np.max),
    AdaptiveMaxPool2D(7): lambda x: naive.adaptive_pool(x, (7, 7), np.max),
}

#: Those of them that also take rows of numbers.
ON_ROWS = [layer for layer in ON_IMAGES if isinstance(layer, (LocalResponseNorm, LayerNorm, Softmax, PReLU, Scale))]

CASES = [*((layer, "images") for layer in ON_IMAGES), *((layer, "rows") for layer in ON_ROWS)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]!r} {case[1]}")
def case(request, generator):
    """A layer, what it takes, and what it shall make of it."""
    layer, what = request.param
    x = generator.standard_normal((2, 5, 4, 6) if what == "images" else (3, 6))
    return layer, x, ON_IMAGES[layer](x)


def test_the_definition(case):
    layer, x, expected = case
    output, _ = layer.forward(x)
    assert output.dtype == np.float64 and output == pytest.approx(expected, abs=1e-13)
    assert layer.output_shape(x.shape[1:]) == expected.shape[1:]
    assert layer.forward(x[1:])[0] == pytest.approx(output[1:], abs=1e-15)  # batched equals one by one


def test_the_derivative(case):
    layer, x, _ = case
    checks = [*check_layer(layer, x), *check_layer(layer, x[:1], full=True)]
    assert [check.name for check in checks] == ["input", *layer.parameter_names, "input", *layer.parameter_names]
    for check in checks:
        assert check.verdict == "ok" and check.error < 1e-7, check


def test_single_precision(case):
    """Of float32 comes float32, as exact as that is, whatever the type of the parameters."""
    layer, x, expected = case
    for own in (layer, layer.replace(**{name: array.astype(np.float32) for name, array in layer.arrays.items()})):
        output, context = own.forward(x.astype(np.float32))
        assert output.dtype == np.float32 and output == pytest.approx(expected, rel=2e-5, abs=2e-6)
        gradients = own.parameter_gradients(output, context)
        assert {array.dtype for array in (own.backward(output, context), *gradients.values())} == {np.dtype(np.float32)}
        exact, context = layer.forward(x)
        assert own.backward(output, own.forward(x.astype(np.float32))[1]) == pytest.approx(
            layer.backward(exact, context), rel=1e-4, abs=1e-5
        )


def test_every_number_taken_apart(case):
    layer, x, expected = case
    output, context = layer.forward(x[:1])
    above = np.random.default_rng(1).standard_normal(output.shape)
    below = layer.backward(above, context)[0]
    for unit in np.ndindex(expected.shape[1:]):
        terms = layer.value_terms(x[0], unit)
        assert terms.sum == pytest.approx(output[0][unit], abs=1e-12)
        assert terms.inputs.shape == terms.factors.shape and len(terms.start) in (x.ndim - 1, len(unit))
        for offset in np.argwhere(terms.factors):  # each is the number of the input that `start` says it is
            place = tuple(start + step for start, step in zip(terms.start, offset))
            if all(0 <= at < size for at, size in zip(place, x.shape[1:])):
                assert terms.inputs[tuple(offset)] == x[0][place]
    for unit in np.ndindex(x.shape[1:]):
        assert layer.gradient_terms(above[0], x[0], unit).sum == pytest.approx(below[unit], abs=1e-12)


@pytest.mark.parametrize("layer", [PReLU(SIX), PReLU(SIX[:1]), Scale(SIX)], ids=repr)
def test_relevance_stays_where_it_is(layer, generator):
    """Each output has one term, which gets all."""
    x, above = generator.standard_normal((2, 2, 3, 4, 6))
    assert layer.relevance == "unchanged" and epsilon(0.0)(layer, above, x) == pytest.approx(above)


@pytest.mark.parametrize("layer", [layer for layer in ON_IMAGES if layer.relevance in ("shared", "backward")], ids=repr)
def test_relevance_adds_up(layer, generator):
    """Nothing of it is lost, but what the layer itself puts in: channels of zeros."""
    x = generator.random((2, 5, 4, 6)) + 0.1
    output, context = layer.forward(x)
    above = generator.standard_normal(output.shape) * (output != 0)
    below = epsilon(0.0)(layer, above, x) if layer.relevance == "shared" else layer.backward(above, context)
    axes = (1, 2, 3)
    assert below.shape == x.shape and below.sum(axis=axes) == pytest.approx(above.reshape(len(x), -1).sum(axis=1))


@pytest.mark.parametrize("layer", [GlobalMaxPool2D(), AdaptiveMaxPool2D((2, 1))], ids=repr)
def test_the_first_of_equal_pixels_wins(layer):
    x = np.zeros((1, 4, 3, 1))
    x[0, 1, 2] = x[0, 3, 0] = x[0, 3, 1] = 5
    output, context = layer.forward(x)
    won = layer.backward(np.ones_like(output), context)
    expected = [(1, 2)] if isinstance(layer, GlobalMaxPool2D) else [(1, 2), (3, 0)]
    assert [tuple(place) for place in np.argwhere(won[0, ..., 0])] == expected


def test_pixels_of_several_regions_get_several_gradients():
    """5 rows in 3 regions: 0 1, 1 2 3, 3 4."""
    x = np.array([0, 1, 0, 2, 0.0]).reshape(1, 5, 1, 1)
    layer = AdaptiveMaxPool2D((3, 1))
    output, context = layer.forward(x)
    assert output.ravel().tolist() == [1, 2, 2]
    assert layer.backward(np.array([1, 10, 100.0]).reshape(1, 3, 1, 1), context).ravel().tolist() == [0, 1, 0, 110, 0]
    mean = AdaptiveAveragePool2D((3, 1))
    assert mean.backward(np.array([2, 3, 4.0]).reshape(1, 3, 1, 1), mean.forward(x)[1]).ravel().tolist() == [1, 2, 1, 3, 2]


@pytest.mark.parametrize("layer", [layer for layer in ON_ROWS if not layer.elementwise], ids=repr)
def test_very_large_numbers(layer):
    x = np.array([[-1e4, -100, 100, 1e4, 9e3, 0], [1e4, 1e4 + 1, 1e4, 1e4 + 2, 1e4, 1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        output, context = layer.forward(x)
        gradient = layer.backward(np.ones_like(output), context)
    with np.errstate(over="ignore"):  # the twin divides by infinity
        expected = ON_IMAGES[layer](x.astype(np.float64))
    assert np.isfinite(gradient).all() and output == pytest.approx(expected, rel=1e-4)


def test_equal_channels_have_no_variance():
    """A pixel without any is its bias."""
    x = np.full((1, 2, 3, 6), 7.0)
    output, context = LayerNorm(SIX, SIX).forward(x)
    assert np.array_equal(output, np.broadcast_to(SIX, x.shape)) and np.isfinite(LayerNorm(SIX, SIX).backward(x, context)).all()


def test_what_training_starts_from(generator):
    starts = {
        PReLU(SIX): {"weight": 0.25},
        Scale(SIX): {"weight": 1e-6},
        Scale(SIX, 0.1): {"weight": 0.1},
        LayerNorm(SIX, SIX): {"weight": 1, "bias": 0},
    }
    for layer, expected in starts.items():
        found = layer.initial_arrays(generator)
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert array.dtype == np.float32 and np.array_equal(array, np.full(6, expected[name], np.float32))


def test_how_much_closer_units_get(generator):
    assert Upsample((2, 3)).enlarges == (2, 3) and Upsample().window is None
    assert TransposedConv2D(generator.standard_normal((2, 2, 1, 1)), np.zeros(1), (3, 2)).enlarges == (3, 2)
    assert ChannelShuffle(2).enlarges == AdaptiveMaxPool2D(3).enlarges == (1, 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: LocalResponseNorm(0), "size is 0.*expected a size of at least 1"),
        (lambda: LocalResponseNorm(5, k=0), "k 0; expected"),
        (lambda: LocalResponseNorm(5, alpha=-1.0), "alpha -1.0"),
        (lambda: LocalResponseNorm(5, beta=float("nan")), "beta nan"),
        (lambda: LayerNorm(SIX, SIX[:2]), r"weight \(6,\), bias \(2,\); expected"),
        (lambda: LayerNorm(SIX, SIX, 0.0), "epsilon is 0.0"),
        (lambda: LayerNorm(SIX, SIX).output_shape((4, 4, 5)), "expected 6 channels"),
        (lambda: PReLU(np.ones((2, 2))), "expected .channels,."),
        (lambda: PReLU(SIX).forward(np.ones((1, 3, 3, 4))), "expected 6 channels"),
        (lambda: Scale(np.ones((1, 6))), "expected .channels,."),
        (lambda: Scale(SIX, float("inf")), "start is inf"),
        (lambda: Scale(SIX).forward(np.ones((1, 5))), "expected 6 channels"),
        (lambda: Upsample(0), "factor is 0"),
        (lambda: Upsample(2, "cubic"), "method is 'cubic'; expected 'nearest' or 'bilinear'"),
        (lambda: Upsample(2).forward(np.ones((1, 5))), "expected .height, width, channels."),
        (lambda: ChannelShuffle(0), "groups is 0"),
        (lambda: ChannelShuffle(4).output_shape((2, 2, 6)), "6 channels do not make 4 groups"),
        (lambda: TakeChannels(3, 3), "0 <= start < stop"),
        (lambda: TakeChannels(-1, 3), "0 <= start < stop"),
        (lambda: TakeChannels(2, 7).output_shape((2, 2, 6)), "expected at most 6"),
        (lambda: PadChannels(-1), "at least 0"),
        (lambda: AdaptiveMaxPool2D((3, 0)), "size is"),
        (lambda: AdaptiveAveragePool2D(2).forward(np.ones((1, 5))), "expected .height, width, channels."),
        (lambda: GlobalMaxPool2D().forward(np.ones((1, 5))), "expected .height, width, channels."),
        (lambda: Softmax().output_shape(()), "a single number"),
        (lambda: Upsample(2).backward(np.ones((1, 3, 4, 2)), (1, 2, 2, 2)), "the gradient has shape"),
        (lambda: AdaptiveMaxPool2D(2).backward(np.ones((1, 3)), (np.ones((1, 2, 2, 2), int), (1, 4, 4, 2))), "the gradient has shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(MinicnnError, match=message):
        make()


@pytest.mark.parametrize(
    "layer, message",
    [
        ("local_response_norm", "needs size"),
        ("local_response_norm, size = 5, k = 0", "k is 0; expected a number above 0"),
        ("upsample, factor = 1.5", "factor is 1.5"),
        ('upsample, method = "cubic"', 'expected "nearest" or "bilinear"'),
        ("channel_shuffle, groups = 2", "3 channels do not make 2 groups"),
        ("take_channels, start = 2, stop = 1", "0 <= start < stop"),
        ("take_channels, start = 0, stop = 4", "expected at most 3"),
        ("pad_channels, before = -1", "before is -1"),
        ('scale, start = "x"', "start is 'x'"),
        ("layer_norm, epsilon = 0", "epsilon is 0"),
        ("prelu, shared = 1", "shared is 1; expected true or false"),
        ("adaptive_max_pool", "needs size"),
        ("global_max_pool, size = 2", "it has none"),
    ],
)
def test_errors_of_descriptions(layer, message):
    word, _, options = layer.partition(", ")
    with pytest.raises(DescriptionError, match=message):
        read_description(f'input = [9, 9, 3]\nlayers = [{{{word} = "a"{options and ", "}{options}}}]', "text")


def test_an_image_is_expected():
    with pytest.raises(ShapeError, match="height, width"):
        TakeChannels(0, 1).forward(np.ones((2, 3)))
