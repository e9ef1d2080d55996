"""The rectifier, in one pass over memory each way."""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty


def relu(x: np.ndarray) -> np.ndarray:
    """Compute max(x, 0); NaN stays NaN."""
    output = empty(x.shape, x.dtype)
    _relu(np.ascontiguousarray(x).reshape(-1), output.reshape(-1))
    return output


def relu_backward(gradient: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Compute the gradient where the output is above 0, as the input is there; else 0."""
    x_gradient = empty(output.shape, gradient.dtype)
    _relu_backward(np.ascontiguousarray(gradient).reshape(-1), np.ascontiguousarray(output).reshape(-1), x_gradient.reshape(-1))
    return x_gradient


@jit
def _relu(x, output):
    for i in prange(x.size):
        output[i] = max(x[i], 0)


@jit
def _relu_backward(gradient, output, x_gradient):
    for i in prange(output.size):
        x_gradient[i] = gradient[i] if output[i] > 0 else 0
