"""Products of images with a factor for each of their channels, in one pass over memory each way; `minicnn.layers.joins` defines them.

Arrays are (N, positions, channels), factors (N, channels).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty
from minicnn.kernels.sums import BLOCK, as_rows, block_count


def gated(x: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Multiply each channel of images (N, H, W, C) by its factor, (N, C); returns an array of the images' shape."""
    output = empty(x.shape, np.result_type(x, gate))
    _gated(as_rows(x), np.ascontiguousarray(gate), as_rows(output))
    return output


def gate_gradient(gradient: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum the gradient of `gated`, times its images, over the positions of each image; returns an array (N, C), float64."""
    gradient, x = as_rows(gradient), as_rows(x)
    sums = np.zeros((len(x), block_count(x.shape[1]), x.shape[2]))
    _add_products(gradient, x, sums)
    return sums.sum(axis=1)


@jit
def _gated(x, gate, output):
    _, rows, channels = x.shape
    for task in prange(len(x) * rows):
        image, row = task // rows, task % rows
        for channel in range(channels):
            output[image, row, channel] = x[image, row, channel] * gate[image, channel]


@jit
def _add_products(gradient, x, sums):
    blocks = sums.shape[1]
    for task in prange(len(sums) * blocks):
        image, block = task // blocks, task % blocks
        for row in range(block * BLOCK, min((block + 1) * BLOCK, x.shape[1])):
            for channel in range(x.shape[2]):
                sums[image, block, channel] += gradient[image, row, channel] * x[image, row, channel]
