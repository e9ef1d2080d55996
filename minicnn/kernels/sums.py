"""Sums over all positions of all images, for each channel.

They are taken in float64, so that float32 keeps its digits over large maps, and over blocks of rows, so that threads can share the work.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.kernels.jit import jit

#: Rows that one thread adds up in one go.
BLOCK = 1024


def channel_sums(x: np.ndarray) -> np.ndarray:
    """Sum an array (..., channels) over all its axes but the last; returns an array (channels,), float64."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    sums = block_sums(rows)
    _add_rows(rows, sums)
    return sums.sum(axis=0)


def block_sums(rows: np.ndarray) -> np.ndarray:
    """Return zeros (blocks, channels) for the sums over an array (rows, channels)."""
    return np.zeros((-(-len(rows) // BLOCK), rows.shape[1]))


@jit
def _add_rows(rows, sums):
    for block in prange(len(sums)):
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(rows))):
            for channel in range(rows.shape[1]):
                sums[block, channel] += rows[row, channel]
