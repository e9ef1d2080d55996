r"""Pooling: one number for each window of each channel, its maximum or its mean.

Backward, the maximum sends the whole gradient to the pixel that won, the mean an equal share to every pixel of the window. As in
`scatter_patches`, each image row looks for the windows that cover it, so that rows run in parallel.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty


@jit
def _max_pool(x, kernel_size, stride, padding, output, winners):
    batch, height, width, channels = x.shape
    _, out_height, out_width, _ = output.shape
    for row in prange(batch * out_height):
        image, oy = row // out_height, row % out_height
        top = oy * stride[0] - padding[0]
        for ox in range(out_width):
            left = ox * stride[1] - padding[1]
            first = max(top, 0) * width + max(left, 0)
            for c in range(channels):
                output[image, oy, ox, c] = x[image, first // width, first % width, c]
                winners[image, oy, ox, c] = first
            for iy in range(max(top, 0), min(top + kernel_size[0], height)):
                for ix in range(max(left, 0), min(left + kernel_size[1], width)):
                    for c in range(channels):
                        value = x[image, iy, ix, c]
                        if value > output[image, oy, ox, c] or np.isnan(value):  # NaN wins, and stays
                            output[image, oy, ox, c] = value
                            winners[image, oy, ox, c] = iy * width + ix


@jit
def _max_pool_backward(gradient, winners, kernel_size, stride, padding, x_gradient):
    batch, height, width, channels = x_gradient.shape
    _, out_height, out_width, _ = gradient.shape
    for row in prange(batch * height):
        image, iy = row // height, row % height
        x_gradient[image, iy] = 0
        for ky in range(kernel_size[0]):
            top = iy + padding[0] - ky
            oy = top // stride[0]
            if top % stride[0] == 0 and 0 <= oy < out_height:
                for ox in range(out_width):
                    left = ox * stride[1] - padding[1]
                    above, won = gradient[image, oy, ox], winners[image, oy, ox]
                    for ix in range(max(left, 0), min(left + kernel_size[1], width)):
                        pixel, number = x_gradient[image, iy, ix], np.int32(iy * width + ix)
                        for c in range(channels):
                            pixel[c] += above[c] if won[c] == number else 0


@jit
def _average_pool(x, kernel_size, stride, padding, rows, columns, output):
    batch, height, width, channels = x.shape
    _, out_height, out_width, _ = output.shape
    for row in prange(batch * out_height):
        image, oy = row // out_height, row % out_height
        top = oy * stride[0] - padding[0]
        for ox in range(out_width):
            left = ox * stride[1] - padding[1]
            share = 1 / (rows[oy] * columns[ox])
            for c in range(channels):
                output[image, oy, ox, c] = 0
            for iy in range(max(top, 0), min(top + kernel_size[0], height)):
                for ix in range(max(left, 0), min(left + kernel_size[1], width)):
                    for c in range(channels):
                        output[image, oy, ox, c] += x[image, iy, ix, c] * share


@jit
def _average_pool_backward(gradient, kernel_size, stride, padding, rows, columns, x_gradient):
    batch, height, width, channels = x_gradient.shape
    _, out_height, out_width, _ = gradient.shape
    for row in prange(batch * height):
        image, iy = row // height, row % height
        x_gradient[image, iy] = 0
        for ky in range(kernel_size[0]):
            top = iy + padding[0] - ky
            oy = top // stride[0]
            if top % stride[0] == 0 and 0 <= oy < out_height:
                for ox in range(out_width):
                    left = ox * stride[1] - padding[1]
                    share = 1 / (rows[oy] * columns[ox])
                    for ix in range(max(left, 0), min(left + kernel_size[1], width)):
                        for c in range(channels):
                            x_gradient[image, iy, ix, c] += gradient[image, oy, ox, c] * share


def max_pool(x: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Take the maximum of each window; the padding never wins.

    Parameters
    ----------
    x : array (N, H, W, C)
    window : Window
        Its padding must be smaller than its kernel, so that every window holds a pixel.

    Returns
    -------
    output : array (N, OH, OW, C)
    winners : int32 array (N, OH, OW, C)
        Where each maximum came from, as row * W + column. Of equal pixels the first in reading order wins.
    """
    batch, height, width, channels = x.shape
    output = empty((batch, *window.output_size(height, width), channels), x.dtype)
    winners = empty(output.shape, np.int32)
    _max_pool(np.ascontiguousarray(x), window.kernel_size, window.stride, window.before, output, winners)
    return output, winners


def max_pool_backward(gradient: np.ndarray, winners: np.ndarray, window: Window, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send each window's gradient to the pixel that won it; returns an array of shape `x_shape`."""
    x_gradient = empty(x_shape, gradient.dtype)
    _max_pool_backward(np.ascontiguousarray(gradient), winners, window.kernel_size, window.stride, window.before, x_gradient)
    return x_gradient


def pixels_counted(height: int, width: int, window: Window, include_padding: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tell how many rows and how many columns count in the mean of each window; never those behind the padding, in ceil mode.

    Returns
    -------
    rows : int array (OH,)
    columns : int array (OW,)
    """
    counted = []
    for axis, (size, outputs) in enumerate(zip((height, width), window.output_size(height, width))):
        before, after = window.padding[axis]
        first = np.arange(outputs) * window.stride[axis] - before
        last = first + window.kernel_size[axis]
        counted.append(np.minimum(last, size + after) - first if include_padding else np.minimum(last, size) - np.maximum(first, 0))
    return counted[0], counted[1]


def average_pool(x: np.ndarray, window: Window, include_padding: bool = True) -> np.ndarray:
    """Take the mean of each window, the padding counted as zeros or left out; (N, H, W, C) to (N, OH, OW, C)."""
    batch, height, width, channels = x.shape
    output = empty((batch, *window.output_size(height, width), channels), x.dtype)
    counted = pixels_counted(height, width, window, include_padding)
    _average_pool(np.ascontiguousarray(x), window.kernel_size, window.stride, window.before, *counted, output)
    return output


def average_pool_backward(gradient: np.ndarray, window: Window, x_shape: tuple[int, ...], include_padding: bool = True) -> np.ndarray:
    """Send an equal share of each window's gradient to its pixels; returns an array of shape `x_shape`."""
    x_gradient = empty(x_shape, gradient.dtype)
    counted = pixels_counted(x_shape[1], x_shape[2], window, include_padding)
    _average_pool_backward(np.ascontiguousarray(gradient), window.kernel_size, window.stride, window.before, *counted, x_gradient)
    return x_gradient
