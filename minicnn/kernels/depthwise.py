r"""Depthwise convolution: each channel has a filter of its own, (kh, kw), and no channel sees another.

There is no sum over channels, so there is no matrix product to gain from; what counts is to read memory in order. Pixels lie in memory
with their channels side by side, so the innermost loop runs through the channels, and the compiler takes many of them at once::

    output[oy, ox, :] = bias + sum over (ky, kx) of  x[oy S - P + ky D, ox S - P + kx D, :] * kernel[ky, kx, :]

Outputs whose windows lie within the image's columns are computed seven at a time, for 32 channels, on explicit vectors (see
`minicnn.kernels.vectors`); those at the left and the right border one by one.

Backward, the pixels of each phase are a depthwise convolution of the gradient, as `minicnn.kernels.phases` explains: the same code, in
which each row and column of the output has the filters of its phase. Forward there is one phase.

References
----------
F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from minicnn.geometry import Pair, Window
from minicnn.kernels import vectors
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import empty
from minicnn.kernels.phases import Phases, phases_of
from minicnn.kernels.vectors import add_scaled, add_scaled_row, at_least, start_sums, store_sums

#: The outputs and the channels that are computed together.
BLOCK, COLUMNS = 7, 32


class Separate(NamedTuple):
    """The filters of all phases in one array, which is made once for a bank of filters.

    Attributes
    ----------
    kernels : array (stride, stride, rows, columns, C)
        By phase; zeros where one has fewer rows or columns.
    geometry : int array (stride, stride, 4)
        How many rows and columns each has, and its padding above and before.
    window : Window
        The stride and the dilation with which all slide.
    """

    kernels: np.ndarray
    geometry: np.ndarray
    window: Window

    @classmethod
    def of(cls, phases: Phases, step: Pair) -> Separate:
        """Put filters (kh, kw, 1, C) of each phase together; forward there is one."""
        (one, window), *_ = phases.values()
        height, width = (max(part.shape[axis] for part, _ in phases.values()) for axis in range(2))
        kernels, geometry = np.zeros((*step, height, width, one.shape[3]), one.dtype), np.zeros((*step, 4), np.int64)
        for phase, (part, slides) in phases.items():
            kernels[phase][: part.shape[0], : part.shape[1]] = part[:, :, 0]
            geometry[phase] = *part.shape[:2], *slides.before
        return cls(kernels, geometry, window)


def forward_filters(kernel: np.ndarray, window: Window) -> Separate:
    """Lay out filters (kh, kw, 1, C) for `convolve_depthwise`."""
    return Separate.of({(0, 0): (kernel, window)}, (1, 1))


def backward_filters(kernel: np.ndarray, window: Window) -> Separate:
    """Lay out filters (kh, kw, 1, C) for `backward_depthwise`."""
    return Separate.of(phases_of(kernel.transpose(0, 1, 3, 2), window), window.stride)


def convolve_depthwise(x: np.ndarray, filters: Separate, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve each channel of images (N, H, W, C) with a filter of its own.

    Parameters
    ----------
    x : array (N, H, W, C)
    filters : Separate
        From `forward_filters`.
    bias : array (C,)
    window : Window
    rectify : bool
        Whether to set what is negative to zero.

    Returns
    -------
    array (N, OH, OW, C)
    """
    output = empty((len(x), *window.output_size(*x.shape[1:3]), x.shape[3]), np.result_type(x, filters.kernels))
    _convolve(x, filters, bias, 0 if rectify else -np.inf, output)
    return output


def backward_depthwise(gradient: np.ndarray, filters: Separate, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output of `convolve_depthwise` back to the images; returns an array of shape `x_shape`, (N, H, W, C).

    `filters` are those of `backward_filters`.
    """
    x_gradient = empty(x_shape, np.result_type(gradient, filters.kernels))
    _convolve(gradient, filters, np.zeros(x_shape[3], filters.kernels.dtype), -np.inf, x_gradient)
    return x_gradient


def kernel_gradient_depthwise(gradient: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Sum the gradient of the filters over all positions of all images x; returns an array (kh, kw, 1, C)."""
    parts = np.empty((len(x), *window.kernel_size, x.shape[3]), np.result_type(gradient, x))
    gradient, x = np.ascontiguousarray(gradient), np.ascontiguousarray(x)
    _kernel_gradient(gradient, x, window.stride, window.before, window.dilation, parts)
    return parts.sum(axis=0)[:, :, None]


def _convolve(x: np.ndarray, filters: Separate, bias: np.ndarray, floor: float, output: np.ndarray) -> None:
    """Compute an output (N, OH, OW, C) whose rows and columns at the same place modulo the stride have the filters of one phase."""
    kernels, geometry, window = filters
    wide = output.shape[2] >= (BLOCK + 2) * kernels.shape[1]  # a block, and the borders
    fast = vectors.FAST and x.shape[3] >= COLUMNS and wide and x.dtype == kernels.dtype == bias.dtype == np.float32
    run = _convolve_blocks if fast else _convolve_pixels
    run(np.ascontiguousarray(x), kernels, geometry, bias, window.stride, window.dilation, x.dtype.type(floor), output)


@inlined
def _pixel(x, image, oy, ox, kernel, size, bias, stride, dilation, floor, sums):
    """Compute one output, all channels; `size` has the kernel's rows and columns and the padding."""
    _, height, width, channels = x.shape
    for c in range(channels):
        sums[c] = bias[c]
    for ky in range(size[0]):
        iy = oy * stride[0] - size[2] + ky * dilation[0]
        if 0 <= iy < height:
            for kx in range(size[1]):
                ix = ox * stride[1] - size[3] + kx * dilation[1]
                if 0 <= ix < width:
                    pixel, factors = x[image, iy, ix], kernel[ky, kx]
                    for c in range(channels):
                        sums[c] += pixel[c] * factors[c]
    for c in range(channels):
        if sums[c] < floor:  # NaN stays
            sums[c] = floor


@jit
def _convolve_pixels(x, kernels, geometry, bias, stride, dilation, floor, output):
    batch, out_height, out_width, _ = output.shape
    down, across = kernels.shape[:2]
    for row in prange(batch * out_height):
        image, y = row // out_height, row % out_height
        for x_ in range(out_width):
            phase = (y % down, x_ % across)
            sums = output[image, y, x_]
            _pixel(x, image, y // down, x_ // across, kernels[phase], geometry[phase], bias, stride, dilation, floor, sums)


@inlined
def _add_windows(sums, rows, numbers, shape, oy, ox, factors, origin, size, length, stride, dilation):
    """Add to the sums of `rows` neighboring outputs the products of their windows, as far as all lie in the image, with 32 channels.

    Of the usual widths and strides a row of the window is one piece of code, which loads each pixel once for all outputs that see it.
    `origin` is where the first factors are; `length` how far apart those of a kernel's rows are.
    """
    start, height, width, channels = shape
    for ky in range(size[0]):
        iy = oy * stride[0] - size[2] + ky * dilation[0]
        if not 0 <= iy < height:
            continue
        ix, place = ox * stride[1] - size[3], origin + ky * length
        pixel = start + (iy * width + ix) * channels
        whole = dilation[1] == 1 and ix >= 0 and ix + (rows - 1) * stride[1] + size[1] <= width
        if whole and size[1] == 3 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 3, 1)
        elif whole and size[1] == 3 and stride[1] == 2:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 3, 2)
        elif whole and size[1] == 5 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 5, 1)
        elif whole and size[1] == 5 and stride[1] == 2:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 5, 2)
        elif whole and size[1] == 2 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 2, 1)
        else:
            for kx in range(size[1]):
                column = ix + kx * dilation[1]
                if column >= 0 and column + (rows - 1) * stride[1] < width:
                    apart = stride[1] * channels
                    sums = add_scaled(sums, numbers, pixel + kx * dilation[1] * channels, apart, factors, place + kx * channels)
    return sums


@jit
def _convolve_blocks(x, kernels, geometry, bias, stride, dilation, floor, output):
    """Compute outputs whose windows lie within the columns in blocks; the last block ends with them, and so do the last 32 channels."""
    batch, height, width, channels = x.shape
    down, across, kernel_height, kernel_width, _ = kernels.shape
    _, out_height, out_width, _ = output.shape
    numbers, factors, outputs = x.reshape(-1), kernels.reshape(-1), output.reshape(-1)
    panels, length = (channels + COLUMNS - 1) // COLUMNS, kernel_width * channels
    for row in prange(batch * out_height):
        image, y = row // out_height, row % out_height
        for column in range(min(across, out_width)):
            size, oy = geometry[y % down, column], y // down
            count = (out_width - column + across - 1) // across
            first_inside = max(0, (size[3] + stride[1] - 1) // stride[1])
            inside = min(count, (width + size[3] - (size[1] - 1) * dilation[1] - 1) // stride[1] + 1) - first_inside
            inside = inside if inside >= BLOCK else 0
            target = (row * out_width + column) * channels
            apart = across * channels
            for panel in range(panels):
                first = min(panel * COLUMNS, channels - COLUMNS)
                origin = ((y % down * across + column) * kernel_height * kernel_width) * channels + first
                shape = (image * height * width * channels + first, height, width, channels)
                for block in range((inside + BLOCK - 1) // BLOCK):
                    ox = first_inside + min(block * BLOCK, inside - BLOCK)
                    sums = start_sums(bias, first, BLOCK)
                    sums = _add_windows(sums, BLOCK, numbers, shape, oy, ox, factors, origin, size, length, stride, dilation)
                    store_sums(at_least(sums, floor), outputs, target + ox * apart + first, apart)
                for edge in range(count - inside):
                    ox = edge if inside == 0 or edge < first_inside else edge + inside
                    one = start_sums(bias, first, 1)
                    one = _add_windows(one, 1, numbers, shape, oy, ox, factors, origin, size, length, stride, dilation)
                    store_sums(at_least(one, floor), outputs, target + ox * apart + first, apart)


@jit
def _kernel_gradient(gradient, x, stride, before, dilation, parts):
    _, height, width, channels = x.shape
    batch, kernel_height, kernel_width, _ = parts.shape
    _, out_height, out_width, _ = gradient.shape
    for row in prange(batch * kernel_height):
        image, ky = row // kernel_height, row % kernel_height
        parts[image, ky] = 0
        for oy in range(out_height):
            iy = oy * stride[0] - before[0] + ky * dilation[0]
            if 0 <= iy < height:
                for ox in range(out_width):
                    for kx in range(kernel_width):
                        ix = ox * stride[1] - before[1] + kx * dilation[1]
                        if 0 <= ix < width:
                            sums, above, pixel = parts[image, ky, kx], gradient[image, oy, ox], x[image, iy, ix]
                            for c in range(channels):
                                sums[c] += above[c] * pixel[c]
