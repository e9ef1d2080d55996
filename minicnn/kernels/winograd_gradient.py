r"""The gradient of 3x3 filters by Winograd's method, F(4x4, 3x3); `minicnn.kernels.winograd` derives the method and its matrices.

There, an output tile is

    Y = A^T [ U * V ] A,    U = G g G^T,    V = B^T d B.

Each step is linear, so the gradient goes back through their transposes. With dY the gradient of the tile,

    dM = A dY A^T               6x6 numbers for each tile and filter
    dU = sum over tiles of V * dM    which over many channels is one matrix product V^T dM for each position
    dg = G^T dU G

The products take 36 multiplications for each tile of 16 outputs, where the definition takes 144. As forward, each thread takes its tiles
through all of this, or, where dU is too large for a core's cache, all tiles for its own filters.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.jit import inlined, jit, part
from minicnn.kernels.memory import scratch
from minicnn.kernels.product import add_transposed, padded_rows
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
from minicnn.kernels.winograd import OWN_BYTES

#: The most memory of dU, in bytes, of which each thread sums up all, for its tiles; of a larger one each takes its own filters.
OWN_SUMS_BYTES = 2_500_000

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

#: G^T dU G, of dU as a row of 36 numbers.
BACK = np.kron(G, G).T.astype(np.float32)


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
    sum_bytes = 4 * POSITIONS * rows * columns
    own_columns = columns if sum_bytes <= OWN_SUMS_BYTES else rounded_up(-(-columns // threads), COLUMNS)
    groups = -(-columns // own_columns)
    shares = threads // groups
    most = max(OWN_BYTES, sum_bytes // groups // 2)
    block = padded_rows(max(1, min(-(-tiles // shares), most // (4 * POSITIONS * (rows + own_columns)))))
    inputs = scratch("inputs", (shares * groups, POSITIONS, block, rows))
    outputs = scratch("products", (shares * groups, POSITIONS, block, own_columns))
    sums = scratch("kernel sums", (shares, POSITIONS, rows, columns))
    _add_tiles(x, gradient, grid, window.before, inputs, outputs, sums, groups, workspaces(shares * groups, max(rows, columns)))
    total = np.ascontiguousarray((sums.sum(axis=0) if shares > 1 else sums[0])[:, :channels, :filters])
    return matrix_product(BACK, total.reshape(POSITIONS, -1)).reshape(3, 3, channels, filters)


@inlined
def _spread(y0, y1, y2, y3):
    """A y of F(4, 3)."""
    even_a, odd_a = y0 + TWO * y2, A * y1 + TWO_A * y3
    even_b, odd_b = y0 + HALF * y2, B * y1 + HALF_B * y3
    return y0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, y3


@part
def _gradient_tile(gradient, number, grid, first, last, outputs, k, workspace):
    """Fill outputs[:, k] with A dY A^T of a tile of the gradient, of the filters from `first` up to `last`."""
    _, rows, columns = outputs.shape
    image, top, left = place_of(number, grid)
    pixels, corner, row, apart = find_tile(gradient, image, top, left, TILE, workspace[LINES_ROOM:])
    for f in range(first, last, LANES):
        for j in range(TILE):
            y = corner + j * apart + f
            line = _spread(load(pixels, y), load(pixels, y + row), load(pixels, y + 2 * row), load(pixels, y + 3 * row))
            store_line(line, workspace, j * LANES, TILE * LANES)
        for i in range(6):
            s = TILE * i * LANES
            line = _spread(load(workspace, s), load(workspace, s + LANES), load(workspace, s + 2 * LANES), load(workspace, s + 3 * LANES))
            store_line(line, outputs, (6 * i * rows + k) * columns + f - first, rows * columns)


@jit
def _add_tiles(x, gradient, grid, before, inputs, outputs, sums, groups, workspaces):
    """Take each worker's share of the tiles through both transforms and the products, some at a time, for its group of the filters."""
    workers, block, filters = len(inputs), inputs.shape[2], gradient.shape[3]
    tiles, own_columns, shares = len(gradient) * grid[0] * grid[1], outputs.shape[3], len(sums)
    for worker in prange(workers):
        v, m, workspace, share = inputs[worker], outputs[worker], workspaces[worker], worker // groups
        own, start = sums[share], worker % groups * own_columns
        stop, begin, last = min(start + own_columns, filters), tiles * share // shares, tiles * (share + 1) // shares
        if begin == last:
            own[:, :, start : start + own_columns] = 0
        for first in range(begin, last, block):
            count = min(block, last - first)
            for k in range(count):
                input_tile(x, first + k, grid, before, v, k, workspace)
                _gradient_tile(gradient, first + k, grid, start, stop, m, k, workspace)
            for position in range(POSITIONS):
                for f in range(start, stop, COLUMNS):
                    add_transposed(v, m, position, count, f - start, filters - f <= LANES, first == begin, own, f)
