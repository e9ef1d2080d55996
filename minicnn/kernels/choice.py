"""Which algorithm convolves: the one with the least work, or the one that was pinned.

    =========  =========================================  =====================================================
    name       for                                        how
    =========  =========================================  =====================================================
    im2col     everything                                 `minicnn.kernels.im2col`: the definition
    direct     float32, one group                         `minicnn.kernels.direct`
    winograd   3x3 filters, stride 1, float32, one group  `minicnn.kernels.winograd`, F(4x4, 3x3)
    depthwise  a filter of its own for each channel       `minicnn.kernels.depthwise`
    auto       everything                                 the fast one with the least work, else im2col
    =========  =========================================  =====================================================

An algorithm that cannot do a convolution leaves it to im2col, the direct one depthwise convolutions to theirs. In float64, as in gradient
checks, only depthwise is used beside it.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import numpy as np

from minicnn.errors import UnknownNameError
from minicnn.geometry import Window
from minicnn.kernels import direct
from minicnn.kernels.product import ROWS, computed_rows
from minicnn.kernels.tiles import POSITIONS, TILE, rounded_up
from minicnn.kernels.vectors import COLUMNS, LANES

ALGORITHMS = ("auto", "im2col", "direct", "depthwise", "winograd")

#: Reading one transformed weight (4 bytes) from memory takes about as long as this many multiply-adds: `minicnn bench` measured 28 GB/s and
#: 100 billion multiply-adds per second. Half or twice as much changes no choice for VGG16 at 224 x 224.
READING = 14

#: Transforming one number takes about as long as this many multiply-adds: measured with layers of 3 and 16 channels.
TRANSFORMING = 16

#: For the gradient of the filters, what a channel's and a filter's sum takes beside the tiles, and the transforms of one number: measured
#: with 16 to 512 channels on maps of 8 to 112.
SUMMING, SPREADING = 64, 32

#: By algorithm, multiply-adds.
Work = dict[str, int]

_wanted: ContextVar[str] = ContextVar("algorithm", default="auto")


@contextlib.contextmanager
def use_algorithm(name: str) -> Iterator[None]:
    """Pin the algorithm of all convolutions in a ``with`` block, in this context only (see `contextvars`; so not in other threads).

    Parameters
    ----------
    name : {"auto", "im2col", "direct", "depthwise", "winograd"}

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


@functools.lru_cache(maxsize=1000)
def output_work(x_shape: tuple[int, ...], kernel_shape: tuple[int, ...], window: Window) -> Work:
    """Estimate, for each fast algorithm that is possible, its work for the output in multiply-adds.

    Both compute whole vectors of `LANES` filters. Winograd's method has 36 positions for each tile of 4x4 outputs, at each of which it
    multiplies the channels with the filters, reads these from memory, and transforms the numbers of all channels and of all filters.
    """
    batch, (height, width) = x_shape[0], window.output_size(*x_shape[1:3])
    channels, filters = kernel_shape[2], rounded_up(kernel_shape[3], LANES)
    work = {"direct": math.prod(kernel_shape[:2]) * direct.computed_outputs(window, batch, height, width) * channels * filters}
    if window == Window((3, 3), padding=window.padding):
        channels = rounded_up(channels, LANES)
        tiles = batch * math.ceil(height / TILE) * math.ceil(width / TILE)
        work["winograd"] = POSITIONS * ((computed_rows(tiles) + READING) * channels * filters + TRANSFORMING * tiles * (channels + filters))
    return work


@functools.lru_cache(maxsize=1000)
def gradient_work(x_shape: tuple[int, ...], kernel_shape: tuple[int, ...], window: Window) -> Work:
    """Estimate, for each fast algorithm that is possible, its work for the gradient of the filters in multiply-adds.

    Winograd's method transforms both images and gradients, and adds up 36 numbers for each channel and filter, which it transforms back.
    """
    batch, (height, width) = x_shape[0], window.output_size(*x_shape[1:3])
    filters = rounded_up(kernel_shape[3], LANES)
    work = {"direct": batch * height * width * kernel_shape[0] * rounded_up(kernel_shape[1] * kernel_shape[2], ROWS) * filters}
    if window == Window((3, 3), padding=window.padding):
        channels, filters = rounded_up(kernel_shape[2], LANES), rounded_up(kernel_shape[3], COLUMNS)
        tiles = batch * math.ceil(height / TILE) * math.ceil(width / TILE)
        work["winograd"] = POSITIONS * ((tiles + SUMMING) * channels * filters + SPREADING * tiles * (channels + filters))
    return work


def choose(
    x_shape: tuple[int, ...],
    dtype: np.dtype,
    kernel_shape: tuple[int, ...],
    window: Window,
    work: Callable[[tuple[int, ...], tuple[int, ...], Window], Work] = output_work,
) -> str:
    """Choose an algorithm by the shapes: the wanted one if it can do the convolution, or for "auto" the fast one with the least work."""
    wanted, channels = _wanted.get(), x_shape[3]
    if kernel_shape[2] < channels:  # in groups
        possible = {"depthwise": 0} if kernel_shape[2:] == (1, channels) else {}
    else:
        possible = work(x_shape, kernel_shape, window) if dtype == np.float32 else {}
    if wanted == "direct" and "depthwise" in possible:  # which is as direct
        return "depthwise"
    if wanted != "auto":
        return wanted if wanted in possible else "im2col"
    return min(possible, key=lambda name: possible[name], default="im2col")


def common_type(*arrays: np.ndarray) -> np.dtype:
    """Return the arrays' type if they have all the same, else float64, which no fast algorithm takes."""
    types = {array.dtype for array in arrays}
    return types.pop() if len(types) == 1 else np.dtype(np.float64)
