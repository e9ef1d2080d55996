"""Pooling layers: smaller images, the same channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn import kernels
from minicnn.errors import DescriptionError, ShapeError
from minicnn.geometry import Pair, Window
from minicnn.layers.base import (
    Layer,
    Shape,
    check_gradient_shape,
    check_image_shape,
    exact_sum,
)
from minicnn.layers.options import same_as, sides
from minicnn.layers.terms import Terms, cut_window, gather


@dataclass(frozen=True, eq=False)
class _SlidingPool(Layer):
    """What both kinds of sliding pool share: a window that turns each channel's pixels into one number."""

    kernel_size: int | Pair = 2
    stride: int | Pair | None = None
    padding: int | Pair = 0

    options = {"size": sides(1), "stride": sides(1, same_as("size")), "padding": sides(0, 0)}

    def __post_init__(self):
        if any(padding >= kernel for kernel, padding in zip(self.window.kernel_size, self.window.padding)):
            raise ShapeError(f"pooling has padding {self.padding} and kernel size {self.kernel_size}; the padding must be smaller")

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """The sliding window."""
        return Window.of(self.kernel_size, self.kernel_size if self.stride is None else self.stride, self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*self.window.output_size(*input_shape[:2]), input_shape[2])

    def forward_unpadded(self, x):
        return self.replace(padding=0).forward(x)[0]

    @classmethod
    def from_options(cls, input_shape, options):
        try:
            return cls(options["size"], options["stride"], options["padding"])
        except ShapeError as error:  # of its own numbers, not of what reaches it
            raise DescriptionError(str(error)) from None

    def to_options(self):
        return {"size": self.window.kernel_size, "stride": self.window.stride, "padding": self.window.padding}


@dataclass(frozen=True, eq=False)
class MaxPool2D(_SlidingPool):
    """Take the largest value of each window; the padding never wins.

    Backward, each window's gradient goes to the pixel that won it, of equal pixels to the first in reading order.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        By default the kernel size, so that windows touch but do not overlap.
    padding : int or pair of int
        Smaller than the kernel, so that each window holds at least one pixel.

    Raises
    ------
    ShapeError
        If a number is out of range.
    """

    word = "max_pool"
    relevance = "backward"
    padding_value = -np.inf

    def forward(self, x):
        self.output_shape(x.shape[1:])
        output, winners = kernels.max_pool(x, self.window)
        return output, (winners, x.shape)

    def backward(self, gradient, context):
        winners, x_shape = context
        check_gradient_shape(gradient, winners.shape)
        return kernels.max_pool_backward(gradient, winners, self.window, x_shape)

    def decisions(self, context):
        winners, _ = context
        return winners

    def value_terms(self, x, unit):
        row, column, channel = unit
        inputs, start = cut_window(x[..., channel : channel + 1], self.window, row, column)
        _, (winners, _) = self.forward(x[None, ..., channel : channel + 1])
        won = np.zeros_like(inputs)
        winner = divmod(int(winners[0, row, column, 0]), x.shape[1])
        won[winner[0] - start[0], winner[1] - start[1]] = 1
        return Terms(inputs, won, (*start, channel), first=channel)

    def gradient_terms(self, gradient, x, unit):
        _, (winners, _) = self.forward(x[None, ..., unit[2] : unit[2] + 1])
        won = gather(winners[0], self.window, unit, empty=-1) == unit[0] * x.shape[1] + unit[1]
        return Terms(gather(gradient[..., unit[2] : unit[2] + 1], self.window, unit), won.astype(gradient.dtype), first=unit[2])


@dataclass(frozen=True, eq=False)
class AveragePool2D(_SlidingPool):
    """Take the mean of each window, the padding counted as zeros (PyTorch's default; Keras leaves the padding out).

    It is a convolution of each channel with a constant kernel. Backward, every pixel of a window gets an equal share.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        By default the kernel size, so that windows touch but do not overlap.
    padding : int or pair of int
        Smaller than the kernel, so that each window holds at least one pixel.

    Raises
    ------
    ShapeError
        If a number is out of range.
    """

    word = "average_pool"
    relevance = "shared"

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.average_pool(x, self.window), x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return kernels.average_pool_backward(gradient, self.window, x.shape)

    def value_terms(self, x, unit):
        row, column, channel = unit
        inputs, start = cut_window(x[..., channel : channel + 1], self.window, row, column)
        return Terms(inputs, np.full_like(inputs, 1 / inputs.size), (*start, channel), first=channel)

    def gradient_terms(self, gradient, x, unit):
        inputs = gather(gradient[..., unit[2] : unit[2] + 1], self.window, unit)
        return Terms(inputs, np.full_like(inputs, 1 / inputs.size), first=unit[2])


@dataclass(frozen=True, eq=False)
class GlobalAveragePool2D(Layer):
    """Take the mean of each channel over the whole image: (N, H, W, C) becomes (N, C), whatever the image's size.

    References
    ----------
    M. Lin, Q. Chen, S. Yan, "Network In Network", arXiv:1312.4400, section 3.2.
    """

    word = "global_average_pool"
    options = {}
    flattens = True
    relevance = "shared"

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return input_shape[2:]

    def forward(self, x):
        check_image_shape(x.shape[1:])
        return exact_sum(x, axis=(1, 2)) / x.dtype.type(x.shape[1] * x.shape[2]), x

    def backward(self, gradient, context):
        count, height, width, channels = (x := context).shape
        check_gradient_shape(gradient, (count, channels))
        share = gradient[:, None, None, :] / gradient.dtype.type(height * width)
        return np.broadcast_to(share, x.shape).copy()

    def value_terms(self, x, unit):
        inputs = x[..., unit[0] : unit[0] + 1]
        return Terms(inputs, np.full_like(inputs, 1 / inputs.size), (0, 0, unit[0]), first=unit[0])

    def gradient_terms(self, gradient, x, unit):
        return Terms(gradient[unit[2] : unit[2] + 1], np.full(1, 1 / (x.shape[0] * x.shape[1]), gradient.dtype), first=unit[2])
