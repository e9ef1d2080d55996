r"""Upsampling: larger images, by repeating pixels or by straight lines between their centers.

A pixel is a square, so pixel j of the input has its center at j + 1/2, and pixel i of an output that is f times as large looks at
(i + 1/2) / f of the input (half-pixel centers; PyTorch's align_corners=False, Keras' UpSampling2D). "nearest" takes the pixel that lies
there. "bilinear" lies between the centers of two, and takes of each the more, the nearer it is; beyond the outermost centers the outermost
pixel goes on. All outputs at the same place within a pixel (the same phase) have the same shares:

    f = 2, phase 0:   1/4 x[j-1] + 3/4 x[j]
           phase 1:                3/4 x[j] + 1/4 x[j+1]

The axes are independent, so one is done after the other; backward is the transpose, phase by phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.geometry import Pair, as_pair
from minicnn.layers.base import Layer, Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import Option, sides
from minicnn.layers.terms import Terms

Method = Literal["nearest", "bilinear"]


@dataclass(frozen=True, eq=False)
class Upsample(Layer):
    """Make images larger by a whole factor.

    Parameters
    ----------
    factor : int or pair of int
        How many rows and columns there are for each.
    method : {"nearest", "bilinear"}

    Raises
    ------
    ShapeError
        If the factor is out of range.
    MinicnnError
        If there is no such method.

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, "U-Net", arXiv:1505.04597, figure 1 (the way up).
    """

    factor: int | Pair = 2
    method: Method = "nearest"

    word = "upsample"
    options = {
        "factor": sides(1, 2),
        "method": Option('"nearest" or "bilinear"', lambda value: value in get_args(Method), "nearest"),
    }
    relevance = "shared"

    def __post_init__(self):
        self.enlarges  # noqa: B018 - raises for a wrong factor
        if self.method not in get_args(Method):
            raise MinicnnError(f"method is {self.method!r}; expected 'nearest' or 'bilinear'")

    @cached_property
    def enlarges(self) -> Pair:  # type: ignore[override]
        """How many rows and columns there are for each: the factor."""
        return as_pair(self.factor, "factor", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return input_shape[0] * self.enlarges[0], input_shape[1] * self.enlarges[1], input_shape[2]

    def forward(self, x):
        self.output_shape(x.shape[1:])
        output = x
        for axis, factor in enumerate(self.enlarges, start=1):
            output = self._enlarged(output, axis, factor)
        return output, x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        for axis, factor in reversed(list(enumerate(self.enlarges, start=1))):
            gradient = self._collected(gradient, axis, factor)
        return gradient

    def _enlarged(self, x: np.ndarray, axis: int, factor: int) -> np.ndarray:
        """Make arrays longer along one axis."""
        lines = x.reshape(-1, x.shape[axis], math.prod(x.shape[axis + 1 :]))
        phases = np.empty((*lines.shape[:2], factor, lines.shape[2]), x.dtype)
        for phase, offset in enumerate(self._offsets(factor)):
            here = phases[:, :, phase]
            np.multiply(lines, 1 - abs(offset), out=here)
            for outputs, inputs in _neighbors(offset):
                here[:, outputs] += abs(offset) * lines[:, inputs]
        return phases.reshape(*x.shape[:axis], x.shape[axis] * factor, *x.shape[axis + 1 :])

    def _collected(self, gradient: np.ndarray, axis: int, factor: int) -> np.ndarray:
        """Send gradients back along one axis: each pixel gets its share of all outputs that it went into."""
        length, after = gradient.shape[axis] // factor, gradient.shape[axis + 1 :]
        phases = gradient.reshape(-1, length, factor, math.prod(after))
        lines = np.zeros((len(phases), length, phases.shape[3]), gradient.dtype)
        for phase, offset in enumerate(self._offsets(factor)):
            here = phases[:, :, phase]
            lines += (1 - abs(offset)) * here
            for outputs, inputs in _neighbors(offset):
                lines[:, inputs] += abs(offset) * here[:, outputs]
        return lines.reshape(*gradient.shape[:axis], length, *after)

    def _offsets(self, factor: int) -> list[float]:
        """Tell for each phase how far it looks from the center of the pixel that it lies in, along an axis, in pixels."""
        return [(phase + 0.5) / factor - 0.5 if self.method == "bilinear" else 0.0 for phase in range(factor)]

    def _shares(self, shape: Shape) -> list[np.ndarray]:
        """Return a matrix (outputs, inputs) for each axis: the share of each pixel in each output."""
        return [self._enlarged(np.eye(size), 0, factor) for size, factor in zip(shape, self.enlarges)]

    def value_terms(self, x, unit):
        shares = [matrix[place] for matrix, place in zip(self._shares(x.shape), unit)]
        return _weighted(x, shares, unit[2])

    def gradient_terms(self, gradient, x, unit):
        shares = [matrix[:, place] for matrix, place in zip(self._shares(x.shape), unit)]
        return _weighted(gradient, shares, unit[2])

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"factor": self.enlarges, "method": self.method}


def _neighbors(offset: float) -> list[tuple[slice, slice]]:
    """Pair outputs of a phase with the other pixels that they are made of: those before, or after, and at the edge the outermost again."""
    if offset < 0:
        return [(slice(1, None), slice(None, -1)), (slice(1), slice(1))]
    return [(slice(None, -1), slice(1, None)), (slice(-1, None), slice(-1, None))] if offset > 0 else []


def _weighted(image: np.ndarray, shares: list[np.ndarray], channel: int) -> Terms:
    """Return the terms of a sum over those pixels of an image (H, W, C) that have a share along both axes."""
    (top, bottom), (left, right) = ((int(places[0]), int(places[-1]) + 1) for places in map(np.flatnonzero, shares))
    factors = np.outer(shares[0][top:bottom], shares[1][left:right])[..., None].astype(image.dtype)
    return Terms(image[top:bottom, left:right, channel : channel + 1], factors, (top, left, channel), first=channel)
