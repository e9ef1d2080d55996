r"""The gradient of filters on explicit vectors: sums over all positions straight from the image, without patches.

As `minicnn.kernels.direct` explains, the numbers of one row of a window lie side by side in an image. The gradient of the filters there is

    dw[ky, j, f] = sum over all positions (oy, ox) of  x[oy S - P + ky, (ox S - P) C + j] * dy[oy, ox, f],        j = 0 ... kw C - 1

so for some numbers j and some filters f, with AVX-512 14 and 32, the sums stay in registers while the positions pass by. Each thread takes
some rows of outputs, whose windows' rows it first copies, with zeros around them, to a place that fits into the processor's cache; and
adds to sums of its own, which are joined at the end.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.direct import COPIED_BYTES, copy_rows
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import scratch
from minicnn.kernels.product import ROWS
from minicnn.kernels.threads import thread_count
from minicnn.kernels.vectors import COLUMNS, LANES, PER_ROW, add_products, add_sums, zero_sums


def kernel_gradient_direct(gradient: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Sum the gradient of filters over all positions of all images.

    Parameters
    ----------
    gradient : float32 array (N, OH, OW, filters)
        Of some scalar with respect to the convolution's output.
    x : float32 array (N, H, W, C)
        The images that were convolved.
    window : Window

    Returns
    -------
    float32 array (kh, kw, C, filters)
    """
    threads, wanted, channels = thread_count(), gradient.shape[3], x.shape[3]
    if wanted % LANES:  # only whole vectors are read
        gradient = np.pad(gradient, [(0, 0), (0, 0), (0, 0), (0, -wanted % LANES)])
    gradient, x = np.ascontiguousarray(gradient), np.ascontiguousarray(x)
    batch, height, width, filters = gradient.shape
    kernel_height, kernel_width = window.kernel_size
    taps, run = (1, kernel_width * channels) if window.dilation[1] == 1 else (kernel_width, channels)
    needed = (width - 1) * window.stride[1] + window.extent[1]
    # Rows of outputs that are taken at a time: as many as fit into the cache, but at least one.
    fitting = (COPIED_BYTES // (4 * needed * channels) - window.extent[0]) // window.stride[0]
    rows = max(1, min(height, -(-batch * height // threads), fitting))
    # Behind the last row lie the numbers that a last block of a window's numbers takes too many; what comes of them is left out.
    copies = scratch("rows", (threads, ((rows - 1) * window.stride[0] + window.extent[0]) * needed * channels + ROWS))
    sums = scratch("filters", (threads, kernel_height, taps, -(-run // ROWS) * ROWS, -(-filters // COLUMNS) * COLUMNS))
    _add_positions(gradient, x, window.stride, window.before, window.dilation, rows, needed, run, copies, sums)
    return sums.sum(axis=0)[:, :, :run, :wanted].reshape(kernel_height, kernel_width, channels, wanted)


@inlined
def _add_block(vectors, inputs, outputs, sums, place, step):
    """Add to the sums of `ROWS` numbers of a window's row, at `place`, what comes from some rows of outputs."""
    source, corner, row_length, apart = inputs
    gradients, first, rows, width, filters = outputs
    block = zero_sums(ROWS, vectors)
    for oy in range(rows):
        for ox in range(width):
            pixel, output = corner + oy * row_length + ox * apart, first + (oy * width + ox) * filters
            block = add_products(block, source, pixel, 1, gradients, output)
    add_sums(block, sums, place, step)


@jit
def _add_positions(gradient, x, stride, before, dilation, rows_at_once, needed, run, copies, sums):
    """Let each thread add up its share of the outputs, some rows of an image at a time."""
    batch, height, width, filters = gradient.shape
    threads, kernel_height, taps, padded_run, columns = sums.shape
    channels = x.shape[3]
    numbers, gradients = x.reshape(-1), gradient.reshape(-1)
    blocks = (height + rows_at_once - 1) // rows_at_once
    for thread in prange(threads):
        copy, own = copies[thread], sums[thread].reshape(-1)
        own[:] = 0
        for task in range(batch * blocks * thread // threads, batch * blocks * (thread + 1) // threads):
            image, top = task // blocks, task % blocks * rows_at_once
            rows = min(rows_at_once, height - top)
            copied = (rows - 1) * stride[0] + (kernel_height - 1) * dilation[0] + 1
            copy_rows(numbers, x.shape, image, top * stride[0] - before[0], -before[1], copied, needed, copy)
            for ky in range(kernel_height):
                for kx in range(taps):
                    for j in range(0, run, ROWS):
                        corner = (ky * dilation[0] * needed + kx * dilation[1]) * channels + j
                        inputs = (copy, corner, stride[0] * needed * channels, stride[1] * channels)
                        for f in range(0, filters, COLUMNS):
                            outputs = (gradients, (image * height + top) * width * filters + f, rows, width, filters)
                            place = ((ky * taps + kx) * padded_run + j) * columns + f
                            if filters - f <= LANES:
                                _add_block(1, inputs, outputs, own, place, columns)
                            else:
                                _add_block(PER_ROW, inputs, outputs, own, place, columns)
