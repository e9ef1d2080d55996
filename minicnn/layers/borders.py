"""Layers that add pixels around an image, or cut some off: windows of one pixel, with padding that may be negative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn.errors import ShapeError
from minicnn.geometry import Pair, Sides, Window, as_sides
from minicnn.layers.base import Layer, Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import borders
from minicnn.layers.terms import Terms, Unit, as_box


class _Borders(Layer):
    """What both have in common: each pixel is moved, and keeps its value and its relevance."""

    relevance = "backward"

    def forward_unpadded(self, x):
        return x

    def value_terms(self, x, unit):
        top, left = self.window.before
        place = (unit[0] - top, unit[1] - left, unit[2])
        return Terms(as_box(_at(x, place)), as_box(np.ones((), x.dtype)), place, first=unit[2])

    def gradient_terms(self, gradient, x, unit):
        top, left = self.window.before
        number = _at(gradient, (unit[0] + top, unit[1] + left, unit[2]))
        return Terms(as_box(number), as_box(np.ones((), gradient.dtype)), first=unit[2])


@dataclass(frozen=True, eq=False)
class ZeroPad2D(_Borders):
    """Add pixels of zeros around the image; most networks leave that to the layer above, as its own padding.

    Parameters
    ----------
    padding : int, pair of int, or pair of pairs
        On all sides; vertical and horizontal; or ((top, bottom), (left, right)).

    Raises
    ------
    ShapeError
        If it is anything else.
    """

    padding: int | Pair | Sides = 1

    word = "zero_padding"
    options = {"padding": borders(1)}

    def __post_init__(self):
        self.window  # noqa: B018 - raises for a wrong padding

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """One pixel, with the added ones around the image."""
        return Window((1, 1), padding=as_sides(self.padding, "padding", 0))

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*self.window.output_size(*input_shape[:2]), input_shape[2])

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return np.pad(x, ((0, 0), *self.window.padding, (0, 0))), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        return _cut(gradient, self.window.padding)

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(options["padding"])

    def to_options(self):
        return {"padding": self.window.padding}


@dataclass(frozen=True, eq=False)
class Crop2D(_Borders):
    """Cut pixels off the image's sides; what is cut off gets no gradient.

    Parameters
    ----------
    cropping : int, pair of int, or pair of pairs
        On all sides; vertical and horizontal; or ((top, bottom), (left, right)).

    Raises
    ------
    ShapeError
        If it is anything else.
    """

    cropping: int | Pair | Sides = 1

    word = "cropping"
    options = {"sides": borders(1)}

    def __post_init__(self):
        self.window  # noqa: B018 - raises for a wrong cropping

    @cached_property
    def _sides(self) -> Sides:
        return as_sides(self.cropping, "cropping", 0)

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """One pixel, with less than the image around it."""
        (top, bottom), (left, right) = self._sides
        return Window((1, 1), padding=((-top, -bottom), (-left, -right)))

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        left_over = [size - sum(cut) for size, cut in zip(input_shape, self._sides)]
        if min(left_over) < 1:
            size = " x ".join(map(str, input_shape[:2]))
            raise ShapeError(f"cropping {self._sides} leaves nothing of {size} pixels; expected less than the image has")
        return (*left_over, input_shape[2])

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return _cut(x, self._sides), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        return np.pad(gradient, ((0, 0), *self._sides, (0, 0)))

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(options["sides"])

    def to_options(self):
        return {"sides": self._sides}


def _cut(x: np.ndarray, sides: Sides) -> np.ndarray:
    """Return images without some pixels at each side."""
    (top, bottom), (left, right) = sides
    return np.ascontiguousarray(x[:, top : x.shape[1] - bottom, left : x.shape[2] - right])


def _at(x: np.ndarray, place: Unit) -> np.ndarray:
    """Return a number of an image (H, W, C); outside it is 0."""
    row, column, channel = place
    return x[row, column, channel] if 0 <= row < x.shape[0] and 0 <= column < x.shape[1] else np.zeros((), x.dtype)
