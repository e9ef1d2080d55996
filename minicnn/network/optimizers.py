"""How a gradient becomes a step, for pictures and for weights.

Each takes the gradient and what it remembers of the steps before (nothing, an empty tuple, at the first), and returns the direction to
walk in, which is then multiplied with the step size, and what to remember: a tuple of arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Memory = tuple[np.ndarray | int, ...]
Optimizer = Callable[[np.ndarray, Memory], tuple[np.ndarray, Memory]]

#: Adam's decay rates for its two means, and what keeps it from dividing by 0, as in the paper.
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8


def normalized_gradient(gradient: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
    """Walk along the gradient, each image (N, ...) by a step whose root mean square is 1; it remembers nothing."""
    size = np.sqrt(np.mean(gradient**2, axis=tuple(range(1, gradient.ndim)), keepdims=True, dtype=np.float64))
    return np.divide(gradient, size.astype(gradient.dtype), out=np.zeros_like(gradient), where=size > 0), ()


def momentum(share: float, nesterov: bool = False) -> Optimizer:
    """Make the optimizer that keeps a share of its velocity and adds the gradient.

    With `nesterov` the direction is where that velocity will have led to after one more step along the same gradient.

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, sections 2 and 3, in the form in
    which the gradient is taken where the weights are, as in common frameworks.
    """

    def optimizer(gradient: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
        velocity = gradient.dtype.type(share) * memory[0] + gradient if memory else gradient
        return (gradient + gradient.dtype.type(share) * velocity if nesterov else velocity), (velocity,)

    return optimizer


def adam(gradient: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
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
    return unbiased / (spread + gradient.dtype.type(TINY)), (first, second, count)


def adam_for_images(gradient: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
    """Use `adam` on gradients (N, ...) as shares of the largest number of each image's first one: objectives of any size are alike."""
    size, *before = memory or (_largest(gradient),)
    direction, after = adam(gradient / size, tuple(before))
    return direction, (size, *after)


def _largest(gradient: np.ndarray) -> np.ndarray:
    """Return the largest size in each image's gradient (N, ...), to divide by; of nothing but zeros 1."""
    largest = np.abs(gradient).max(axis=tuple(range(1, gradient.ndim)), keepdims=True)
    return np.where(largest > 0, largest, 1).astype(gradient.dtype)
