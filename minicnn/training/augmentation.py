"""Small changes to a photo that leave its class as it is, so that a network does not learn the photos by heart.

References
----------
T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv:1708.04552.
"""

from __future__ import annotations

import numpy as np


def augmented(x: np.ndarray, generator: np.random.Generator, flip: bool, crop: int, cutout: int) -> np.ndarray:
    """Flip photos left to right, shift them, and hide a part of them, each at random.

    Parameters
    ----------
    x : array (N, H, W, C)
        Prepared. What is hidden, or comes in from beyond the border, gets 0: the mean color, if the preprocessing takes that off.
    generator : numpy.random.Generator
    flip : bool
        Whether half of them, chosen at random, are flipped.
    crop : int
        Each is cut out of itself with so many pixels of 0 added on all sides.
    cutout : int
        In each a square of this side, which may reach beyond the border, becomes 0; 0 for none.

    Returns
    -------
    array (N, H, W, C)
    """
    count, height, width, _ = x.shape
    if flip:
        mirrored = generator.random((count,)) < 0.5
        x = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
    if crop:
        padded = np.pad(x, ((0, 0), (crop, crop), (crop, crop), (0, 0)))
        corners = generator.integers(0, 2 * crop + 1, (count, 2))
        x = np.stack([image[top : top + height, left : left + width] for image, (top, left) in zip(padded, corners)])
    if cutout:
        centers = generator.integers(0, (height, width), (count, 2))
        top, left = (np.arange(side) - centers[:, [axis]] + cutout // 2 for axis, side in enumerate((height, width)))
        hidden = ((top >= 0) & (top < cutout))[:, :, None] & ((left >= 0) & (left < cutout))[:, None]
        x = np.where(hidden[..., None], 0, x)
    return x
