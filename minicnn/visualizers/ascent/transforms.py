r"""Looking at an image from a slightly different place: random shifts, scalings and rotations.

What is generated should not depend on exact pixel positions. So before each step of gradient ascent the
image is transformed at random, and its gradient is carried back. All transformations here are linear in the pixels, y = T x: each pixel
of y is a weighted mean of pixels of x. The gradient with respect to x is then T^T times that with respect to y, the adjoint:

    y[p]  =  sum over q of T[p, q] x[q]          (forward: gather)
    gx[q] =  sum over p of T[p, q] gy[p]         (backward: scatter the same weights)

Beyond its borders the image is taken to repeat, as in the Fourier transform.

References
----------
C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017, "transformation robustness".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Transform(Protocol):
    """A linear map of images (N, H, W, C), and its adjoint, which carries gradients back."""

    def forward(self, x: np.ndarray) -> np.ndarray: ...

    def backward(self, gradient: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Shift:
    """Move the image by whole pixels; what leaves on one side comes in on the other."""

    down: int
    right: int

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.roll(x, (self.down, self.right), (1, 2))

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        return np.roll(gradient, (-self.down, -self.right), (1, 2))


@dataclass(frozen=True, eq=False)
class Warp:
    """Scale and turn the image about its center, then move it; between the pixels it interpolates linearly.

    Attributes
    ----------
    size : (height, width)
    factor : float
        Above 1 enlarges.
    angle : float
        In radians; above 0 turns what is right of the center down.
    down, right : float
        In pixels.
    """

    size: tuple[int, int]
    factor: float = 1.0
    angle: float = 0.0
    down: float = 0.0
    right: float = 0.0

    def forward(self, x: np.ndarray) -> np.ndarray:
        pixels = x.reshape(len(x), -1, x.shape[3])
        warped = sum(pixels[:, sources] * weights.astype(x.dtype)[:, None] for sources, weights in self._taps())
        return warped.reshape(x.shape)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        height, width = self.size
        planes = np.moveaxis(gradient, 3, 1).reshape(-1, height * width)
        carried = np.zeros(planes.shape)
        for sources, weights in self._taps():
            for plane, total in zip(planes, carried):
                total += np.bincount(sources, weights * plane, minlength=height * width)
        return np.moveaxis(carried.reshape(len(gradient), -1, height, width), 1, 3).astype(gradient.dtype)

    def _taps(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return, for each of the four pixels that an output pixel lies between, their positions and weights, each (height * width,)."""
        height, width = self.size
        y, x = np.meshgrid(np.arange(height) - (height - 1) / 2 - self.down, np.arange(width) - (width - 1) / 2 - self.right, indexing="ij")
        cosine, sine = np.cos(self.angle) / self.factor, np.sin(self.angle) / self.factor
        row = (cosine * y - sine * x + (height - 1) / 2).ravel()
        column = (sine * y + cosine * x + (width - 1) / 2).ravel()
        top, left = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
        below, beside = row - top, column - left
        return [
            ((top + i) % height * width + (left + j) % width, (below if i else 1 - below) * (beside if j else 1 - beside))
            for i in (0, 1)
            for j in (0, 1)
        ]


def random_transform(generator: np.random.Generator, size: tuple[int, int], jitter: int, scale: float, rotate: float) -> Transform:
    """Draw a transformation.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : (height, width)
        Of the images.
    jitter : int
        The largest shift in pixels, down and across.
    scale : float
        The image is enlarged or reduced by up to this share of its size.
    rotate : float
        The largest angle, in degrees, either way.
    """
    down, right = (int(shift) for shift in generator.integers(-jitter, jitter + 1, 2))
    if scale == rotate == 0:
        return Shift(down, right)
    factor = (1 + scale) ** generator.uniform(-1, 1)
    return Warp(size, factor, np.deg2rad(rotate) * generator.uniform(-1, 1), down, right)
