"""Baseline images: what stands in for a photo, to hide its parts behind or to compare it with."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minicnn.pictures.frequency import gaussian_blur

Fill = Literal["gray", "mean", "blur", "noise"]


def filled(image: np.ndarray, fill: Fill, std: float, seed: int) -> np.ndarray:
    """Make a baseline image for a photo.

    Parameters
    ----------
    image : array (1, H, W, C)
        The photo, prepared.
    fill : {"gray", "mean", "blur", "noise"}
        The mean color of the training photos, which is 0 in the network's units; the mean color of this photo; this photo blurred;
        random colors with the mean and standard deviation of this photo's.
    std : float
        Of the Gaussian that blurs, in pixels.
    seed : int
        For the noise.

    Returns
    -------
    array (1, H, W, C)
    """
    if fill == "gray":
        return np.zeros_like(image)
    if fill == "blur":
        return gaussian_blur(image, std)
    mean = image.mean(axis=(1, 2), keepdims=True)
    if fill == "mean":
        return np.broadcast_to(mean, image.shape)
    noise = np.random.default_rng(seed).standard_normal(image.shape).astype(image.dtype)
    return mean + image.std(axis=(1, 2), keepdims=True) * noise
