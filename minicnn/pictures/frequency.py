"""Images as sums of waves: damping fine structure, and the Gaussian blur."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def filtered(x: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Multiply the wave of each frequency in an image by a gain; the image is taken to repeat beyond its borders.

    Parameters
    ----------
    x : array (N, H, W, C)
    gain : function
        From frequencies, an array in cycles per pixel (0 to about 0.7), to factors.

    Returns
    -------
    array (N, H, W, C)
        Of the type of `x`.
    """
    height, width = x.shape[1:3]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    waves = np.fft.rfft2(x, axes=(1, 2)) * gain(frequency)[None, :, :, None]
    return np.fft.irfft2(waves, s=(height, width), axes=(1, 2)).astype(x.dtype)


def gaussian_blur(x: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (N, H, W, C) with a Gaussian of the given standard deviation in pixels; beyond the borders they are mirrored.

    A Gaussian blur multiplies frequency f by exp(-2 (pi sigma f)^2), however small sigma is.
    """
    if sigma <= 0:
        return x
    height, width = x.shape[1:3]
    margin = math.ceil(4 * sigma)
    padded = np.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)], mode="symmetric")
    blurred = filtered(padded, lambda frequency: np.exp(-2 * (np.pi * sigma * frequency) ** 2))
    return blurred[:, margin : margin + height, margin : margin + width]
