r"""Convolution as a matrix product over patches (see `minicnn.kernels.patches`): the definition, for every geometry.

With X the patches of the input (rows x kh*kw*C), K the kernel as a matrix (kh*kw*C x filters) and Y the output,

    forward            Y  = X K + bias
    kernel gradient    dK = X^T dY
    input gradient     dX = dY K^T,  and each number of dX is added back to its pixel.

Like every deep-learning library, this does not flip the kernel: strictly it is a cross-correlation.

In a convolution of several *groups* the channels and the filters are cut into as many parts, and each part of the filters sees its part
of the channels alone: so many small products. How many there are follows from the shapes, as a filter has C / groups channels.

The patches of a whole VGG16 layer would take 115 MB for one image, so all three work through blocks of output rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicnn.geometry import Window
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.memory import empty
from minicnn.kernels.patches import gather_patches, scatter_patches

#: The most memory that one block of patches may take, in bytes: enough for any VGG16 layer at 224 x 224 in one piece, since each
#: change between the compiled kernels and the matrix product costs some milliseconds of waiting threads.
PATCH_BYTES = 128_000_000


def _groups(channels: int, kernel: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yield each group's channels, its filters, and these as a matrix (kh * kw * channels, filters)."""
    *_, inputs, filters = kernel.shape
    count = channels // inputs
    for group in range(count):
        of_group = slice(group * filters // count, (group + 1) * filters // count)
        yield slice(group * inputs, (group + 1) * inputs), of_group, kernel[..., of_group].reshape(-1, filters // count)


def _blocks(
    x_shape: tuple[int, ...], kernel_shape: tuple[int, ...], out_width: int, rows: int, dtype: np.dtype
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut `rows` output rows into blocks; yield each block's first row and a patch array (reused) for it."""
    row_shape = (out_width, *kernel_shape[:2], x_shape[3])
    rows_at_once = max(1, PATCH_BYTES // (int(np.prod(row_shape)) * dtype.itemsize))
    patches = np.empty((min(rows, rows_at_once), *row_shape), dtype)
    for first in range(0, rows, rows_at_once):
        yield first, patches[: rows - first]


def convolve_im2col(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve images with a bank of filters.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : array (kh, kw, C / groups, filters)
    bias : array (filters,)
    window : Window
        Its kernel size is that of `kernel`.
    rectify : bool
        Whether to set what is negative to zero in the same pass over memory.

    Returns
    -------
    array (N, OH, OW, filters)
    """
    batch, height, width, channels = x.shape
    filters = kernel.shape[3]
    out_height, out_width = window.output_size(height, width)
    x = np.ascontiguousarray(x)
    output = empty((batch, out_height, out_width, filters), np.result_type(x, kernel))
    output_rows = output.reshape(batch * out_height, out_width, filters)
    for first, patches in _blocks(x.shape, kernel.shape, out_width, batch * out_height, x.dtype):
        gather_patches(x, window.stride, window.before, window.dilation, out_height, first, patches)
        block = output_rows[first : first + len(patches)].reshape(-1, filters)
        for inputs, outputs, matrix in _groups(channels, kernel):
            matrix_product(patches[..., inputs].reshape(len(block), -1), matrix, out=block[:, outputs])
        block += bias
        if rectify:
            np.maximum(block, 0, out=block)
    return output


def backward_im2col(gradient: np.ndarray, kernel: np.ndarray, window: Window, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output of `convolve_im2col` back to the images x; returns an array of shape `x_shape`, (N, H, W, C)."""
    batch, out_height, out_width, filters = gradient.shape
    dtype = np.result_type(gradient, kernel)
    gradient_rows = gradient.reshape(batch * out_height, out_width, filters)
    x_gradient = np.zeros(x_shape, dtype)
    for first, patches in _blocks(x_shape, kernel.shape, out_width, batch * out_height, dtype):
        block = gradient_rows[first : first + len(patches)].reshape(-1, filters)
        for inputs, outputs, matrix in _groups(x_shape[3], kernel):
            part = patches[..., inputs]
            part[:] = matrix_product(block[:, outputs], matrix.T).reshape(part.shape)
        scatter_patches(patches, window.stride, window.before, window.dilation, out_height, first, x_gradient)
    return x_gradient


def kernel_gradient_im2col(gradient: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], window: Window) -> np.ndarray:
    """Sum the gradient of the kernel over all positions of all images x; returns an array of shape `kernel_shape`."""
    batch, out_height, out_width, filters = gradient.shape
    x = np.ascontiguousarray(x)
    gradient_rows = gradient.reshape(batch * out_height, out_width, filters)
    total = np.zeros(kernel_shape, np.result_type(gradient, x))
    for first, patches in _blocks(x.shape, kernel_shape, out_width, batch * out_height, x.dtype):
        gather_patches(x, window.stride, window.before, window.dilation, out_height, first, patches)
        block = gradient_rows[first : first + len(patches)].reshape(-1, filters)
        for inputs, outputs, _ in _groups(x.shape[3], total):
            part = matrix_product(patches[..., inputs].reshape(len(block), -1).T, block[:, outputs])
            total[..., outputs] += part.reshape(*kernel_shape[:3], -1)
    return total
