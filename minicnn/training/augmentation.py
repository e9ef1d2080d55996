"""Small changes to a photo that leave its class as it is, so that a network does not learn the photos by heart."""

from __future__ import annotations

import numpy as np


def augmented(x: np.ndarray, generator: np.random.Generator, flip: bool, crop: int) -> np.ndarray:
    """Flip photos left to right, and shift them, each at random.

    Parameters
    ----------
    x : array (N, H, W, C)
        Prepared, so that 0 is the mean colour.
    generator : numpy.random.Generator
    flip : bool
        Whether half of them, chosen at random, are flipped.
    crop : int
        Each is cut out of itself with so many pixels of the mean colour added on all sides.

    Returns
    -------
    array (N, H, W, C)
    """
    count, height, width, _ = x.shape
    if flip:
        mirrored = generator.random(count) < 0.5
        x = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
    if crop:
        padded = np.pad(x, ((0, 0), (crop, crop), (crop, crop), (0, 0)))
        corners = generator.integers(0, 2 * crop + 1, (count, 2))
        x = np.stack([image[top : top + height, left : left + width] for image, (top, left) in zip(padded, corners)])
    return x
