"""The checker itself: it must see a wrong gradient, and know a kink when it stands on one."""

from dataclasses import dataclass

import numpy as np
import pytest

from minicnn.errors import ShapeError
from minicnn.layers import Conv2D, Layer, MaxPool2D, ReLU
from minicnn.network.gradcheck import check_layer, check_network, check_objective
from minicnn.network.objectives import Objective, class_score, class_values


@dataclass(frozen=True, eq=False)
class OneWrongPixel(Conv2D):
    """A convolution whose input gradient is off by a little at one pixel, and whose bias gradient forgets an image."""

    def backward(self, gradient, context):
        x_gradient = super().backward(gradient, context)
        x_gradient[0, 2, 3, 1] *= 1.001
        return x_gradient

    def parameter_gradients(self, gradient, context):
        gradients = super().parameter_gradients(gradient, context)
        return {**gradients, "bias": gradients["bias"] - gradient[-1].sum(axis=(0, 1))}


@dataclass(frozen=True, eq=False)
class Square(Layer):
    """A smooth layer that is not linear."""

    def forward(self, x):
        return x**2, x

    def backward(self, gradient, context):
        return 2 * gradient * context


@pytest.mark.parametrize("full", [False, True])
def test_wrong_gradients_are_seen(generator, full):
    layer = OneWrongPixel(generator.standard_normal((3, 3, 2, 4)), np.zeros(4), padding=1)
    verdicts = {check.name: check.verdict for check in check_layer(layer, generator.standard_normal((1, 5, 6, 2)), full=full)}
    assert verdicts == {"input": "wrong", "weight": "ok", "bias": "wrong"}


@pytest.mark.parametrize("full", [False, True])
def test_curvature_is_no_error(generator, full):
    (check,) = check_layer(Square(), generator.standard_normal((1, 4, 4, 2)), full=full)
    assert check.verdict == "ok"


def test_a_relu_at_zero_is_a_kink_and_no_failure(generator):
    x = generator.standard_normal((1, 4, 5, 2))
    x[0, 1, 2, 0] = 0
    for full in (False, True):
        (check,) = check_layer(ReLU(), x, full=full)
        assert check.verdict == "ok, 1 kinks left out"
    (check,) = check_layer(ReLU(), np.zeros_like(x))
    assert check.verdict == "on a kink (40)"


def test_equal_pixels_in_a_pooling_window_are_kinks(generator):
    x = generator.standard_normal((1, 4, 4, 1))
    x[0, :2, :2] = 3
    (check,) = check_layer(MaxPool2D(2), x)
    assert check.verdict == "ok, 1 kinks left out"
    (check,) = check_layer(MaxPool2D(2), np.ones((1, 4, 4, 1)))
    assert check.verdict == "on a kink (4)"


def test_a_kink_that_a_smaller_step_avoids_is_avoided(generator):
    x = generator.standard_normal((1, 4, 5, 2))
    x[0, 1, 2, 0] = 1e-6
    (check,) = check_layer(ReLU(), x)
    assert check.verdict == "ok"


def test_a_network_on_a_kink(small_model):
    check = check_objective(small_model.network, class_score(1), np.zeros((1, 30, 24, 3)))
    assert "on a kink" in check.verdict  # biases are zero, so every ReLU sits at 0


def test_a_whole_network(small_model, generator):
    checks = dict(check_network(small_model.network, generator.standard_normal((2, 30, 24, 3))))
    assert list(checks) == [*small_model.network.layers, "network"]
    assert all(check.verdict.startswith("ok") for layer_checks in checks.values() for check in layer_checks)


@pytest.mark.parametrize("output", ["logit", "probability", "log-probability"])
def test_what_visualizers_ascend(small_model, generator, output):
    x = generator.standard_normal((2, 30, 24, 3))
    assert check_objective(small_model.network, class_score(3, output), x).verdict == "ok"


def test_objectives_add_and_scale(small_model, generator):
    network = small_model.network.astype(np.float64)
    x = generator.standard_normal((2, 30, 24, 3))
    middle = Objective(lambda trace: ((trace.outputs["relu1"] ** 2).sum(axis=(1, 2, 3)), {"relu1": 2 * trace.outputs["relu1"]}))
    mixed = 2 * class_score(3) - class_score(1, "probability") + 1e-3 * middle + middle * 1e-3
    assert check_objective(network, mixed, x).verdict == "ok"
    parts = [class_score(3), class_score(1, "probability"), middle]
    (a, da), (b, db), (c, dc) = [part.value_and_gradient(network, x) for part in parts]
    values, gradient = mixed.value_and_gradient(network, x)
    assert values == pytest.approx(2 * a - b + 2e-3 * c)
    assert gradient == pytest.approx(2 * da - db + 2e-3 * dc)


def test_a_wrong_objective_is_seen(small_model, generator):
    wrong = Objective(lambda trace: (trace.result[:, 0], {"fc": np.ones_like(trace.result)}))
    assert check_objective(small_model.network, wrong, generator.standard_normal((1, 30, 24, 3))).verdict == "wrong"


@pytest.mark.parametrize("output", ["probability", "log-probability"])
def test_a_probability_near_1_keeps_its_gradient(output):
    """1 - p has no digits left in float32 when p rounds to 1, the sum of the other probabilities has."""
    logits = np.array([[0.0, 18.0, 1.0, -2.0]])
    expected = class_values(logits, 1, output)[1]
    assert expected[0, 1] == pytest.approx(np.exp([-18.0, -17, -20]).sum(), rel=1e-6)
    assert class_values(logits.astype(np.float32), 1, output)[1] == pytest.approx(expected, rel=1e-5)


class Sigmoid(Layer):
    """A layer of one's own: a class with a forward and a backward pass, and nothing else."""

    def forward(self, x):
        y = 1 / (1 + np.exp(-x))
        return y, y

    def backward(self, gradient, context):
        return gradient * context * (1 - context)


class Single(Sigmoid):
    def forward(self, x):
        y, _ = super().forward(x.astype(np.float32))
        return y, y


class SingleInside(Sigmoid):
    def forward(self, x):
        y = super().forward(x.astype(np.float32))[0].astype(np.float64)
        return y, y


class Overwriting(Sigmoid):
    def backward(self, gradient, context):
        gradient *= context * (1 - context)
        return gradient


class Sign(Layer):
    """Flat everywhere."""

    def forward(self, x):
        return np.sign(x), None

    def backward(self, gradient, context):
        return np.zeros_like(gradient)


@pytest.mark.parametrize(
    "layer, verdict",
    [
        (Sigmoid, "ok"),
        (Single, "computes in float32; give it float64"),
        (SingleInside, "computes in float32; give it float64"),
        (Overwriting, "wrong: the backward pass overwrites the gradient that it was given"),
        (Sign, "zero"),
    ],
)
def test_layers_of_ones_own(layer, verdict, generator):
    (check,) = check_layer(layer(), generator.standard_normal((2, 3, 4, 2)))
    assert check.verdict == verdict


def test_a_parameter_without_a_gradient_is_named(generator):
    class Scale(Layer):
        parameter_names = ("scale",)
        scale = np.ones(2)

        def forward(self, x):
            return self.scale * x, x

        def backward(self, gradient, context):
            return self.scale * gradient

    with pytest.raises(ShapeError, match="a Scale has the parameter scale, and its parameter_gradients gives nothing"):
        check_layer(Scale(), generator.standard_normal((2, 3, 4, 2)))


class Tanh(Layer):
    def forward(self, x):
        y = np.tanh(x)
        return y, y

    def backward(self, gradient, context):
        return gradient * (1 - context**2)


class WrongTanh(Tanh):
    def backward(self, gradient, context):
        return 1.001 * super().backward(gradient, context)


class SingleBack(Tanh):
    def backward(self, gradient, context):
        return super().backward(gradient, context).astype(np.float32)


@pytest.mark.parametrize("scale", [1, 10, 50])
def test_curved_layers_are_right_at_any_scale(scale):
    for seed in range(10):
        x = scale * np.random.default_rng(seed).standard_normal((1, 6, 6, 3))
        assert [check.verdict for check in check_layer(Tanh(), x, seed)] == ["ok"]
        assert [check.verdict for check in check_layer(WrongTanh(), x, seed)] == ["wrong"]
        assert "float32; give it float64" in check_layer(SingleBack(), x, seed)[0].verdict
    assert check_layer(Sign(), np.arange(-3.0, 3.5).reshape(1, 1, 1, 7) + 0.1, full=True)[0].verdict == "zero"
