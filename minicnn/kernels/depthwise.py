r"""Depthwise convolution: each channel has a filter of its own, (kh, kw), and no channel sees another.

There is no sum over channels, so there is no matrix product to gain from; what counts is to read memory in order. Pixels lie in memory
with their channels side by side, so the innermost loop runs through the channels, and the compiler takes many of them at once::

    output[oy, ox, :] = bias + sum over (ky, kx) of  x[oy S - P + ky D, ox S - P + kx D, :] * kernel[ky, kx, :]

Some outputs of a row are computed together, for some channels (with AVX-512 seven and 32), on explicit vectors (see
`minicnn.kernels.vectors`): straight from the image, or, where their windows reach beyond its left or right border, from a copy of these
pixels with zeros beside them.

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
from minicnn.kernels.memory import empty, scratch
from minicnn.kernels.phases import Phases, phases_of
from minicnn.kernels.threads import thread_count
from minicnn.kernels.vectors import COLUMNS, PER_ROW, add_scaled, add_scaled_row, at_least, start_sums, store_sums, zero_sums

#: The outputs that are computed together.
BLOCK = 7 if vectors.WIDE else 4


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
    x, bias, floor = np.ascontiguousarray(x), np.ascontiguousarray(bias), x.dtype.type(floor)
    wide = output.shape[2] >= BLOCK * kernels.shape[1]
    if x.shape[3] >= COLUMNS and wide and x.dtype == kernels.dtype == bias.dtype == np.float32:
        columns = (BLOCK - 1) * window.stride[1] + (kernels.shape[3] - 1) * window.dilation[1] + 1
        borders = scratch("borders", (thread_count(), kernels.shape[2], columns * COLUMNS))
        _convolve_blocks(x, kernels, geometry, bias, window.stride, window.dilation, floor, output, borders)
    else:
        _convolve_pixels(x, kernels, geometry, bias, window.stride, window.dilation, floor, output)


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
def _copy_window(numbers, line, left, width, channels, row_length, rows, border):
    """Copy some channels of the pixels of some rows from `left` on, with zeros where there are none; the first row begins at `line`."""
    for row in range(rows[0], rows[1]):
        for i in range(border.shape[1] // COLUMNS):
            pixel = zero_sums(1, PER_ROW)
            if 0 <= left + i < width:
                pixel = start_sums(numbers, line + row * row_length + (left + i) * channels, 1, PER_ROW)
            store_sums(pixel, border[row], i * COLUMNS, COLUMNS)


@inlined
def _add_windows(sums, rows, numbers, corner, row_length, apart, factors, place, channels, width, stride, dilation):
    """Add to the sums of neighboring outputs the products of some rows of their windows, in `COLUMNS` channels.

    The rows lie `row_length` numbers from each other, the pixels of a row `apart`; the filter's are the channels of `width` factors. Of
    the usual widths and strides a row is one piece of code, which loads each pixel once for all outputs that see it.
    """
    for ky in range(rows[0], rows[1]):
        pixel, factor = corner + ky * row_length, place + ky * width[1] * channels
        if dilation == 1 and width[0] == 3 and stride == 1:
            sums = add_scaled_row(sums, numbers, pixel, apart, factors, factor, channels, 3, 1)
        elif dilation == 1 and width[0] == 3 and stride == 2:
            sums = add_scaled_row(sums, numbers, pixel, apart, factors, factor, channels, 3, 2)
        elif dilation == 1 and width[0] == 5 and stride == 1:
            sums = add_scaled_row(sums, numbers, pixel, apart, factors, factor, channels, 5, 1)
        elif dilation == 1 and width[0] == 5 and stride == 2:
            sums = add_scaled_row(sums, numbers, pixel, apart, factors, factor, channels, 5, 2)
        elif dilation == 1 and width[0] == 2 and stride == 1:
            sums = add_scaled_row(sums, numbers, pixel, apart, factors, factor, channels, 2, 1)
        else:
            for kx in range(width[0]):
                sums = add_scaled(sums, numbers, pixel + kx * dilation * apart, stride * apart, factors, factor + kx * channels)
    return sums


@jit
def _convolve_blocks(x, kernels, geometry, bias, stride, dilation, floor, output, borders):
    """Compute some channels after the other, and of each row blocks; the last block ends with the row, the last channels with all."""
    batch, height, width, channels = x.shape
    down, across, kernel_height, kernel_width, _ = kernels.shape
    _, out_height, out_width, _ = output.shape
    numbers, factors, outputs = x.reshape(-1), kernels.reshape(-1), output.reshape(-1)
    threads, panels, row_length = len(borders), (channels + COLUMNS - 1) // COLUMNS, dilation[0] * width * channels
    for thread in prange(threads):
        border, copy = borders[thread], borders[thread].reshape(-1)
        begin, end = batch * out_height * thread // threads, batch * out_height * (thread + 1) // threads
        for task in range(panels * (end - begin)):
            first, row = min(task // (end - begin) * COLUMNS, channels - COLUMNS), begin + task % (end - begin)
            image, y = row // out_height, row % out_height
            for phase in range(across):
                size, widths = geometry[y % down, phase], (geometry[y % down, phase, 1], kernel_width)
                count, top = (out_width - phase + across - 1) // across, y // down * stride[0] - size[2]
                place = (y % down * across + phase) * kernel_height * kernel_width * channels + first
                rows = (max(0, (dilation[0] - 1 - top) // dilation[0]), min(size[0], (height - 1 - top) // dilation[0] + 1))
                line = (image * height + top) * width * channels + first
                for block in range((count + BLOCK - 1) // BLOCK):
                    ox = min(block * BLOCK, count - BLOCK)
                    left = ox * stride[1] - size[3]
                    sums = start_sums(bias, first, BLOCK, PER_ROW)
                    if left >= 0 and left + (BLOCK - 1) * stride[1] + (size[1] - 1) * dilation[1] < width:
                        corner = line + left * channels
                        sums = _add_windows(
                            sums, rows, numbers, corner, row_length, channels, factors, place, channels, widths, stride[1], dilation[1]
                        )
                    else:
                        _copy_window(numbers, line, left, width, channels, row_length, rows, border)
                        sums = _add_windows(
                            sums, rows, copy, 0, border.shape[1], COLUMNS, factors, place, channels, widths, stride[1], dilation[1]
                        )
                    target = (row * out_width + phase + ox * across) * channels + first
                    store_sums(at_least(sums, floor), outputs, target, across * channels)


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
