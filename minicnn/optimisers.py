"""How a gradient becomes a step.

Each takes the gradient and what it remembers of the steps before (None at the first), and returns the direction to walk in, which is then
multiplied with the step size, and what to remember.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: The two running means, the number of steps, and the size of the first gradient of each image.
AdamMemory = tuple[np.ndarray, np.ndarray, int, np.ndarray]

Optimiser = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]

#: Adam's decay rates for its two means, and what keeps it from dividing by 0, as in the paper.
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8


def steepest(gradient: np.ndarray, memory: None) -> tuple[np.ndarray, None]:
    """Walk along the gradient, each image (N, ...) by a step whose root mean square is 1; it remembers nothing."""
    size = np.sqrt(np.mean(gradient**2, axis=tuple(range(1, gradient.ndim)), keepdims=True, dtype=np.float64))
    return np.divide(gradient, size.astype(gradient.dtype), out=np.zeros_like(gradient), where=size > 0), None


def adam(gradient: np.ndarray, memory: AdamMemory | None) -> tuple[np.ndarray, AdamMemory]:
    """Divide the running mean of the gradient by the root of the running mean of its square, each number by itself.

    Numbers whose gradient keeps its sign move by about 1, those whose gradient jumps to and fro move less.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1.
    """
    first, second, count, size = memory or (np.zeros_like(gradient), np.zeros_like(gradient), 0, _largest(gradient))
    gradient = gradient / size  # so that objectives of any size are treated alike, and each image by itself
    first = FIRST_DECAY * first + (1 - FIRST_DECAY) * gradient
    second = SECOND_DECAY * second + (1 - SECOND_DECAY) * gradient**2
    count += 1
    unbiased, spread = first / (1 - FIRST_DECAY**count), np.sqrt(second / (1 - SECOND_DECAY**count))
    return unbiased / (spread + gradient.dtype.type(TINY)), (first, second, count, size)


def _largest(gradient: np.ndarray) -> np.ndarray:
    """Return the largest size in each image's gradient (N, ...), to divide by; of nothing but zeros 1."""
    largest = np.abs(gradient).max(axis=tuple(range(1, gradient.ndim)), keepdims=True)
    return np.where(largest > 0, largest, 1).astype(gradient.dtype)
