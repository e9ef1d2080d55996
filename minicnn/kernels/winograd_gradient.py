r"""The gradient of 3x3 filters by Winograd's method, F(4x4, 3x3); `minicnn.kernels.winograd` derives the method and its matrices.

There, an output tile is

    Y = A^T [ U * V ] A,    U = G g G^T,    V = B^T d B.

Each step is linear, so the gradient goes back through their transposes. With dY the gradient of the tile,

    dM = A dY A^T               6x6 numbers for each tile and filter
    dU = sum over tiles of V * dM    which over many channels is one matrix product V^T dM for each position
    dg = G^T dU G

The products take 36 multiplications for each tile of 16 outputs, where the definition takes 144.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import scratch
from minicnn.kernels.product import (
    COLUMNS,
    TRANSPOSED_ROWS,
    multiply_transposed,
    padded_rows,
)
from minicnn.kernels.threads import thread_count
from minicnn.kernels.winograd import (
    BLOCK_BYTES,
    HALF,
    HALF_B,
    KERNEL_TRANSFORMS,
    TWO,
    TWO_A,
    A,
    B,
    gather_tile,
    transform_inputs_4,
)

TILE, POSITIONS = 4, 36


def kernel_gradient_winograd(gradient: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Sum the gradient of 3x3 filters at stride 1 over all positions of all images.

    Parameters
    ----------
    gradient : float32 array (N, OH, OW, filters)
        Of some scalar with respect to the convolution's output.
    x : float32 array (N, H, W, channels)
        The images that were convolved.
    window : Window
        3x3, stride 1, any padding.

    Returns
    -------
    float32 array (3, 3, channels, filters)
    """
    batch, height, width, filters = gradient.shape
    channels = x.shape[3]
    x, gradient = np.ascontiguousarray(x), np.ascontiguousarray(gradient)
    tiles = batch * -(-height // TILE) * -(-width // TILE)
    # The product computes whole groups of channels and filters; what is beyond ours is left out at the end.
    rows, columns = -(-channels // TRANSPOSED_ROWS) * TRANSPOSED_ROWS, -(-filters // COLUMNS) * COLUMNS
    block = padded_rows(max(1, min(tiles, BLOCK_BYTES // (4 * POSITIONS * (rows + columns)))))
    inputs, outputs = scratch("inputs", (POSITIONS, block, rows)), scratch("products", (POSITIONS, block, columns))
    products = scratch("kernel products", (POSITIONS, rows, columns))
    total = np.zeros(products.shape, np.float32)
    threads = thread_count()
    for first in range(0, tiles, block):
        count = min(block, tiles - first)
        transform_inputs_4(x, window.before, (height, width), first, count, inputs, threads)
        _transform_gradients(gradient, first, count, outputs, threads)
        multiply_transposed(inputs, outputs, count, products)
        total += products
    total = np.ascontiguousarray(total[:, :channels, :filters])
    transform = KERNEL_TRANSFORMS[TILE]
    both = np.kron(transform, transform)
    return matrix_product(both.T.astype(np.float32), total.reshape(POSITIONS, -1)).reshape(3, 3, channels, filters)


@inlined
def _spread(y0, y1, y2, y3, m0, m1, m2, m3, m4, m5):
    """m = A y of F(4, 3), for every filter."""
    for f in range(y0.shape[0]):
        a, b, c, d = y0[f], y1[f], y2[f], y3[f]
        even_a, odd_a = a + TWO * c, A * b + TWO_A * d
        even_b, odd_b = a + HALF * c, B * b + HALF_B * d
        m0[f] = a
        m1[f] = even_a + odd_a
        m2[f] = even_a - odd_a
        m3[f] = even_b + odd_b
        m4[f] = even_b - odd_b
        m5[f] = d


@jit
def _transform_gradients(gradient, first, count, outputs, threads):
    """Fill outputs[:, 0 ... count] with A dY A^T of the gradient's tiles from `first` on."""
    _, height, width, filters = gradient.shape
    down, across = (height + 3) // 4, (width + 3) // 4
    for thread in prange(threads):
        y, s = np.empty((4, 4, filters), np.float32), np.empty((6, 4, filters), np.float32)
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, place = (first + k) // (down * across), (first + k) % (down * across)
            gather_tile(gradient, image, place // across * 4, place % across * 4, y)
            for j in range(4):
                _spread(y[0, j], y[1, j], y[2, j], y[3, j], s[0, j], s[1, j], s[2, j], s[3, j], s[4, j], s[5, j])
            for i in range(6):
                p = 6 * i
                m0, m1, m2 = outputs[p, k], outputs[p + 1, k], outputs[p + 2, k]
                m3, m4, m5 = outputs[p + 3, k], outputs[p + 4, k], outputs[p + 5, k]
                _spread(s[i, 0], s[i, 1], s[i, 2], s[i, 3], m0, m1, m2, m3, m4, m5)
