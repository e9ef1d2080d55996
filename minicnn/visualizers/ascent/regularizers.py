"""What keeps an image that is made by gradient ascent from turning into noise.

A network's score can be raised by patterns that no photo has. Each regularizer is a function ``(x, gradient) -> x`` that pulls the image
back a little after each step; x is the image (1, H, W, C) in the network's units, where 0 is the mean color, and gradient that of the
objective with respect to it.

References
----------
K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, equation 1 (L2). J. Yosinski et al., arXiv:1506.06579, section 3 (L2, Gaussian blur,
clipping pixels by norm and by contribution). A. Mahendran, A. Vedaldi, arXiv:1412.0035, section 2.2 (total variation).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.pictures.frequency import gaussian_blur

Regularizer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def l2(share: float) -> Regularizer:
    """Shrink the image towards the mean color by a share of itself: gradient descent on the sum of squares."""
    return lambda x, gradient: x * x.dtype.type(1 - share)


def blur(std: float) -> Regularizer:
    """Blur the image a little, which takes away what is fine and noisy first."""
    return lambda x, gradient: gaussian_blur(x, std)


def total_variation(weight: float) -> Regularizer:
    """Walk down the sum over the pixels of sqrt(dx^2 + dy^2 + softness^2), the length of the differences to their neighbors.

    Unlike the blur it lets edges stand. A step this long is stable if the softness is more than 4 times the weight; it is 8 times.
    """

    def regularize(x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return x - x.dtype.type(weight) * total_variation_gradient(x, 8 * weight)[1]

    return regularize


def total_variation_gradient(x: np.ndarray, softness: float) -> tuple[float, np.ndarray]:
    """Compute the total variation of images (N, H, W, C) and its gradient."""
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[:, :-1] = x[:, 1:] - x[:, :-1]
    right[:, :, :-1] = x[:, :, 1:] - x[:, :, :-1]
    length = np.sqrt(down**2 + right**2 + x.dtype.type(softness) ** 2)
    down, right = down / length, right / length
    gradient = -down - right
    gradient[:, 1:] += down[:, :-1]
    gradient[:, :, 1:] += right[:, :, :-1]
    return float(length.sum(dtype=np.float64)), gradient


def clip_norm(share: float) -> Regularizer:
    """Set the share of the pixels that are nearest to the mean color to it, so that only what matters is left."""
    return lambda x, gradient: _without_smallest(x, np.abs(x).sum(axis=3), share)


def clip_contribution(share: float) -> Regularizer:
    """Set the share of the pixels that contribute least to the objective, |sum of x * gradient over the colors|, to the mean color."""
    return lambda x, gradient: _without_smallest(x, np.abs((x * gradient).sum(axis=3)), share)


def _without_smallest(x: np.ndarray, sizes: np.ndarray, share: float) -> np.ndarray:
    kept = sizes >= np.quantile(sizes, share, axis=(1, 2), keepdims=True)
    return x * kept[..., None]
