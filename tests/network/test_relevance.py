"""Layer-wise relevance propagation against its sums written out, unit by unit."""

import numpy as np
import pytest

import minicnn
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
from minicnn.network import relevance


def shared_by_hand(layer, x, relevance_above, terms_of, divisors=None):
    """Share out the relevance of each output, one by one, in proportion to the terms that `terms_of(inputs, factors)` counts."""
    below = np.zeros(x.shape)
    for unit in np.ndindex(relevance_above.shape):
        taken = layer.value_terms(x, unit)
        terms = terms_of(taken.inputs, taken.factors)
        divisor = terms.sum() if divisors is None else divisors[unit]
        if divisor == 0:
            continue
        start = taken.start if isinstance(layer, Conv2D) else taken.start[: x.ndim]
        for place in np.ndindex(terms.shape):
            source = tuple(s + p for s, p in zip(start, place))
            if all(0 <= s < extent for s, extent in zip(source, x.shape)):
                below[source] += terms[place] / divisor * relevance_above[unit]
    return below


def layers(generator):
    return {
        "convolution": (Conv2D(generator.standard_normal((3, 2, 2, 4)), generator.standard_normal(4), (2, 1), (1, 0)), (5, 6, 2)),
        "dense": (Dense(generator.standard_normal((7, 3)), generator.standard_normal(3)), (7,)),
    }


@pytest.fixture(params=["convolution", "dense"])
def case(request, generator):
    layer, shape = layers(generator)[request.param]
    x = generator.standard_normal((2, *shape))
    return layer, x, generator.standard_normal(layer.forward(x)[0].shape)


def compare(rule, case, by_hand):
    layer, x, above = case
    found = rule(layer, above, x)
    assert found.dtype == np.float64
    for i in range(len(x)):  # each image of the batch by itself
        assert found[i] == pytest.approx(by_hand(layer, x[i], above[i]))


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_epsilon(case, share):
    def by_hand(layer, x, above):
        z = layer.forward(x[None])[0][0]
        divisors = z + np.where(z >= 0, 1, -1) * share * np.sqrt((z**2).mean())
        return shared_by_hand(layer, x, above, lambda inputs, factors: inputs * factors, divisors)

    compare(relevance.epsilon(share), case, by_hand)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_alpha_beta(case, alpha):
    def by_hand(layer, x, above):
        positive = shared_by_hand(layer, x, above, lambda inputs, factors: np.maximum(inputs * factors, 0))
        negative = shared_by_hand(layer, x, above, lambda inputs, factors: np.minimum(inputs * factors, 0))
        return alpha * positive - (alpha - 1) * negative

    compare(relevance.alpha_beta(alpha), case, by_hand)


def test_z_box(generator):
    layer, shape = layers(generator)["convolution"]
    x = generator.uniform(-1, 2, (2, *shape))
    above = generator.standard_normal(layer.forward(x)[0].shape)
    low, high = np.array([-1.0, -1.5]), np.array([2.0, 2.5])
    inside = np.pad(np.ones(shape), ((1, 1), (0, 0), (0, 0)))  # the padding has no range

    def by_hand(layer, x, above):
        padded, below = np.pad(x, ((1, 1), (0, 0), (0, 0))), np.zeros(inside.shape)
        for oy, ox, f in np.ndindex(above.shape):
            window, w = np.s_[2 * oy : 2 * oy + 3, ox : ox + 2], layer.weight[..., f]
            terms = (padded[window] * w - low * np.maximum(w, 0) - high * np.minimum(w, 0)) * inside[window]
            below[window] += terms / terms.sum() * above[oy, ox, f]
        return below[1:-1]

    compare(relevance.z_box(low, high), (layer, x, above), by_hand)


def test_where_nothing_contributes_nothing_is_handed_down(case):
    layer, x, above = case
    for rule in (relevance.epsilon(0.0), relevance.alpha_beta(2.0)):
        assert not rule(layer, above, np.zeros_like(x)).any()


def test_windows_of_zeros_stay_exact_whatever_convolves(generator):
    """Winograd's tiles, which hold other windows too, give 1e-7 there, and relevance divided by that would be spread over the tile."""
    layer = Conv2D(np.maximum(generator.standard_normal((3, 3, 64, 64), np.float32), 0), np.ones(64, np.float32), padding=1)
    x, above = np.zeros((1, 32, 32, 64), np.float32), np.ones((1, 32, 32, 64), np.float32)
    x[0, 9:13, 9:20] = 1
    for rule in (relevance.alpha_beta(1.0), relevance.epsilon(0.0), relevance.alpha_beta(2.0)):
        with minicnn.use_algorithm("im2col"):
            exact = rule(layer, above, x)
        assert rule(layer, above, x) == pytest.approx(exact, rel=1e-4, abs=1e-4)


@pytest.fixture
def deep(generator):
    """All kinds of layers, without biases."""

    def weight(*shape):
        return generator.standard_normal(shape)

    return minicnn.Network(
        {
            "conv1": Conv2D(weight(3, 3, 3, 6), np.zeros(6), padding=1),
            "relu1": ReLU(),
            "pool1": MaxPool2D(2),
            "conv2": Conv2D(weight(3, 3, 6, 8), np.zeros(8), padding=1),
            "relu2": ReLU(),
            "pool2": AveragePool2D((2, 1)),
            "flatten": Flatten(),
            "fc1": Dense(weight(2 * 5 * 8, 9), np.zeros(9)),
            "relu3": ReLU(),
            "drop": Dropout(0.5),
            "fc2": Dense(weight(9, 4), np.zeros(4)),
        }
    )


@pytest.mark.parametrize("rule", ["composite", "epsilon", "z-plus"])
def test_relevance_is_conserved_without_biases(deep, generator, rule):
    x = generator.standard_normal((2, 8, 10, 3))
    trace = deep.trace(x)
    seed = np.zeros((2, 4))
    seed[:, 2] = trace.result[:, 2]
    rules = relevance.rule_book(trace, rule, 0.0, 1.5, x.min(axis=(0, 1, 2)), x.max(axis=(0, 1, 2)))
    below = deep.backward(trace, {"fc2": seed}, rules)
    assert below.dtype == np.float64
    assert below.sum(axis=(1, 2, 3)) == pytest.approx(trace.result[:, 2])
    for name, values in deep.gradients(trace, {"fc2": seed}, rules).items():
        assert values.reshape(2, -1).sum(axis=1) == pytest.approx(trace.result[:, 2]), name


def test_epsilon_0_is_gradient_times_input(deep, generator):
    x = generator.standard_normal((1, 8, 10, 3))
    trace, seed = deep.trace(x), np.eye(4)[1:2]
    rules = relevance.rule_book(trace, "epsilon", 0.0, 1.0, None, None)
    found = deep.backward(trace, {"fc2": seed * trace.result[:, 1]}, rules)
    assert found == pytest.approx(x * deep.backward(trace, {"fc2": seed}))


def test_pools_share_in_proportion(generator):
    x = np.abs(generator.standard_normal((1, 4, 6, 2)))
    rule = relevance.epsilon(0.0)
    assert rule(GlobalAveragePool2D(), np.ones((1, 2)), x) == pytest.approx(x / x.sum(axis=(1, 2), keepdims=True))
    below = rule(AveragePool2D(2), np.ones((1, 2, 3, 2)), x)
    assert below[0, :2, 2:4, 1] == pytest.approx(x[0, :2, 2:4, 1] / x[0, :2, 2:4, 1].sum())


def test_the_composite(deep):
    """Each layer that shares relevance out has a rule; pooling and flattening go back as usual."""
    rules = relevance.rule_book(deep.trace(np.ones((1, 8, 10, 3))), "composite", 0.1, 2.0, None, None)
    assert set(deep.layers) - set(rules) == {name for name, layer in deep.layers.items() if isinstance(layer, (MaxPool2D, Flatten))}
    headless = minicnn.Network({"fc": Dense(np.zeros((2, 2)), np.zeros(2))})
    assert set(relevance.rule_book(headless.trace(np.ones((1, 2))), "composite", 0.1, 2.0, None, None)) == {"fc"}
