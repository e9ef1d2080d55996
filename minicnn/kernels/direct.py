r"""Direct convolution on explicit vectors: sums of products straight from the image, without patches.

In an image (H, W, C) the pixels of one row of a window lie side by side, kw * C numbers in order; so do those of the next position's
window, stride * C numbers further on. That is all that the inner product of `minicnn.kernels.product` needs to know of its left matrix:
where it begins, and how far apart its rows are. So some neighboring outputs of a row are computed together, for some filters at a time;
with AVX-512 these are 14 and 32:

    outputs ox ... ox + 13, filters f ... f + 31:
        sums = bias
        for each row ky of the window, for each number j of its kw * C:
            sums[i, :] += x[top + ky, (left + i * stride) * C + j] * kernel[ky, j, f : f + 32]

A convolution with padding first copies some rows of the image, with zeros around them, to a place that fits into the processor's cache.
The last outputs of a row, if they are fewer than a block, are computed in a block that begins earlier, so some are computed twice; of a
row shorter than a block some are computed for nothing.

Backward to the images it is several such convolutions, see `minicnn.kernels.phases`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from minicnn.geometry import Pair, Window
from minicnn.kernels.jit import jit, part
from minicnn.kernels.memory import empty, scratch
from minicnn.kernels.phases import Phases, squares_to_pixels
from minicnn.kernels.product import ROWS
from minicnn.kernels.threads import thread_count
from minicnn.kernels.vectors import COLUMNS, LANES, PER_ROW, add_products, at_least, load, start_sums, store, store_part, store_sums

#: The outputs that are computed together: so many where a row has them, else the smaller number.
MANY, FEW = ROWS, ROWS // 2

ZERO, MINUS_INFINITY = np.float32(0), np.float32(-np.inf)

#: How many bytes of the image are copied at a time: they stay in the cache of one processor core.
COPIED_BYTES = 256_000


def convolve_direct(x: np.ndarray, packed: np.ndarray, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve float32 images with a bank of filters.

    Parameters
    ----------
    x : float32 array (N, H, W, C)
    packed : float32 array (1, panels, kh * kw * C, COLUMNS)
        The filters, see `minicnn.kernels.product.pack_columns`.
    bias : float32 array (filters,)
    window : Window
    rectify : bool
        Whether to set what is negative to zero.

    Returns
    -------
    float32 array (N, OH, OW, filters)
    """
    output = empty((len(x), *window.output_size(*x.shape[1:3]), len(bias)), np.float32)
    _convolve(x, packed, bias, window, ZERO if rectify else MINUS_INFINITY, output)
    return output


def backward_direct(gradient: np.ndarray, phases: Phases, stride: Pair, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient of the output of `convolve_direct` back to the images, phase by phase.

    Parameters
    ----------
    gradient : float32 array (N, OH, OW, filters)
    phases : Phases
        Of the filters, each packed as for `convolve_direct`; the pixels of those that are missing get no gradient.
    stride : pair of int
        Of the forward convolution.
    x_shape : (N, H, W, C)

    Returns
    -------
    float32 array (N, H, W, C)
    """
    x_gradient = empty(x_shape, np.float32)
    if len(phases) < stride[0] * stride[1]:
        x_gradient[:] = 0
    no_bias = np.zeros(x_shape[3], np.float32)
    for phase, (packed, window) in phases.items():
        _convolve(gradient, packed, no_bias, window, MINUS_INFINITY, x_gradient, phase, stride)
    return x_gradient


def backward_joined(gradient: np.ndarray, packed: np.ndarray, window: Window, stride: Pair, x_shape: tuple[int, ...]) -> np.ndarray:
    """Send a gradient back as `backward_direct` does, all phases at once; `packed` and `window` are those of `phases.joined`."""
    squares = empty(
        (x_shape[0], *(-(-size // step) for size, step in zip(x_shape[1:3], stride)), math.prod(stride) * x_shape[3]), np.float32
    )
    _convolve(gradient, packed, np.zeros(squares.shape[3], np.float32), window, MINUS_INFINITY, squares)
    return squares_to_pixels(squares, stride, x_shape)


def computed_outputs(window: Window, batch: int, height: int, width: int) -> int:
    """Count the outputs that are computed for (batch, height, width) of them, in whole blocks."""
    if window == Window((1, 1)):
        batch, height, width = 1, 1, batch * height * width
    block = MANY if width >= MANY else FEW
    return batch * height * -(-width // block) * block


def _convolve(
    x: np.ndarray,
    packed: np.ndarray,
    bias: np.ndarray,
    window: Window,
    floor: np.float32,
    output: np.ndarray,
    start: Pair = (0, 0),
    step: Pair = (1, 1),
) -> None:
    """Compute the outputs at start, start + step, start + 2 step ... of an array (N, OH, OW, filters)."""
    down, across = (-(-(size - first) // by) for size, first, by in zip(output.shape[1:3], start, step))
    if window == Window((1, 1)) and x.shape[:3] == output.shape[:3] and step == (1, 1):  # all images are one row of pixels
        x, output, down, across = x.reshape(1, 1, -1, x.shape[3]), output.reshape(1, 1, -1, output.shape[3]), 1, output.size // len(bias)
    if min(len(x), down, across) < 1:
        return
    batch, height, width, channels = x.shape
    block = MANY if across >= MANY else FEW
    per_row, threads = -(-across // block), thread_count()
    (kernel_height, kernel_width), (top, left) = window.extent, window.before
    needed = (max(across, block) - 1) * window.stride[1] + kernel_width
    copied = top != 0 or left != 0 or (down - 1) * window.stride[0] + kernel_height > height or needed > width
    chunk = min(down * per_row, -(-batch * down * per_row // threads))
    copied_rows = 0
    if copied:  # whole rows of outputs, as many as have windows that fit into the cache
        rows = max(1, min(chunk // per_row, (COPIED_BYTES // (4 * needed * channels) - kernel_height) // window.stride[0] + 1))
        chunk, copied_rows = rows * per_row, (rows - 1) * window.stride[0] + kernel_height
    copies = scratch("rows", (threads, block * COLUMNS + copied_rows * needed * channels))
    panels = -(-len(bias) // COLUMNS)
    biases = np.zeros(panels * COLUMNS, np.float32)
    biases[: len(bias)] = bias
    touching = window.dilation[1] == 1
    taps, run = (1, window.kernel_size[1] * channels) if touching else (window.kernel_size[1], channels)
    _convolve_blocks(
        np.ascontiguousarray(x), packed, biases, (window.kernel_size[0], taps, run), window.stride, window.before, window.dilation, floor,
        output, start, step, (down, across), block, chunk, (copied_rows, needed), copies, threads,
    )  # fmt: skip


@part
def copy_rows(numbers, shape, image, top, left, rows, width, copy):
    """Copy rows of an image to a place with zeros around them."""
    _, x_height, x_width, channels = shape
    begin = min(max(0, -left), width)
    end = max(min(x_width - left, width), begin)
    for i in range(rows):
        row, first, last = i * width * channels, 0, 0
        if 0 <= top + i < x_height:
            first, last = begin * channels, end * channels
            source = ((image * x_height + top + i) * x_width + left) * channels
            whole = last - (last - first) % LANES
            for j in range(first, whole, LANES):
                store(copy, row + j, load(numbers, source + j))
            for j in range(whole, last):
                copy[row + j] = numbers[source + j]
        for j in range(first):
            copy[row + j] = ZERO
        for j in range(last, width * channels):
            copy[row + j] = ZERO


def _computing(rows, vectors):
    """Make the part of the kernel that computes so many neighboring outputs, for as many filters of a panel as `vectors` hold."""

    @part
    def compute(inputs, kernel, dilation, packed, bias, panel, floor, goal, target, target_step):
        source, corner, row_length, step, channels = inputs
        kernel_height, taps, run = kernel
        place = panel * kernel_height * taps * run * COLUMNS
        sums = start_sums(bias, panel * COLUMNS, rows, vectors)
        for ky in range(kernel_height):
            for kx in range(taps):
                first = corner + ky * dilation[0] * row_length + kx * dilation[1] * channels
                for j in range(run):
                    sums = add_products(sums, source, first + j, step, packed, place)
                    place += COLUMNS
        store_sums(at_least(sums, floor), goal, target, target_step)

    return compute


_many_narrow, _many, _few = _computing(MANY, 1), _computing(MANY, PER_ROW), _computing(FEW, PER_ROW)


@jit
def _convolve_blocks(
    x, packed, bias, kernel, stride, before, dilation, floor, output, start, step, size, block, chunk, copied, copies, threads
):
    """Compute all outputs, in tasks of `chunk` blocks each, for all filters."""
    batch, height, width, channels = x.shape
    _, out_height, out_width, filters = output.shape
    numbers, outputs = x.reshape(-1), output.reshape(-1)
    per_row = (size[1] + block - 1) // block
    blocks = size[0] * per_row
    chunks = (blocks + chunk - 1) // chunk
    tasks = batch * chunks
    for thread in prange(threads):
        tail, copy = copies[thread, : block * COLUMNS], copies[thread, block * COLUMNS :]  # for a block that is no whole one, and for rows
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            image, first = task // chunks, task % chunks * chunk
            source, row_length = numbers, width * channels
            origin = image * height * row_length
            if copied[0] > 0:
                top = first // per_row * stride[0] - before[0]
                copy_rows(numbers, x.shape, image, top, -before[1], copied[0], copied[1], copy)
                source, row_length = copy, copied[1] * channels
                origin = -(first // per_row) * stride[0] * row_length
            for panel in range(packed.shape[1]):
                for number in range(first, min(first + chunk, blocks)):
                    oy, ox = number // per_row, max(0, min(number % per_row * block, size[1] - block))
                    corner = origin + oy * stride[0] * row_length + ox * stride[1] * channels
                    target = ((image * out_height + start[0] + oy * step[0]) * out_width + start[1] + ox * step[1]) * filters
                    target += panel * COLUMNS
                    rows, columns = min(block, size[1]), min(COLUMNS, filters - panel * COLUMNS)
                    inputs = (source, corner, row_length, stride[1] * channels, channels)
                    onward, narrow = step[1] * filters, block == MANY and columns <= LANES
                    # A block that has more outputs or filters than there are goes to `tail` first.
                    whole = rows == block and columns == (LANES if narrow else COLUMNS)
                    goal, place, place_step = (outputs, target, onward) if whole else (tail, 0, COLUMNS)
                    if narrow:
                        _many_narrow(inputs, kernel, dilation, packed, bias, panel, floor, goal, place, place_step)
                    elif block == MANY:
                        _many(inputs, kernel, dilation, packed, bias, panel, floor, goal, place, place_step)
                    else:
                        _few(inputs, kernel, dilation, packed, bias, panel, floor, goal, place, place_step)
                    if not whole:
                        for i in range(rows):
                            for j in range(0, columns, LANES):
                                store_part(outputs, target + i * onward + j, columns - j, load(tail, i * COLUMNS + j))
