"""Convolution: one function each way, and the table of algorithms behind them.

    =========  =========================================  =====================================================
    name       for                                        how
    =========  =========================================  =====================================================
    im2col     everything                                 `minicnn.kernels.im2col`: the definition
    depthwise  a filter of its own for each channel       `minicnn.kernels.depthwise`
    winograd2  3x3 filters, stride 1, float32             `minicnn.kernels.winograd`, F(2x2, 3x3)
    winograd4  3x3 filters, stride 1, float32             `minicnn.kernels.winograd`, F(4x4, 3x3)
    auto       everything                                 the one with the least work, see `choose`
    =========  =========================================  =====================================================

An algorithm that cannot do a convolution leaves it to im2col. Winograd's method is never
used in float64, as in gradient checks.

Backward to the images is a convolution as well, of the gradient with the filters turned by 180 degrees and their axes of input and
output swapped, so at stride 1 the same table serves it. Another stride goes back the way that im2col came. The gradient of the
filters has Winograd's method for tiles of 4 only; pinned to winograd2, it takes im2col.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property

import numpy as np

from minicnn.errors import UnknownNameError
from minicnn.geometry import Window
from minicnn.kernels import vectors
from minicnn.kernels.depthwise import (
    backward_depthwise,
    convolve_depthwise,
    kernel_gradient_depthwise,
)
from minicnn.kernels.im2col import (
    backward_im2col,
    convolve_im2col,
    kernel_gradient_im2col,
)
from minicnn.kernels.product import padded_rows
from minicnn.kernels.winograd import convolve_winograd, pack_kernel
from minicnn.kernels.winograd_gradient import kernel_gradient_winograd

#: Winograd's algorithms and the size of their output tiles.
TILES = {"winograd2": 2, "winograd4": 4}
ALGORITHMS = ("auto", "im2col", "depthwise", *TILES)

#: Reading one transformed weight (4 bytes) from memory takes about as long as this many multiply-adds: `minicnn bench` measured 28 GB/s and
#: 100 billion multiply-adds per second. Half or twice as much changes no choice for VGG16 at 224 x 224.
READING = 14

_wanted: ContextVar[str] = ContextVar("algorithm", default="auto")


class Filters:
    """A bank of filters with what the algorithms make of it, made when first needed and kept.

    Parameters
    ----------
    kernel : array (kh, kw, C / groups, filters)
    """

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel
        self._packed: dict[int, np.ndarray] = {}

    def packed(self, tile: int) -> np.ndarray:
        """Return the filters transformed for Winograd's method."""
        if tile not in self._packed:
            self._packed[tile] = pack_kernel(self.kernel, tile)
        return self._packed[tile]

    def __reduce__(self):
        return Filters, (self.kernel,)  # what is derived depends on the machine

    @cached_property
    def rotated(self) -> Filters:
        """The filters turned by 180 degrees, input and output channels swapped: those of the backward pass."""
        return Filters(np.ascontiguousarray(self.kernel[::-1, ::-1].transpose(0, 1, 3, 2)))


@contextlib.contextmanager
def use_algorithm(name: str) -> Iterator[None]:
    """Pin the algorithm of all convolutions in a ``with`` block, in this context only (see `contextvars`; so not in other threads).

    Parameters
    ----------
    name : {"auto", "im2col", "depthwise", "winograd2", "winograd4"}

    Raises
    ------
    UnknownNameError
        If there is no such algorithm.
    """
    if name not in ALGORITHMS:
        raise UnknownNameError(f"there is no algorithm {name!r}; there are {', '.join(ALGORITHMS)}")
    token = _wanted.set(name)
    try:
        yield
    finally:
        _wanted.reset(token)


def current_algorithm() -> str:
    """Return the name that is pinned here, "auto" if none is."""
    return _wanted.get()


def choose(x_shape: tuple[int, ...], dtype: np.dtype, kernel_shape: tuple[int, ...], window: Window) -> str:
    """Choose an algorithm by the shapes: the wanted one if it can do the convolution, or for "auto" the one with the least work.

    The work of Winograd's method is, per pair of channels, its multiplications and the reading of the transformed weights:
    positions * (tiles, in whole groups of 14, + `READING`). With large tiles there are fewer of them, but more positions; F(2x2)
    wins on the smallest maps. Even a first layer with 3 channels is faster so than by im2col, whose matrix product comes from BLAS:
    its threads and numba's wait for each other.
    """
    wanted, channels = _wanted.get(), x_shape[3]
    if kernel_shape[2] < channels:  # in groups
        depthwise = kernel_shape[2:] == (1, channels) and wanted in ("auto", "depthwise")
        return "depthwise" if depthwise else "im2col"
    if wanted in ("im2col", "depthwise") or window != Window((3, 3), padding=window.padding) or dtype != np.float32:
        return "im2col"
    if wanted in TILES:
        return wanted
    height, width = window.output_size(*x_shape[1:3])

    def work(name: str) -> int:
        tile = TILES[name]
        tiles = x_shape[0] * math.ceil(height / tile) * math.ceil(width / tile)
        return (tile + 2) ** 2 * (padded_rows(tiles) + READING)

    return min(TILES, key=work)


def _common_type(*arrays: np.ndarray) -> np.dtype:
    """Return the arrays' type if they have all the same, else float64, which no fast algorithm takes."""
    types = {array.dtype for array in arrays}
    return types.pop() if len(types) == 1 else np.dtype(np.float64)


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
    algorithm = choose(x.shape, _common_type(x, kernel, bias), kernel.shape, window)
    if algorithm == "im2col":
        return convolve_im2col(x, kernel, bias, window, rectify)
    if algorithm == "depthwise":
        return convolve_depthwise(x, kernel, bias, window, rectify)
    return convolve_winograd(x, filters.packed(TILES[algorithm]), bias, window, TILES[algorithm], rectify)


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
    algorithm = choose(x_shape, _common_type(gradient, kernel), kernel.shape, window)
    above, before = window.kernel_size[0] - 1, window.kernel_size[1] - 1
    (top, bottom), (left, right) = window.padding
    turned = (above - top, above - bottom), (before - left, before - right)
    if algorithm == "depthwise":
        return backward_depthwise(gradient, kernel, window, x_shape)
    if algorithm == "im2col" or min(map(min, turned)) < 0:
        return backward_im2col(gradient, kernel, window, x_shape)
    back = replace(window, padding=turned)
    algorithm = choose(gradient.shape, gradient.dtype, filters.rotated.kernel.shape, back)
    no_bias = np.zeros(x_shape[3], np.float32)
    return convolve_winograd(gradient, filters.rotated.packed(TILES[algorithm]), no_bias, back, TILES[algorithm])


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
    algorithm = choose(x.shape, _common_type(gradient, x), kernel_shape, window)
    if algorithm == "depthwise":
        return kernel_gradient_depthwise(gradient, x, window)
    if algorithm == "im2col" or _wanted.get() == "winograd2" or not vectors.FAST:
        return kernel_gradient_im2col(gradient, x, kernel_shape, window)
    return kernel_gradient_winograd(gradient, x, window)
