"""Products of a few rows with a large matrix, as fully connected layers need them.

VGG16's first dense layer has 411 MB of weights. For one image each weight is used once, so the time is that of reading them, and the
kernels here do nothing but read them once, in order. Rows of weights whose input is 0, as a ReLU leaves many, are not even read (so
an infinite weight there does not make a NaN). For many images a matrix product from BLAS is the better way; it is also the definition.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.kernels.blas import matrix_product
from minicnn.kernels.jit import jit, jit_reordering_sums
from minicnn.kernels.threads import thread_count

#: Up to so many rows the kernels here beat BLAS.
FEW_ROWS = 16

ZERO = np.float32(0)


def dense(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Compute x W + b for x (N, inputs), W (inputs, outputs), b (outputs,)."""
    if len(x) > FEW_ROWS or not x.dtype == weight.dtype == bias.dtype == np.float32:
        return matrix_product(x, weight) + bias
    threads = thread_count()
    sums = np.zeros((threads, len(x), len(bias)), np.float32)
    _dense(np.ascontiguousarray(x), weight, sums, threads)
    return sums.sum(axis=0) + bias


def dense_backward(gradient: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Compute g W^T for g (N, outputs), W (inputs, outputs)."""
    if len(gradient) > FEW_ROWS or not gradient.dtype == weight.dtype == np.float32:
        return matrix_product(gradient, weight.T)
    x_gradient = np.empty((len(gradient), len(weight)), np.float32)
    _dense_backward(np.ascontiguousarray(gradient), weight, x_gradient, thread_count())
    return x_gradient


@jit
def _dense(x, weight, sums, threads):
    """Add up x W, each thread over its share of the inputs, four inputs at a time."""
    rows, inputs = x.shape
    outputs = weight.shape[1]
    for thread in prange(threads):
        used = np.empty(inputs // threads + 4, np.int64)
        count = 0
        for i in range(inputs * thread // threads, inputs * (thread + 1) // threads):
            for n in range(rows):
                if x[n, i] != 0:
                    used[count] = i
                    count += 1
                    break
        for first in range(0, count - 3, 4):
            a, b, c, d = used[first], used[first + 1], used[first + 2], used[first + 3]
            weights_a, weights_b, weights_c, weights_d = weight[a], weight[b], weight[c], weight[d]
            for n in range(rows):
                own = sums[thread, n]
                x_a, x_b, x_c, x_d = x[n, a], x[n, b], x[n, c], x[n, d]
                for o in range(outputs):
                    own[o] += (x_a * weights_a[o] + x_b * weights_b[o]) + (x_c * weights_c[o] + x_d * weights_d[o])
        for last in range(count - count % 4, count):
            weights = weight[used[last]]
            for n in range(rows):
                own = sums[thread, n]
                number = x[n, used[last]]
                for o in range(outputs):
                    own[o] += number * weights[o]


@jit_reordering_sums
def _dense_backward(gradient, weight, x_gradient, threads):
    """Compute each input's product of its weights with the gradient."""
    rows, outputs = gradient.shape
    inputs = len(weight)
    for thread in prange(threads):
        for i in range(inputs * thread // threads, inputs * (thread + 1) // threads):
            weights = weight[i]
            for n in range(rows):
                numbers = gradient[n]
                total = ZERO
                for o in range(outputs):
                    total += numbers[o] * weights[o]
                x_gradient[n, i] = total
