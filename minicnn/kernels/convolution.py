"""Convolution: one function each way, whatever the algorithm; see `minicnn.kernels.choice`.

Backward to the images is a convolution as well, of the gradient with the filters turned by 180 degrees and their axes of input and output
swapped, so at stride 1 the same table serves it. With another stride the direct and the depthwise algorithm make several convolutions of
it (`minicnn.kernels.phases`); else it goes back the way that im2col came. The gradient of the filters has the same algorithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from minicnn.geometry import Window
from minicnn.kernels.choice import choose, common_type, gradient_work
from minicnn.kernels.depthwise import (
    backward_depthwise,
    backward_filters,
    convolve_depthwise,
    forward_filters,
    kernel_gradient_depthwise,
)
from minicnn.kernels.direct import backward_direct, backward_joined, convolve_direct
from minicnn.kernels.direct_gradient import kernel_gradient_direct
from minicnn.kernels.im2col import (
    backward_im2col,
    convolve_im2col,
    kernel_gradient_im2col,
)
from minicnn.kernels.phases import Phases, joined, phases_of
from minicnn.kernels.product import pack_columns
from minicnn.kernels.vectors import COLUMNS
from minicnn.kernels.winograd import convolve_winograd, pack_kernel
from minicnn.kernels.winograd_gradient import kernel_gradient_winograd

Made = TypeVar("Made")

#: Stands for all phases of the pixels together.
JOINED = (-1, -1)


class Filters:
    """A bank of filters with what the algorithms make of it, made when first needed and kept.

    Parameters
    ----------
    kernel : array (kh, kw, C / groups, filters)
    """

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel
        self._made: dict[tuple[Callable, Window], Any] = {}

    @cached_property
    def panels(self) -> np.ndarray:
        """The filters as the direct algorithm reads them."""
        return pack_columns(self.kernel.reshape(1, -1, self.kernel.shape[3]))

    @cached_property
    def transformed(self) -> np.ndarray:
        """The filters as Winograd's method multiplies with them."""
        return pack_kernel(self.kernel)

    def __reduce__(self):
        return Filters, (self.kernel,)  # what is derived depends on the machine

    def made(self, make: Callable[[np.ndarray, Window], Made], window: Window) -> Made:
        """Return what a function makes of the filters for a window, once for each: with a layer's padding and without."""
        if (make, window) not in self._made:
            self._made[make, window] = make(self.kernel, window)
        return self._made[make, window]

    @cached_property
    def rotated(self) -> Filters:
        """The filters turned by 180 degrees, input and output channels swapped: those of the backward pass."""
        return Filters(self.kernel[::-1, ::-1].transpose(0, 1, 3, 2))


def _packed_phases(kernel: np.ndarray, window: Window) -> Phases:
    """Make the filters of each phase of the pixels, packed for the direct algorithm; phases that fit together are joined to one."""
    parts = phases_of(kernel, window)
    if math.prod(window.stride) * kernel.shape[2] <= COLUMNS:
        parts = {JOINED: joined(parts, window.stride)}
    return {phase: (pack_columns(part.reshape(1, -1, part.shape[3])), slides) for phase, (part, slides) in parts.items()}


def convolve(x: np.ndarray, filters: Filters, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve images with a bank of filters.

    Parameters
    ----------
    x : array (N, H, W, C)
    filters : Filters
    bias : array (filters,)
    window : Window
        Its kernel size is that of the filters.
    rectify : bool
        Whether a ReLU follows, which then costs nothing: what is negative becomes 0.

    Returns
    -------
    array (N, OH, OW, filters)
    """
    kernel = filters.kernel
    algorithm = choose(x.shape, common_type(x, kernel, bias), kernel.shape, window)
    if algorithm == "im2col":
        return convolve_im2col(x, kernel, bias, window, rectify)
    if algorithm == "depthwise":
        return convolve_depthwise(x, filters.made(forward_filters, window), bias, window, rectify)
    if algorithm == "direct":
        return convolve_direct(x, filters.panels, bias, window, rectify)
    return convolve_winograd(x, filters.transformed, bias, window, rectify)


def convolve_backward(gradient: np.ndarray, filters: Filters, window: Window, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output back to the images.

    Parameters
    ----------
    gradient : array (N, OH, OW, filters)
        Gradient of some scalar with respect to the output of `convolve`.
    filters, window
        As for `convolve`.
    x_shape : tuple
        Shape (N, H, W, C) of the images.

    Returns
    -------
    array (N, H, W, C)
        Gradient of the same scalar with respect to the images.
    """
    kernel = filters.kernel
    algorithm = choose(x_shape, common_type(gradient, kernel), kernel.shape, window)
    turned = tuple((size - 1 - before, size - 1 - after) for size, (before, after) in zip(window.extent, window.padding))
    in_phases = window.stride == (1, 1) or window.dilation == (1, 1)
    if algorithm == "depthwise" and in_phases:
        return backward_depthwise(gradient, filters.made(backward_filters, window), x_shape)
    if algorithm == "direct" and in_phases and window.stride != (1, 1):
        phases = filters.made(_packed_phases, window)
        if JOINED in phases:
            return backward_joined(gradient, *phases[JOINED], window.stride, x_shape)
        return backward_direct(gradient, phases, window.stride, x_shape)
    if algorithm in ("im2col", "depthwise") or window.stride != (1, 1) or min(map(min, turned)) < 0:
        return backward_im2col(gradient, kernel, window, x_shape)
    back = replace(window, padding=(turned[0], turned[1]))
    return convolve(gradient, filters.rotated, np.zeros(x_shape[3], np.float32), back)


def kernel_gradient(gradient: np.ndarray, x: np.ndarray, window: Window, groups: int = 1) -> np.ndarray:
    """Sum the gradient of the filters over all positions of all images.

    Parameters
    ----------
    gradient : array (N, OH, OW, filters)
        Gradient of some scalar with respect to the output of `convolve`.
    x : array (N, H, W, C)
        The images that were convolved.
    window : Window
    groups : int

    Returns
    -------
    array (kh, kw, C / groups, filters)
    """
    kernel_shape = (*window.kernel_size, x.shape[3] // groups, gradient.shape[3])
    algorithm = choose(x.shape, common_type(gradient, x), kernel_shape, window, gradient_work)
    if algorithm == "depthwise":
        return kernel_gradient_depthwise(gradient, x, window)
    if algorithm == "winograd":
        return kernel_gradient_winograd(gradient, x, window)
    if algorithm == "direct":
        return kernel_gradient_direct(gradient, x, window)
    return kernel_gradient_im2col(gradient, x, kernel_shape, window)
