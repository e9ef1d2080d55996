r"""Depthwise convolution: each channel has a filter of its own, (kh, kw), and no channel sees another.

There is no sum over channels, so there is no matrix product to gain from; what counts is to read memory in order. Pixels lie in memory
with their channels side by side, so the innermost loop runs through the channels, and the compiler takes many of them at once::

    output[oy, ox, :] = bias + sum over (ky, kx) of  x[oy S - P + ky D, ox S - P + kx D, :] * kernel[ky, kx, :]

Outputs whose windows lie within the image's columns are computed seven at a time, for 32 channels, on explicit vectors (see
`minicnn.kernels.vectors`); those at the left and the right border one by one.

Backward, the pixels of one phase are a depthwise convolution of the gradient, as `minicnn.kernels.direct` explains.

References
----------
F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.geometry import Pair, Window
from minicnn.kernels import vectors
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import empty
from minicnn.kernels.phases import phases_of
from minicnn.kernels.vectors import add_scaled, add_scaled_row, at_least, start_sums, store_sums

#: The outputs and the channels that are computed together.
BLOCK, COLUMNS = 7, 32


def convolve_depthwise(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve each channel of images (N, H, W, C) with a filter of its own.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : array (kh, kw, 1, C)
    bias : array (C,)
    window : Window
    rectify : bool
        Whether to set what is negative to zero.

    Returns
    -------
    array (N, OH, OW, C)
    """
    output = empty((len(x), *window.output_size(*x.shape[1:3]), x.shape[3]), np.result_type(x, kernel))
    _convolve(x, kernel, bias, window, 0 if rectify else -np.inf, output)
    return output


def backward_depthwise(gradient: np.ndarray, kernel: np.ndarray, window: Window, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output of `convolve_depthwise` back to the images; returns an array of shape `x_shape`, (N, H, W, C)."""
    x_gradient = empty(x_shape, np.result_type(gradient, kernel))
    no_bias = np.zeros(x_shape[3], kernel.dtype)
    phases = phases_of(kernel.transpose(0, 1, 3, 2), window)
    if len(phases) < window.stride[0] * window.stride[1]:
        x_gradient[:] = 0
    for phase, (part, slides) in phases.items():
        _convolve(gradient, part, no_bias, slides, -np.inf, x_gradient, phase, window.stride)
    return x_gradient


def kernel_gradient_depthwise(gradient: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Sum the gradient of the filters over all positions of all images x; returns an array (kh, kw, 1, C)."""
    parts = np.empty((len(x), *window.kernel_size, x.shape[3]), np.result_type(gradient, x))
    gradient, x = np.ascontiguousarray(gradient), np.ascontiguousarray(x)
    _kernel_gradient(gradient, x, window.stride, window.before, window.dilation, parts)
    return parts.sum(axis=0)[:, :, None]


def _convolve(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    window: Window,
    floor: float,
    output: np.ndarray,
    start: Pair = (0, 0),
    step: Pair = (1, 1),
) -> None:
    """Compute the outputs at start, start + step, start + 2 step ... of an array (N, OH, OW, C)."""
    down, across = (-(-(size - first) // by) for size, first, by in zip(output.shape[1:3], start, step))
    inside = (0, 0)
    if vectors.FAST and x.shape[3] >= COLUMNS and x.dtype == kernel.dtype == bias.dtype == np.float32:
        first = max(0, -(-window.before[1] // window.stride[1]))
        last = min(across, (x.shape[2] + window.before[1] - window.extent[1]) // window.stride[1] + 1)
        inside = (first, last) if last - first >= BLOCK else (0, 0)
    run = _convolve_blocks if inside[1] else _convolve_pixels
    x, kernel = np.ascontiguousarray(x), np.ascontiguousarray(kernel[:, :, 0])
    run(x, kernel, bias, window.stride, window.before, window.dilation, x.dtype.type(floor), output, start, step, (down, across), inside)


@inlined
def _pixel(x, image, oy, ox, kernel, bias, stride, before, dilation, floor, sums):
    """Compute one output, all channels."""
    _, height, width, channels = x.shape
    for c in range(channels):
        sums[c] = bias[c]
    for ky in range(kernel.shape[0]):
        iy = oy * stride[0] - before[0] + ky * dilation[0]
        if 0 <= iy < height:
            for kx in range(kernel.shape[1]):
                ix = ox * stride[1] - before[1] + kx * dilation[1]
                if 0 <= ix < width:
                    pixel, factors = x[image, iy, ix], kernel[ky, kx]
                    for c in range(channels):
                        sums[c] += pixel[c] * factors[c]
    for c in range(channels):
        if sums[c] < floor:  # NaN stays
            sums[c] = floor


@jit
def _convolve_pixels(x, kernel, bias, stride, before, dilation, floor, output, start, step, size, _):
    batch = len(x)
    for row in prange(batch * size[0]):
        image, oy = row // size[0], row % size[0]
        for ox in range(size[1]):
            sums = output[image, start[0] + oy * step[0], start[1] + ox * step[1]]
            _pixel(x, image, oy, ox, kernel, bias, stride, before, dilation, floor, sums)


@inlined
def _add_windows(sums, rows, numbers, shape, oy, ox, factors, kernel_size, first, stride, before, dilation):
    """Add to the sums of `rows` neighboring outputs the products of their windows, as far as all lie in the image, with 32 channels.

    Of the usual widths and strides a row of the window is one piece of code, which loads each pixel once for all outputs that see it.
    """
    origin, height, width, channels = shape
    for ky in range(kernel_size[0]):
        iy = oy * stride[0] - before[0] + ky * dilation[0]
        if not 0 <= iy < height:
            continue
        ix, place = ox * stride[1] - before[1], ky * kernel_size[1] * channels + first
        pixel = origin + (iy * width + ix) * channels + first
        whole = dilation[1] == 1 and ix >= 0 and ix + (rows - 1) * stride[1] + kernel_size[1] <= width
        if whole and kernel_size[1] == 3 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 3, 1)
        elif whole and kernel_size[1] == 3 and stride[1] == 2:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 3, 2)
        elif whole and kernel_size[1] == 5 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 5, 1)
        elif whole and kernel_size[1] == 2 and stride[1] == 1:
            sums = add_scaled_row(sums, numbers, pixel, factors, place, channels, 2, 1)
        else:
            for kx in range(kernel_size[1]):
                column = ix + kx * dilation[1]
                if column >= 0 and column + (rows - 1) * stride[1] < width:
                    apart = stride[1] * channels
                    sums = add_scaled(sums, numbers, pixel + kx * dilation[1] * channels, apart, factors, place + kx * channels)
    return sums


@jit
def _convolve_blocks(x, kernel, bias, stride, before, dilation, floor, output, start, step, size, inside):
    """Compute the outputs in the columns `inside` in blocks; the last block begins where it ends with them, and so do the channels."""
    batch, height, width, channels = x.shape
    kernel_size = kernel.shape[:2]
    _, out_height, out_width, _ = output.shape
    numbers, factors, outputs = x.reshape(-1), kernel.reshape(-1), output.reshape(-1)
    blocks, panels = (inside[1] - inside[0] + BLOCK - 1) // BLOCK, (channels + COLUMNS - 1) // COLUMNS
    for row in prange(batch * size[0]):
        image, oy = row // size[0], row % size[0]
        shape = (image * height * width * channels, height, width, channels)
        target = ((image * out_height + start[0] + oy * step[0]) * out_width + start[1]) * channels
        apart = step[1] * channels
        for panel in range(panels):
            first = min(panel * COLUMNS, channels - COLUMNS)
            for block in range(blocks):
                ox = min(inside[0] + block * BLOCK, inside[1] - BLOCK)
                sums = start_sums(bias, first, BLOCK)
                sums = _add_windows(sums, BLOCK, numbers, shape, oy, ox, factors, kernel_size, first, stride, before, dilation)
                store_sums(at_least(sums, floor), outputs, target + ox * apart + first, apart)
            for edge in range(size[1] - inside[1] + inside[0]):
                ox = edge if edge < inside[0] else edge + inside[1] - inside[0]
                one = start_sums(bias, first, 1)
                one = _add_windows(one, 1, numbers, shape, oy, ox, factors, kernel_size, first, stride, before, dilation)
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
