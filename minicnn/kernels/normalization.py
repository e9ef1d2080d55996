"""The passes over memory that batch normalization needs: mean and variance of each channel, a line for each channel, and the way back.

Arrays are (rows, channels): all positions of all images, one after the other. Sums are taken as in `minicnn.kernels.sums`.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty
from minicnn.kernels.sums import BLOCK, block_count, channel_sums


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean and the variance of each channel, (channels,) each, float64; the variance divides by the number of rows."""
    mean = channel_sums(x) / len(x)
    sums = np.zeros((block_count(len(x)), x.shape[1]))
    _squares(x, mean, sums)
    return mean, sums.sum(axis=0) / len(x)


def scale_and_shift(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Compute x scale + shift, with a number of each for each channel, in the type of x."""
    output = empty(x.shape, x.dtype)
    _scale_and_shift(x, scale.astype(x.dtype), shift.astype(x.dtype), output)
    return output


def product_sums(gradient: np.ndarray, x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the sums of g and of g (x - mean) for each channel, (channels,) each, float64."""
    sums = np.zeros((2, block_count(len(x)), x.shape[1]))
    _product_sums(gradient, x, mean, sums)
    plain, weighted = sums.sum(axis=1)
    return plain, weighted


def combined(gradient: np.ndarray, x: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Compute a g + b x + c, with a number of each for each channel, in the type of the gradient."""
    output = empty(x.shape, gradient.dtype)
    _combined(gradient, x, *(each.astype(gradient.dtype) for each in (a, b, c)), output)
    return output


@jit
def _squares(x, mean, sums):
    for block in prange(len(sums)):
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(x))):
            for channel in range(x.shape[1]):
                sums[block, channel] += (x[row, channel] - mean[channel]) ** 2


@jit
def _scale_and_shift(x, scale, shift, output):
    for row in prange(len(x)):
        for channel in range(x.shape[1]):
            output[row, channel] = x[row, channel] * scale[channel] + shift[channel]


@jit
def _product_sums(gradient, x, mean, sums):
    for block in prange(sums.shape[1]):
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(x))):
            for channel in range(x.shape[1]):
                sums[0, block, channel] += gradient[row, channel]
                sums[1, block, channel] += gradient[row, channel] * (x[row, channel] - mean[channel])


@jit
def _combined(gradient, x, a, b, c, output):
    for row in prange(len(x)):
        for channel in range(x.shape[1]):
            output[row, channel] = a[channel] * gradient[row, channel] + b[channel] * x[row, channel] + c[channel]
