"""Nonlinearities against their definitions, finite differences, and what PyTorch computes."""

import math
from pathlib import Path

import numpy as np
import pytest
from layer_cases import NONLINEARITIES, numbers

from minicnn import layers
from minicnn.errors import MinicnnError
from minicnn.layers import ELU, GELU, LAYERS, HardSigmoid, HardSwish, LeakyReLU, ReLU6, Sigmoid, SiLU, Tanh
from minicnn.models.specs import LayerSpec
from minicnn.network.gradcheck import check_layer


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


#: Each layer with the definition, number by number.
NAIVE = {
    LeakyReLU(0.2): lambda x: x if x > 0 else 0.2 * x,
    ReLU6(): lambda x: min(max(x, 0), 6),
    ELU(1.5): lambda x: x if x > 0 else 1.5 * (math.exp(x) - 1),
    Sigmoid(): sigmoid,
    Tanh(): math.tanh,
    SiLU(): lambda x: x * sigmoid(x),
    GELU(): lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    GELU("tanh"): lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    HardSigmoid(): lambda x: min(max(x / 6 + 0.5, 0), 1),
    HardSigmoid(0.2): lambda x: min(max(0.2 * x + 0.5, 0), 1),
    HardSwish(): lambda x: x * min(max(x + 3, 0), 6) / 6,
}

REFERENCES = Path(__file__).parent.parent / "references" / "layers.npz"


@pytest.fixture
def x(generator):
    numbers = 4 * generator.standard_normal((2, 5, 6, 3))
    for kink in (-3, -2.5, 0, 2.5, 3, 6):
        numbers = np.where(np.abs(numbers - kink) < 0.05, kink + 0.3, numbers)
    return numbers


@pytest.mark.parametrize("layer", NAIVE, ids=repr)
def test_the_definition(layer, x):
    output, _ = layer.forward(x)
    assert output == pytest.approx(np.vectorize(NAIVE[layer])(x), abs=1e-12)
    single, context = layer.forward(x.astype(np.float32))
    assert single.dtype == np.float32 and single == pytest.approx(output, abs=2e-6)
    assert layer.backward(np.ones_like(single), context).dtype == np.float32


@pytest.mark.parametrize("layer", NAIVE, ids=repr)
def test_the_derivative(layer, x):
    for check in (*check_layer(layer, x), *check_layer(layer, x[:1, :2], full=True)):
        assert check.verdict == "ok" and check.error < 1e-7, check


@pytest.mark.parametrize("layer", NAIVE, ids=repr)
def test_very_large_numbers(layer):
    """Nothing overflows into NaN."""
    x = np.array([[-1e4, -100, 100, 1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        output, context = layer.forward(x)
        gradient = layer.backward(np.ones_like(output), context)
    assert np.isfinite(output).all() and np.isfinite(gradient).all()


@pytest.mark.parametrize("layer", NAIVE, ids=repr)
def test_in_descriptions(layer):
    spec = LayerSpec.of(layer.word, layer.to_options())
    again = LAYERS[layer.word].from_options((3,), spec.options)
    assert type(again) is type(layer) and again.to_options() == layer.to_options()


@pytest.mark.parametrize("layer", NAIVE, ids=repr)
def test_a_number_taken_apart(layer, x):
    """The output is the slope times the input, and what is left; the gradient is the slope times that above."""
    output, context = layer.forward(x[:1])
    terms = layer.value_terms(x[0], (1, 2, 0))
    assert terms.sum == pytest.approx(output[0, 1, 2, 0])
    above = np.random.default_rng(0).standard_normal(output.shape)
    assert layer.gradient_terms(above[0], x[0], (1, 2, 0)).sum == pytest.approx(layer.backward(above, context)[0, 1, 2, 0])


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_what_pytorch_computes(name):
    (kind, arguments), _ = NONLINEARITIES[name]
    layer = getattr(layers, kind)(*arguments)
    output, context = layer.forward(numbers())
    with np.load(REFERENCES) as stored:
        assert output == pytest.approx(stored[f"{name}/output"], abs=1e-14)
        assert layer.backward(np.ones_like(output), context) == pytest.approx(
            stored[f"{name}/gradient"], abs=1e-8
        )  # its 1 / 6 is of 32 bits


def test_what_is_no_approximation():
    with pytest.raises(MinicnnError, match="expected 'none' or 'tanh'"):
        GELU("sigmoid")
