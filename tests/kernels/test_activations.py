"""The kernels of nonlinearities against their definitions in float64."""

import numpy as np
import pytest

from minicnn.kernels import ACTIVATIONS
from minicnn.layers import LAYERS, SiLU

NUMBERS = np.concatenate([np.linspace(-100, 100, 4001), np.linspace(-7, 7, 1001), [-3.0, 0.0, 3.0, 6.0, 1e-30, -1e-30, 1e30, -1e30]])


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_kernels(word):
    layer = LAYERS[word]()
    x = NUMBERS.astype(np.float32)
    exact = layer.value(x.astype(float))
    output, context = layer.forward(x)
    assert output.dtype == np.float32 and output == pytest.approx(exact, rel=1e-6, abs=1e-7)
    gradient = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    back = layer.backward(gradient, context)
    assert back.dtype == np.float32 and back == pytest.approx(gradient * layer.slope_at(x.astype(float)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_nan_stays_and_infinity_does_not_become_one(word):
    output = LAYERS[word]().forward(np.array([np.nan, np.inf], np.float32))[0]
    assert np.isnan(output[0]) and output[1] == (6 if word == "relu6" else np.inf)


def test_a_class_of_ones_own_is_not_its_parent(generator):
    class Doubled(SiLU):
        def value(self, x):
            return 2 * super().value(x)

    x = generator.standard_normal((2, 5), np.float32)
    assert Doubled().forward(x)[0] == pytest.approx(2 * SiLU().forward(x)[0], rel=1e-6)
