"""How a gradient becomes a step.

Each takes the gradient and what it remembers of the steps before (None at the first), and returns the direction to walk in, which is then
multiplied with the step size, and what to remember.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Optimiser = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]

#: Adam's decay rates for its two means, as in the paper; and what keeps it from dividing by 0, as a share of the largest divisor, so that
#: objectives of any size are treated alike.
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8


def steepest(gradient: np.ndarray, memory: None) -> tuple[np.ndarray, None]:
    """Walk along the gradient, each image (N, ...) by a step whose root mean square is 1; it remembers nothing."""
    size = np.sqrt(np.mean(gradient**2, axis=tuple(range(1, gradient.ndim)), keepdims=True, dtype=np.float64))
    return np.divide(gradient, size.astype(gradient.dtype), out=np.zeros_like(gradient), where=size > 0), None


def adam(gradient: np.ndarray, memory: tuple[np.ndarray, np.ndarray, int] | None) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, int]]:
    """Divide the running mean of the gradient by the root of the running mean of its square, each number by itself.

    Numbers whose gradient keeps its sign move by about 1, those whose gradient jumps to and fro move less.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1.
    """
    first, second, count = memory or (np.zeros_like(gradient), np.zeros_like(gradient), 0)
    first = FIRST_DECAY * first + (1 - FIRST_DECAY) * gradient
    second = SECOND_DECAY * second + (1 - SECOND_DECAY) * gradient**2
    count += 1
    unbiased, spread = first / (1 - FIRST_DECAY**count), np.sqrt(second / (1 - SECOND_DECAY**count))
    return unbiased / (spread + TINY * spread.max() + np.finfo(gradient.dtype).tiny), (first, second, count)
