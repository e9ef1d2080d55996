"""Pooling layers: smaller images, the same channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from minicnn import kernels
from minicnn.errors import DescriptionError, ShapeError
from minicnn.geometry import Pair, Sides, Window
from minicnn.layers.base import (
    Layer,
    Shape,
    check_gradient_shape,
    check_image_shape,
)
from minicnn.layers.options import Option, borders, same_as, sides, yes_or_no
from minicnn.layers.terms import Terms, cut_window, gather


@dataclass(frozen=True, eq=False)
class _SlidingPool(Layer):
    """What both kinds of sliding pool share: a window that turns each channel's pixels into one number."""

    kernel_size: int | Pair = 2
    stride: int | Pair | None = None
    padding: int | Pair | Sides = 0
    ceil_mode: bool = False

    options: ClassVar[Mapping[str, Option]] = {
        "size": sides(1),
        "stride": sides(1, same_as("size")),
        "padding": borders(0),
        "ceil_mode": yes_or_no(False),
    }

    def __post_init__(self):
        if any(max(padding) >= kernel for kernel, padding in zip(self.window.kernel_size, self.window.padding)):
            raise ShapeError(f"pooling has padding {self.padding} and kernel size {self.kernel_size}; the padding must be smaller")

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """The sliding window."""
        stride = self.kernel_size if self.stride is None else self.stride
        return Window.of(self.kernel_size, stride, self.padding, ceil_mode=self.ceil_mode)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*self.window.output_size(*input_shape[:2]), input_shape[2])

    def forward_unpadded(self, x):
        return self.replace(padding=0, ceil_mode=False).forward(x)[0]

    @classmethod
    def from_options(cls, input_shape, options):
        try:
            return cls(options["size"], *(value for name, value in options.items() if name != "size"))
        except ShapeError as error:  # of its own numbers, not of what reaches it
            raise DescriptionError(str(error)) from None

    def to_options(self):
        window = self.window
        return {"size": window.kernel_size, "stride": window.stride, "padding": window.padding, "ceil_mode": window.ceil_mode}


@dataclass(frozen=True, eq=False)
class MaxPool2D(_SlidingPool):
    """Take the largest value of each window; the padding never wins.

    Backward, each window's gradient goes to the pixel that won it, of equal pixels to the first in reading order.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        By default the kernel size, so that windows touch but do not overlap.
    padding : int, pair of int, or pair of pairs
        Smaller than the kernel, so that each window holds at least one pixel; ((top, bottom), (left, right)) where sides differ.
    ceil_mode : bool
        Whether one more window looks at what is left at the end, see `minicnn.geometry`.

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
    """Take the mean of each window, the padding counted as zeros, or left out.

    It is a convolution of each channel with a constant kernel. Backward, every pixel of a window gets an equal share.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        By default the kernel size, so that windows touch but do not overlap.
    padding : int, pair of int, or pair of pairs
        Smaller than the kernel, so that each window holds at least one pixel; ((top, bottom), (left, right)) where sides differ.
    ceil_mode : bool
        Whether one more window looks at what is left at the end, see `minicnn.geometry`.

    Raises
    ------
    ShapeError
        If a number is out of range.
    """

    count_include_pad: bool = True

    word = "average_pool"
    options = {**_SlidingPool.options, "count_include_pad": yes_or_no(True)}
    relevance = "shared"

    def to_options(self):
        return {**super().to_options(), "count_include_pad": self.count_include_pad}

    @property
    def local_window(self):
        """The window, unless means are over fewer pixels at the border than elsewhere."""
        return None if self.window.ceil_mode or (self.window.pads and not self.count_include_pad) else super().local_window

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.average_pool(x, self.window, self.count_include_pad), x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return kernels.average_pool_backward(gradient, self.window, x.shape, self.count_include_pad)

    def value_terms(self, x, unit):
        row, column, channel = unit
        inputs, start = cut_window(x[..., channel : channel + 1], self.window, row, column)
        share = self._shares(x.shape)[row, column]
        return Terms(inputs, np.full_like(inputs, share), (*start, channel), first=channel)

    def gradient_terms(self, gradient, x, unit):
        inputs = gather(gradient[..., unit[2] : unit[2] + 1], self.window, unit)
        shares = gather(self._shares(x.shape)[..., None], self.window, unit)
        return Terms(inputs, shares.astype(gradient.dtype), first=unit[2])

    def _shares(self, x_shape):
        """Tell what each pixel counts in each window, (OH, OW)."""
        rows, columns = kernels.pixels_counted(x_shape[0], x_shape[1], self.window, self.count_include_pad)
        return 1 / np.outer(rows, columns)


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
        return (kernels.image_sums(x) / (x.shape[1] * x.shape[2])).astype(x.dtype), x

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
