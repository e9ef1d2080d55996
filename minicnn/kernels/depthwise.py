r"""Depthwise convolution: each channel has a filter of its own, (kh, kw), and no channel sees another.

There is no sum over channels, so there is no matrix product to gain from; what counts is to read memory in order. Pixels lie in memory
with their channels side by side, so the innermost loop runs through the channels, and the compiler takes many of them at once::

    output[oy, ox, :] = bias + sum over (ky, kx) of  x[oy S - P + ky D, ox S - P + kx D, :] * kernel[ky, kx, :]

Backward, each row of the image looks for the windows that cover it, as in `minicnn.kernels.patches.scatter_patches`, so that rows run in
parallel.

References
----------
F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty


@jit
def _convolve(x, kernel, bias, stride, padding, dilation, rectify, output):
    _, height, width, channels = x.shape
    kernel_height, kernel_width, _ = kernel.shape
    batch, out_height, out_width, _ = output.shape
    for row in prange(batch * out_height):
        image, oy = row // out_height, row % out_height
        for ox in range(out_width):
            sums = output[image, oy, ox]
            for c in range(channels):
                sums[c] = bias[c]
            for ky in range(kernel_height):
                iy = oy * stride[0] - padding[0] + ky * dilation[0]
                if 0 <= iy < height:
                    for kx in range(kernel_width):
                        ix = ox * stride[1] - padding[1] + kx * dilation[1]
                        if 0 <= ix < width:
                            pixel, factors = x[image, iy, ix], kernel[ky, kx]
                            for c in range(channels):
                                sums[c] += pixel[c] * factors[c]
            if rectify:
                for c in range(channels):
                    if sums[c] < 0:  # NaN stays
                        sums[c] = 0


@jit
def _backward(gradient, kernel, stride, padding, dilation, x_gradient):
    batch, height, width, channels = x_gradient.shape
    kernel_height, kernel_width, _ = kernel.shape
    _, out_height, out_width, _ = gradient.shape
    for row in prange(batch * height):
        image, iy = row // height, row % height
        x_gradient[image, iy] = 0
        for ky in range(kernel_height):
            top = iy + padding[0] - ky * dilation[0]
            oy = top // stride[0]
            if top % stride[0] == 0 and 0 <= oy < out_height:
                for ox in range(out_width):
                    for kx in range(kernel_width):
                        ix = ox * stride[1] - padding[1] + kx * dilation[1]
                        if 0 <= ix < width:
                            pixel, above, factors = x_gradient[image, iy, ix], gradient[image, oy, ox], kernel[ky, kx]
                            for c in range(channels):
                                pixel[c] += above[c] * factors[c]


@jit
def _kernel_gradient(gradient, x, stride, padding, dilation, parts):
    _, height, width, channels = x.shape
    batch, kernel_height, kernel_width, _ = parts.shape
    _, out_height, out_width, _ = gradient.shape
    for row in prange(batch * kernel_height):
        image, ky = row // kernel_height, row % kernel_height
        parts[image, ky] = 0
        for oy in range(out_height):
            iy = oy * stride[0] - padding[0] + ky * dilation[0]
            if 0 <= iy < height:
                for ox in range(out_width):
                    for kx in range(kernel_width):
                        ix = ox * stride[1] - padding[1] + kx * dilation[1]
                        if 0 <= ix < width:
                            sums, above, pixel = parts[image, ky, kx], gradient[image, oy, ox], x[image, iy, ix]
                            for c in range(channels):
                                sums[c] += above[c] * pixel[c]


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
    batch, height, width, channels = x.shape
    output = empty((batch, *window.output_size(height, width), channels), np.result_type(x, kernel))
    x, kernel = np.ascontiguousarray(x), np.ascontiguousarray(kernel[:, :, 0])
    _convolve(x, kernel, bias, window.stride, window.before, window.dilation, rectify, output)
    return output


def backward_depthwise(gradient: np.ndarray, kernel: np.ndarray, window: Window, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output of `convolve_depthwise` back to the images; returns an array of shape `x_shape`, (N, H, W, C)."""
    x_gradient = empty(x_shape, np.result_type(gradient, kernel))
    gradient, kernel = np.ascontiguousarray(gradient), np.ascontiguousarray(kernel[:, :, 0])
    _backward(gradient, kernel, window.stride, window.before, window.dilation, x_gradient)
    return x_gradient


def kernel_gradient_depthwise(gradient: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Sum the gradient of the filters over all positions of all images x; returns an array (kh, kw, 1, C)."""
    parts = np.empty((len(x), *window.kernel_size, x.shape[3]), np.result_type(gradient, x))
    gradient, x = np.ascontiguousarray(gradient), np.ascontiguousarray(x)
    _kernel_gradient(gradient, x, window.stride, window.before, window.dilation, parts)
    return parts.sum(axis=0)[:, :, None]
