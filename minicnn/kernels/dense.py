"""Products of a few rows with a large matrix, as fully connected layers need them.

VGG16's first dense layer has 411 MB of weights. For one image each weight is used once, so the time is that of reading them, and the
kernels here do nothing but read them once, in order. Rows of weights whose input is 0, as a ReLU leaves many, are not even read. For
many images a matrix product from BLAS is the better way; it is also the definition.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import prange

from minicnn.kernels.jit import jit

#: Up to so many rows the kernels here beat BLAS.
FEW_ROWS = 16

#: Outputs that one thread works on at a time: their sums stay in the processor's nearest cache.
CHUNK = 256


def dense(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Compute x W + b for x (N, inputs), W (inputs, outputs), b (outputs,)."""
    if len(x) > FEW_ROWS or not x.dtype == weight.dtype == bias.dtype == np.float32:
        return x @ weight + bias
    output = np.empty((len(x), len(bias)), np.float32)
    _dense(np.ascontiguousarray(x), weight, bias, output)
    return output


def dense_backward(gradient: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Compute g W^T for g (N, outputs), W (inputs, outputs)."""
    if len(gradient) > FEW_ROWS or not gradient.dtype == weight.dtype == np.float32:
        return gradient @ weight.T
    x_gradient = np.empty((len(gradient), len(weight)), np.float32)
    _dense_backward(np.ascontiguousarray(gradient), weight, x_gradient, numba.get_num_threads())
    return x_gradient


@jit
def _dense(x, weight, bias, output):
    rows, inputs = x.shape
    outputs = weight.shape[1]
    for chunk in prange((outputs + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min(outputs, (chunk + 1) * CHUNK)
        for n in range(rows):
            output[n, start:stop] = bias[start:stop]
        for i in range(inputs):
            weights = weight[i, start:stop]
            for n in range(rows):
                number = x[n, i]
                if number != 0:
                    sums = output[n, start:stop]
                    for o in range(stop - start):
                        sums[o] += number * weights[o]


@jit
def _dense_backward(gradient, weight, x_gradient, threads):
    rows, outputs = gradient.shape
    inputs = len(weight)
    for thread in prange(threads):
        sums = np.empty(16, np.float32)
        for i in range(inputs * thread // threads, inputs * (thread + 1) // threads):
            weights = weight[i]
            for n in range(rows):
                numbers = gradient[n]
                sums[:] = 0
                for o in range(0, outputs - 15, 16):
                    for lane in range(16):  # sixteen sums side by side are faster, and more exact, than one
                        sums[lane] += numbers[o + lane] * weights[o + lane]
                total = sums.sum()
                for o in range(outputs - outputs % 16, outputs):
                    total += numbers[o] * weights[o]
                x_gradient[n, i] = total
