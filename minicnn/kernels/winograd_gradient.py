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

import math

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import scratch
from minicnn.kernels.product import multiply_transposed, padded_rows
from minicnn.kernels.threads import thread_count
from minicnn.kernels.tiles import (
    HALF,
    HALF_B,
    LINES_ROOM,
    POSITIONS,
    SQRT2,
    TILE,
    TWO,
    TWO_A,
    A,
    B,
    find_tile,
    input_tile,
    place_of,
    rounded_up,
    store_line,
    tile_grid,
    workspaces,
)
from minicnn.kernels.vectors import COLUMNS, LANES, load

#: The most memory for V and dM together, in bytes: it fits into the processor's cache. Where dU is larger, they take half as much as it.
BLOCK_BYTES = 3_000_000

#: G of F(4, 3), as `minicnn.kernels.tiles.filter_line` applies it.
G = np.array(
    [
        [1, 0, 0],
        [1 / 6, SQRT2 / 6, 1 / 3],
        [1 / 6, -SQRT2 / 6, 1 / 3],
        [-2 / 3, -SQRT2 / 3, -1 / 3],
        [-2 / 3, SQRT2 / 3, -1 / 3],
        [0, 0, 1],
    ]
)


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
    batch, *_, filters = gradient.shape
    channels = x.shape[3]
    x, gradient = np.ascontiguousarray(x), np.ascontiguousarray(gradient)
    grid, threads = tile_grid(gradient.shape), thread_count()
    tiles = batch * math.prod(grid)
    # Transformed and multiplied are whole vectors of channels and filters; what is beyond ours is left out at the end.
    rows, columns = rounded_up(channels, LANES), rounded_up(filters, COLUMNS)
    most = max(BLOCK_BYTES, 4 * POSITIONS * rows * columns // 2)
    block = padded_rows(max(1, min(tiles, most // (4 * POSITIONS * (rows + columns)))))
    inputs, outputs = scratch("inputs", (POSITIONS, block, rows)), scratch("products", (POSITIONS, block, columns))
    if tiles == 0:
        return np.zeros((3, 3, channels, filters), np.float32)
    total, more = (scratch(name, (POSITIONS, rows, columns)) for name in ("kernel total", "kernel products"))
    for first in range(0, tiles, block):
        count = min(block, tiles - first)
        _transform_inputs(x, grid, window.before, first, count, inputs, workspaces(threads, rows))
        _transform_gradients(gradient, grid, first, count, outputs, workspaces(threads, columns))
        multiply_transposed(inputs, outputs, count, more if first else total)
        if first:
            total += more
    total = np.ascontiguousarray(total[:, :channels, :filters])
    return matrix_product(np.kron(G, G).T.astype(np.float32), total.reshape(POSITIONS, -1)).reshape(3, 3, channels, filters)


@inlined
def _spread(y0, y1, y2, y3):
    """A y of F(4, 3)."""
    even_a, odd_a = y0 + TWO * y2, A * y1 + TWO_A * y3
    even_b, odd_b = y0 + HALF * y2, B * y1 + HALF_B * y3
    return y0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, y3


@jit
def _transform_inputs(x, grid, before, first, count, inputs, workspaces):
    """Fill inputs[:, 0 ... count] with B^T d B of the tiles from `first` on."""
    threads = len(workspaces)
    for thread in prange(threads):
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            input_tile(x, first + k, grid, before, inputs, k, workspaces[thread])


@jit
def _transform_gradients(gradient, grid, first, count, outputs, workspaces):
    """Fill outputs[:, 0 ... count] with A dY A^T of the gradient's tiles from `first` on."""
    threads, (_, rows, filters) = len(workspaces), outputs.shape
    for thread in prange(threads):
        workspace = workspaces[thread]
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, top, left = place_of(first + k, grid)
            pixels, corner, row, apart = find_tile(gradient, image, top, left, TILE, workspace[LINES_ROOM:])
            for f in range(0, gradient.shape[3], LANES):
                for j in range(TILE):
                    y = corner + j * apart + f
                    line = _spread(load(pixels, y), load(pixels, y + row), load(pixels, y + 2 * row), load(pixels, y + 3 * row))
                    store_line(line, workspace, j * LANES, TILE * LANES)
                for i in range(6):
                    s = TILE * i * LANES
                    line = _spread(
                        load(workspace, s), load(workspace, s + LANES), load(workspace, s + 2 * LANES), load(workspace, s + 3 * LANES)
                    )
                    store_line(line, outputs, (6 * i * rows + k) * filters + f, rows * filters)
