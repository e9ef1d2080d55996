r"""Convolution by 3x3 filters with 4x fewer multiplications: Winograd's minimal filtering.

**One dimension.** Two outputs of a 3-tap filter from four inputs,

    y0 = d0 g0 + d1 g1 + d2 g2
    y1 = d1 g0 + d2 g1 + d3 g2

take six multiplications if done as written. Four are enough:

    m0 = (d0 - d2) g0                         y0 = m0 + m1 + m2
    m1 = (d1 + d2) (g0 + g1 + g2) / 2         y1 = m1 - m2 - m3
    m2 = (d2 - d1) (g0 - g1 + g2) / 2
    m3 = (d1 - d3) g2

The sums of g are made once for all inputs, so only the four products and some additions are left. This is F(2, 3). In matrices, with
* for elementwise products:

    y = A^T [ (G g) * (B^T d) ]

            | 1  0 -1  0 |         |  1    0    0  |
    B^T  =  | 0  1  1  0 |    G =  | 1/2  1/2  1/2 |     A^T = | 1  1  1  0 |
            | 0 -1  1  0 |         | 1/2 -1/2  1/2 |           | 0  1 -1 -1 |
            | 0  1  0 -1 |         |  0    0    1  |

**Why it works.** Computing y from d and g is the transpose of multiplying two polynomials. A product of polynomials is known from its
values at enough points, and at each point one multiplication makes the value (Toom and Cook). F(2, 3) uses the points 0, 1, -1 and
infinity. F(4, 3), four outputs from six inputs with six multiplications instead of twelve, uses 0, a, -a, b, -b and infinity. With
a = sqrt(2), b = 1/a the numbers stay small, which keeps float32 about five times more exact than the usual points 0, 1, -1, 2, -2 do:

            | 1   0  -5/2   0   1   0 |          |  1      0      0   |
            | 0 -a/2 -1/2   a   1   0 |          | 1/6    a/6    1/3  |
    B^T  =  | 0  a/2 -1/2  -a   1   0 |    G =   | 1/6   -a/6    1/3  |
            | 0 -2b   -2    b   1   0 |          | -2/3  -2b/3  -1/3  |
            | 0  2b   -2   -b   1   0 |          | -2/3   2b/3  -1/3  |
            | 0   1   0  -5/2   0   1 |          |  0      0      1   |

            | 1   1    1    1    1   0 |
    A^T  =  | 0   a   -a    b   -b   0 |
            | 0   2    2   1/2  1/2  0 |
            | 0  2a  -2a   b/2 -b/2  1 |

The rows come in pairs that differ only in the signs of their odd parts, so the code computes the even and odd parts once.

**Two dimensions.** Do it along both axes: a tile of 6x6 inputs d gives a tile of 4x4 outputs,

    Y = A^T [ (G g G^T) * (B^T d B) ] A

with 36 multiplications instead of 144. Over many channels the elementwise products become, for each of the 36 positions in a tile, one
matrix product:

    M[position] (tiles x filters) = V[position] (tiles x channels)  U[position] (channels x filters)

So a convolution is three passes: transform the input's tiles (V), multiply, transform the products (M) into the output's tiles. U is made
once for each layer. V and M are made for some tiles at a time, and each thread takes its tiles through all three passes, so that they need
not leave the cache of its core. If U does not fit into the processor's cache and the tiles are few, the threads share out the filters
instead of the tiles: then each reads only its own part of U. `minicnn.kernels.tiles` transforms the tiles.

**What to know.** A tile's outputs share all of its inputs, so rounding is not local: a very large number, or a NaN, at one pixel also
reaches outputs of the same tile whose windows do not hold it (the large one by its rounding error). For the same reason an output whose
window holds nothing but zeros may be 1e-8 instead of 0, and a ReLU above it then lets gradients through. And as the choice of algorithm
depends on the batch, so do the last digits. Where that matters, pin im2col.

References
----------
A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308.
S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from minicnn.geometry import Window
from minicnn.kernels.jit import jit
from minicnn.kernels.memory import empty, scratch
from minicnn.kernels.product import multiply_rows, padded_rows
from minicnn.kernels.threads import thread_count
from minicnn.kernels.tiles import (
    MINUS_INFINITY,
    POSITIONS,
    ZERO,
    filter_line,
    input_tile,
    output_tile,
    rounded_up,
    store_line,
    tile_grid,
    workspaces,
)
from minicnn.kernels.vectors import COLUMNS, LANES, load

#: The most memory for V and M of one thread, in bytes: it fits into the cache of a core. Where U does not, they take half as much as it.
OWN_BYTES = 600_000

#: The most memory of U, in bytes, that each thread reads again and again, for each of its blocks of tiles.
SHARED_BYTES = 10_000_000

#: With so many tiles for each thread, reading a larger U does not count either.
MANY_TILES = 64


def pack_kernel(kernel: np.ndarray) -> np.ndarray:
    """Compute U = G g G^T, with zeros for channels and filters that fill up vectors.

    Parameters
    ----------
    kernel : array (3, 3, channels, filters)

    Returns
    -------
    float32 array (36, panels, channels, COLUMNS)
        As `minicnn.kernels.product` reads it.
    """
    channels, filters = (rounded_up(size, step) for size, step in zip(kernel.shape[2:], (LANES, COLUMNS)))
    packed = empty((POSITIONS, filters // COLUMNS, channels, COLUMNS), np.float32, lasting=True)
    if (channels, filters) != kernel.shape[2:]:
        packed[:] = 0
    vectors = empty((*kernel.shape[:3], rounded_up(kernel.shape[3], LANES)), np.float32)
    vectors[..., kernel.shape[3] :] = 0
    vectors[..., : kernel.shape[3]] = kernel
    _transform_kernel(vectors, packed, workspaces(thread_count(), 0))
    return packed


def convolve_winograd(x: np.ndarray, packed: np.ndarray, bias: np.ndarray, window: Window, rectify: bool = False) -> np.ndarray:
    """Convolve float32 images with 3x3 filters at stride 1.

    Parameters
    ----------
    x : float32 array (N, H, W, C)
    packed : array
        The filters, from `pack_kernel`.
    bias : float32 array (filters,)
    window : Window
        3x3, stride 1, any padding.
    rectify : bool
        Whether to set what is negative to zero in the same pass over memory.

    Returns
    -------
    float32 array (N, OH, OW, filters)
    """
    batch, height, width, channels = x.shape
    x = np.ascontiguousarray(x)
    output = empty((batch, *window.output_size(height, width), len(bias)), np.float32)
    channels, panels, threads = rounded_up(channels, LANES), packed.shape[1], thread_count()
    biases = np.zeros(panels * COLUMNS, np.float32)
    biases[: len(bias)] = bias
    grid = tile_grid(output.shape)
    tiles = batch * math.prod(grid)
    fits = packed.nbytes <= SHARED_BYTES
    own_panels = panels if fits or tiles >= MANY_TILES * threads else -(-panels // threads)
    groups = -(-panels // own_panels)
    bytes_each = 4 * POSITIONS * (channels + own_panels * COLUMNS)
    most = OWN_BYTES if fits else max(OWN_BYTES, packed.nbytes // groups // 2)
    block = padded_rows(max(1, min(-(-tiles // (threads // groups)), most // bytes_each)))
    workers = threads // groups * groups
    inputs = scratch("inputs", (workers, POSITIONS, block, channels))
    products = scratch("products", (workers, POSITIONS, block, own_panels * COLUMNS))
    floor = ZERO if rectify else MINUS_INFINITY
    _convolve_tiles(x, packed, biases, floor, grid, window.before, output, inputs, products, groups, workspaces(workers, channels))
    return output


@jit
def _transform_kernel(kernel, packed, workspaces):
    """Fill `packed` with G g G^T of filters (3, 3, channels, filters): sixteen filters at a time, down the columns, then along the rows."""
    _, _, channels, filters = kernel.shape
    numbers, apart, threads = kernel.reshape(-1), channels * filters, len(workspaces)
    _, panels, packed_channels, columns = packed.shape
    for thread in prange(threads):
        workspace = workspaces[thread]
        for c in range(channels * thread // threads, channels * (thread + 1) // threads):
            for f in range(0, filters, LANES):
                for j in range(3):
                    g = j * apart + c * filters + f
                    line = filter_line(load(numbers, g), load(numbers, g + 3 * apart), load(numbers, g + 6 * apart))
                    store_line(line, workspace, j * LANES, 3 * LANES)
                for i in range(6):
                    w = 3 * i * LANES
                    line = filter_line(load(workspace, w), load(workspace, w + LANES), load(workspace, w + 2 * LANES))
                    place = ((6 * i * panels + f // columns) * packed_channels + c) * columns + f % columns
                    store_line(line, packed, place, panels * packed_channels * columns)


@jit
def _convolve_tiles(x, packed, bias, floor, grid, before, output, inputs, products, groups, workspaces):
    """Take each worker's share of the tiles through all passes, some at a time, for its group of the panels."""
    workers, block, filters = len(inputs), inputs.shape[2], output.shape[3]
    tiles, own_columns = len(output) * grid[0] * grid[1], products.shape[3]
    shares = workers // groups
    for worker in prange(workers):
        v, m, workspace, share = inputs[worker], products[worker], workspaces[worker], worker // groups
        start = worker % groups * own_columns
        stop, last = min(start + own_columns, filters), tiles * (share + 1) // shares
        for first in range(tiles * share // shares, last, block):
            count = min(block, last - first)
            for k in range(count):
                input_tile(x, first + k, grid, before, v, k, workspace)
            for position in range(POSITIONS):
                for f in range(start, stop, COLUMNS):
                    multiply_rows(v, packed, position, f // COLUMNS, count, filters - f <= LANES, m, f - start)
            for k in range(count):
                output_tile(m, k, start, stop, bias, floor, first + k, grid, output, workspace)
