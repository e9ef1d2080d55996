"""Pooling layers: smaller images, the same channels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.geometry import Pair, Window
from minicnn.layers.base import (
    Layer,
    Shape,
    check_gradient_shape,
    check_image_shape,
    exact_sum,
)


@dataclass(frozen=True, eq=False)
class _SlidingPool(Layer):
    """What both kinds of sliding pool share: a window that turns each channel's pixels into one number."""

    kernel_size: int | Pair = 2
    stride: int | Pair | None = None
    padding: int | Pair = 0

    def __post_init__(self):
        if any(padding >= kernel for kernel, padding in zip(self.window.kernel_size, self.window.padding)):
            raise ShapeError(f"pooling has padding {self.padding} and kernel size {self.kernel_size}; the padding must be smaller")

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window.of(self.kernel_size, self.kernel_size if self.stride is None else self.stride, self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*self.window.output_size(*input_shape[:2]), input_shape[2])

    def forward_unpadded(self, x):
        return dataclasses.replace(self, padding=0).forward(x)[0]


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

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.average_pool(x, self.window), x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return kernels.average_pool_backward(gradient, self.window, x.shape)


@dataclass(frozen=True, eq=False)
class GlobalAveragePool2D(Layer):
    """Take the mean of each channel over the whole image: (N, H, W, C) becomes (N, C), whatever the image's size.

    References
    ----------
    M. Lin, Q. Chen, S. Yan, "Network In Network", arXiv:1312.4400, section 3.2.
    """

    window = None

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return input_shape[2:]

    def forward(self, x):
        check_image_shape(x.shape[1:])
        return exact_sum(x, axis=(1, 2)) / x.dtype.type(x.shape[1] * x.shape[2]), x

    def backward(self, gradient, context):
        _, height, width, _ = (x := context).shape
        share = gradient[:, None, None, :] / gradient.dtype.type(height * width)
        return np.broadcast_to(share, x.shape).copy()
