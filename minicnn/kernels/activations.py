r"""Nonlinearities in float32, in one pass over memory each way; `minicnn.layers.nonlinearities` defines them.

The exponential function is computed so that the compiler can do it for many numbers at once: with n the nearest whole number to x / ln 2,

    e^x = 2^n e^f,        f = x - n ln 2,  between -ln 2 / 2 and ln 2 / 2

where 2^n is written into the exponent of a float, and e^f is a polynomial of degree 7 (S. Moshier, Cephes, expf), right to 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import empty
from minicnn.kernels.vectors import power_of_two

ZERO, HALF, ONE, THREE, SIX = (np.float32(number) for number in (0, 0.5, 1, 3, 6))
SIXTH = np.float32(1 / 6)

#: ln 2 in two parts, of which the first has so few digits that n times it is exact.
LN2, LN2_REST, LOG2_E = np.float32(0.693359375), np.float32(-2.12194440e-4), np.float32(1.44269504)

#: Beyond it e^x is no float any more.
LARGEST = np.float32(87)

C2, C3, C4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
C5, C6, C7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)


@inlined
def _sigmoid(x):
    """1 / (1 + e^-x); of NaN any number."""
    t = min(max(-x, -LARGEST), LARGEST)
    n = np.floor(t * LOG2_E + HALF)
    f = t - n * LN2 - n * LN2_REST
    power = ((((C7 * f + C6) * f + C5) * f + C4) * f + C3) * f + C2
    return ONE / (ONE + (power * f * f + f + ONE) * power_of_two(np.int32(n)))


@jit
def _silu(x, output):
    for i in prange(x.size):
        output[i] = x[i] * _sigmoid(x[i])


@jit
def _silu_backward(gradient, x, x_gradient):
    for i in prange(x.size):
        share = _sigmoid(x[i])
        x_gradient[i] = gradient[i] * (share + x[i] * share * (ONE - share))


@jit
def _relu6(x, output):
    for i in prange(x.size):
        output[i] = SIX if x[i] > SIX else ZERO if x[i] < ZERO else x[i]


@jit
def _relu6_backward(gradient, x, x_gradient):
    for i in prange(x.size):
        x_gradient[i] = gradient[i] if ZERO < x[i] < SIX else ZERO


@jit
def _hard_swish(x, output):
    for i in prange(x.size):
        output[i] = x[i] if x[i] >= THREE else ZERO if x[i] <= -THREE else x[i] * (x[i] + THREE) * SIXTH


@jit
def _hard_swish_backward(gradient, x, x_gradient):
    for i in prange(x.size):
        slope = ONE if x[i] >= THREE else ZERO if x[i] <= -THREE else (x[i] + x[i] + THREE) * SIXTH
        x_gradient[i] = gradient[i] * slope


def _forward(kernel: Callable) -> Callable[[np.ndarray], np.ndarray]:
    def run(x: np.ndarray) -> np.ndarray:
        output = empty(x.shape, np.float32)
        kernel(np.ascontiguousarray(x).reshape(-1), output.reshape(-1))
        return output

    return run


def _backward(kernel: Callable) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def run(gradient: np.ndarray, x: np.ndarray) -> np.ndarray:
        x_gradient = empty(x.shape, np.float32)
        kernel(np.ascontiguousarray(gradient).reshape(-1), np.ascontiguousarray(x).reshape(-1), x_gradient.reshape(-1))
        return x_gradient

    return run


#: By a layer's word: its output from its input, and the gradient of its input from that of its output and its input; all float32.
ACTIVATIONS = {
    "relu6": (_forward(_relu6), _backward(_relu6_backward)),
    "silu": (_forward(_silu), _backward(_silu_backward)),
    "hard_swish": (_forward(_hard_swish), _backward(_hard_swish_backward)),
}
