r"""Pools whose windows follow from the size of the output: images of any size become images of one size, or one number a channel.

Along each axis of H pixels, output i of S is made of the pixels

    floor(i H / S)  up to, not including,  ceil((i + 1) H / S)

as in PyTorch: of equal windows where S divides H, else of such as differ by a pixel, and may overlap by one. Of an image that is smaller
than the output, pixels are repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn import kernels
from minicnn.geometry import Pair, Window, as_pair
from minicnn.layers.base import Layer, Shape, check_gradient_shape, check_image_shape, exact_sum
from minicnn.layers.options import sides
from minicnn.layers.terms import Terms, Unit

#: The first pixel, and that after the last.
Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class _AdaptivePool(Layer):
    """What both kinds share: the regions of the image that become one pixel each."""

    size: int | Pair

    options = {"size": sides(1)}

    def __post_init__(self):
        self._size  # noqa: B018 - raises for a wrong size

    @cached_property
    def _size(self) -> Pair:
        return as_pair(self.size, "size", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*self._size, input_shape[2])

    def _spans(self, shape: Shape) -> tuple[list[Span], list[Span]]:
        """List the rows of an image (H, W, C) that become each row, and the columns."""
        down, across = ([(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip(shape, self._size))
        return down, across

    def _regions(self, shape: Shape) -> Iterator[tuple[int, int, slice, slice]]:
        """Yield each output's row and column, and the rows and columns of the image that it is made of."""
        down, across = self._spans(shape)
        for row, rows in enumerate(down):
            for column, columns in enumerate(across):
                yield row, column, slice(*rows), slice(*columns)

    def _pixels_of(self, shape: Shape, unit: Unit) -> tuple[slice, slice]:
        """Return the rows and columns of the image that an output is made of."""
        rows, columns = (slice(*spans[place]) for spans, place in zip(self._spans(shape), unit))
        return rows, columns

    def _outputs_of(self, shape: Shape, unit: Unit) -> tuple[slice, slice]:
        """Return the rows and columns of the outputs that a pixel went into; they lie together."""
        held = ([i for i, (start, stop) in enumerate(spans) if start <= place < stop] for spans, place in zip(self._spans(shape), unit))
        rows, columns = (slice(places[0], places[-1] + 1) for places in held)
        return rows, columns

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"size": self._size}


@dataclass(frozen=True, eq=False)
class AdaptiveAveragePool2D(_AdaptivePool):
    """Take the mean of each region.

    Parameters
    ----------
    size : int or pair of int
        Height and width of the output.

    Raises
    ------
    ShapeError
        If the size is out of range.
    """

    word = "adaptive_average_pool"
    relevance = "shared"

    def forward(self, x):
        output = np.empty((len(x), *self.output_shape(x.shape[1:])), x.dtype)
        for row, column, rows, columns in self._regions(x.shape[1:]):
            output[:, row, column] = exact_sum(x[:, rows, columns], axis=(1, 2)) / _count(rows, columns)
        return output, x

    def backward(self, gradient, context):
        x_shape = context.shape
        check_gradient_shape(gradient, (x_shape[0], *self.output_shape(x_shape[1:])))
        x_gradient = np.zeros(x_shape, gradient.dtype)
        for row, column, rows, columns in self._regions(x_shape[1:]):
            x_gradient[:, rows, columns] += gradient[:, row : row + 1, column : column + 1] / _count(rows, columns)
        return x_gradient

    def value_terms(self, x, unit):
        rows, columns = self._pixels_of(x.shape, unit)
        inputs = x[rows, columns, unit[2] : unit[2] + 1]
        return Terms(inputs, np.full_like(inputs, 1 / inputs.size), (rows.start, columns.start, unit[2]), first=unit[2])

    def gradient_terms(self, gradient, x, unit):
        rows, columns = held = self._outputs_of(x.shape, unit)
        shares = [[1 / (stop - start) for start, stop in spans[part]] for spans, part in zip(self._spans(x.shape), held)]
        inputs = gradient[rows, columns, unit[2] : unit[2] + 1]
        return Terms(inputs, np.outer(*shares)[..., None].astype(gradient.dtype), first=unit[2])


@dataclass(frozen=True, eq=False)
class AdaptiveMaxPool2D(_AdaptivePool):
    """Take the largest value of each region; of equal pixels the first in reading order wins, and gets the gradient.

    Parameters
    ----------
    size : int or pair of int
        Height and width of the output.

    Raises
    ------
    ShapeError
        If the size is out of range.
    """

    word = "adaptive_max_pool"
    relevance = "backward"

    def forward(self, x):
        output = np.empty((len(x), *self.output_shape(x.shape[1:])), x.dtype)
        winners = np.empty(output.shape, np.int64)
        for row, column, rows, columns in self._regions(x.shape[1:]):
            output[:, row, column], won = _largest(x[:, rows, columns])
            down, across = np.divmod(won, columns.stop - columns.start)
            winners[:, row, column] = (rows.start + down) * x.shape[2] + columns.start + across
        return output, (winners, x.shape)

    def backward(self, gradient, context):
        winners, x_shape = context
        check_gradient_shape(gradient, winners.shape)
        return _to_winners(gradient, winners, x_shape)

    def decisions(self, context):
        return context[0]

    def value_terms(self, x, unit):
        rows, columns = self._pixels_of(x.shape, unit)
        inputs = x[rows, columns, unit[2] : unit[2] + 1]
        return Terms(inputs, _won(inputs), (rows.start, columns.start, unit[2]), first=unit[2])

    def gradient_terms(self, gradient, x, unit):
        rows, columns = self._outputs_of(x.shape, unit)
        channel = slice(unit[2], unit[2] + 1)
        _, (winners, _) = self.forward(x[None, ..., channel])
        won = winners[0, rows, columns] == unit[0] * x.shape[1] + unit[1]
        return Terms(gradient[rows, columns, channel], won.astype(gradient.dtype), first=unit[2])


@dataclass(frozen=True, eq=False)
class GlobalMaxPool2D(Layer):
    """Take the largest value of each channel: (N, H, W, C) becomes (N, C), whatever the image's size.

    Of equal pixels the first in reading order wins, and gets the gradient.

    References
    ----------
    M. Oquab, L. Bottou, I. Laptev, J. Sivic, "Is Object Localization for Free?", CVPR 2015, section 3.
    """

    word = "global_max_pool"
    options = {}
    flattens = True
    relevance = "backward"

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return input_shape[2:]

    def forward(self, x):
        check_image_shape(x.shape[1:])
        output, winners = _largest(x)
        return output, (winners, x.shape)

    def backward(self, gradient, context):
        winners, x_shape = context
        check_gradient_shape(gradient, winners.shape)
        return _to_winners(gradient, winners, x_shape)

    def decisions(self, context):
        return context[0]

    def value_terms(self, x, unit):
        inputs = x[..., unit[0] : unit[0] + 1]
        return Terms(inputs, _won(inputs), (0, 0, unit[0]), first=unit[0])

    def gradient_terms(self, gradient, x, unit):
        channel = slice(unit[2], unit[2] + 1)
        won = _largest(x[None, ..., channel])[1][0] == unit[0] * x.shape[1] + unit[1]
        return Terms(gradient[channel], won.astype(gradient.dtype), first=unit[2])


def _count(rows: slice, columns: slice) -> int:
    """Count a region's pixels."""
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def _largest(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each channel's largest value over whole images; returns these and their places, row * width + column, both (N, C)."""
    output, winners = kernels.max_pool(x, Window((x.shape[1], x.shape[2])))
    return output[:, 0, 0], winners[:, 0, 0]


def _won(inputs: np.ndarray) -> np.ndarray:
    """Mark the winner of one channel of an image, (H, W, 1), by 1, the others by 0."""
    places = np.arange(inputs.size).reshape(inputs.shape)
    return (places == _largest(inputs[None])[1]).astype(inputs.dtype)


def _to_winners(gradient: np.ndarray, winners: np.ndarray, x_shape: Shape) -> np.ndarray:
    """Add up what comes back at the numbers that won; returns an array of shape `x_shape`."""
    count, height, width, channels = x_shape
    x_gradient = np.zeros((count, height * width, channels), gradient.dtype)
    images, of_channel = np.ogrid[:count, :channels]
    coming, places = (array.reshape(count, -1, channels) for array in (gradient, winners))
    for output in range(coming.shape[1]):  # of one output, no two winners are the same number
        x_gradient[images, places[:, output], of_channel] += coming[:, output]
    return x_gradient.reshape(x_shape)
