"""Sums over positions, for each channel: of all images together, or of each image.

They are taken in float64, so that float32 keeps its digits over large maps, and over blocks of rows, so that threads can share the work.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from minicnn.kernels.jit import jit

#: Rows that one thread adds up in one go.
BLOCK = 256


def channel_sums(x: np.ndarray) -> np.ndarray:
    """Sum an array (..., channels) over all its axes but the last; returns an array (channels,), float64."""
    return image_sums(x[None])[0]


def image_sums(x: np.ndarray) -> np.ndarray:
    """Sum an array (N, ..., channels) over all its axes but the first and the last; returns an array (N, channels), float64."""
    rows = as_rows(x)
    sums = np.zeros((len(rows), block_count(rows.shape[1]), rows.shape[2]))
    _add_rows(rows, sums)
    return sums.sum(axis=1)


def as_rows(x: np.ndarray) -> np.ndarray:
    """View an array (N, ..., channels) as (N, positions, channels), or copy it if its numbers do not lie in order."""
    return np.ascontiguousarray(x).reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])


def block_count(rows: int) -> int:
    """Tell how many blocks some rows are."""
    return -(-rows // BLOCK)


@jit
def _add_rows(rows, sums):
    blocks = sums.shape[1]
    for task in prange(len(sums) * blocks):
        image, block = task // blocks, task % blocks
        for row in range(block * BLOCK, min((block + 1) * BLOCK, rows.shape[1])):
            for channel in range(rows.shape[2]):
                sums[image, block, channel] += rows[image, row, channel]
