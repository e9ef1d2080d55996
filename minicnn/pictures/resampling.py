"""Images in other sizes."""

from __future__ import annotations

import numpy as np


def resized(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale images (N, H, W, C) to another size: interpolating linearly where they grow, averaging where they shrink."""
    if x.shape[1:3] == tuple(size):
        return x
    rows, columns = (triangle_weights(old, new).astype(x.dtype) for old, new in zip(x.shape[1:3], size))
    higher = np.tensordot(rows, x, (1, 1))  # (rows, N, W, C)
    return np.ascontiguousarray(np.tensordot(columns, higher, (1, 2)).transpose(2, 1, 0, 3))


def triangle_weights(old: int, new: int) -> np.ndarray:
    """Return the weights, (new, old), that each new pixel of a row gives the old ones.

    They fall linearly with the distance between the pixels' centers, to 0 at the distance of one pixel, old or new, whichever is larger.
    """
    ratio = old / new
    centers = (np.arange(new) + 0.5) * ratio - 0.5
    distance = np.abs(centers[:, None] - np.arange(old)) / max(1.0, ratio)
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(axis=1, keepdims=True)
