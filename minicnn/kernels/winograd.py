r"""Convolution by 3x3 filters with 4x, or 2.25x, fewer multiplications: Winograd's minimal filtering.

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

with 36 multiplications instead of 144, and F(2x2, 3x3) 16 instead of 36. Over many channels the elementwise products become, for each
of the 36 (or 16) positions in a tile, one matrix product:

    M[position] (tiles x filters) = V[position] (tiles x channels)  U[position] (channels x filters)

So a convolution is three passes: transform the input's tiles (V), multiply, transform the products (M) into the output's tiles. U is made
once for each layer. V and M are made for a block of tiles at a time, which bounds the memory.

**What to know.** A tile's outputs share all of its inputs, so rounding is not local: a very large number, or a NaN, at one pixel also
reaches outputs of the same tile whose windows do not hold it (the large one by its rounding error). And as the choice of algorithm
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
from minicnn.kernels import vectors
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.jit import inlined, jit
from minicnn.kernels.memory import empty, scratch
from minicnn.kernels.product import COLUMNS, multiply_packed, pack_columns, padded_rows
from minicnn.kernels.threads import thread_count

#: The most memory for V and M together, in bytes: small enough for a processor's cache.
BLOCK_BYTES = 3_000_000

SQRT2 = math.sqrt(2)

#: G of F(2, 3) and F(4, 3), by the size of the output tile.
KERNEL_TRANSFORMS = {
    2: np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
    4: np.array(
        [
            [1, 0, 0],
            [1 / 6, SQRT2 / 6, 1 / 3],
            [1 / 6, -SQRT2 / 6, 1 / 3],
            [-2 / 3, -SQRT2 / 3, -1 / 3],
            [-2 / 3, SQRT2 / 3, -1 / 3],
            [0, 0, 1],
        ]
    ),
}

# The constants as float32, so that the compiler does not widen everything to float64.
ZERO, HALF, TWO, FIVE_HALVES = (np.float32(number) for number in (0, 0.5, 2, 2.5))
MINUS_INFINITY = np.float32(-np.inf)
A, B, TWO_A, HALF_B = (np.float32(number) for number in (SQRT2, 1 / SQRT2, 2 * SQRT2, 0.5 / SQRT2))


def transform_kernel(kernel: np.ndarray, tile: int) -> np.ndarray:
    """Compute U = G g G^T in float64, as float32.

    Parameters
    ----------
    kernel : array (3, 3, channels, filters)
    tile : {2, 4}
        The size of the output tile.

    Returns
    -------
    float32 array ((tile + 2)^2, channels, filters)
    """
    transform, size = KERNEL_TRANSFORMS[tile], tile + 2
    rows = matrix_product(transform, kernel.reshape(3, -1).astype(np.float64)).reshape(size, 3, -1)  # G g
    result = np.empty((size, size, *kernel.shape[2:]), np.float32)
    for row, whole in zip(rows, result):
        whole[:] = matrix_product(transform, row).reshape(whole.shape)
    return result.reshape(-1, *kernel.shape[2:])


def pack_kernel(kernel: np.ndarray, tile: int) -> np.ndarray:
    """Compute U in the order in which this machine's product reads it."""
    transformed = transform_kernel(kernel, tile)
    return pack_columns(transformed) if vectors.FAST else transformed


def convolve_winograd(x: np.ndarray, packed: np.ndarray, bias: np.ndarray, window: Window, tile: int, rectify: bool = False) -> np.ndarray:
    """Convolve float32 images with 3x3 filters at stride 1.

    Parameters
    ----------
    x : float32 array (N, H, W, C)
    packed : array
        The filters, from `pack_kernel` with the same tile.
    bias : float32 array (filters,)
    window : Window
        3x3, stride 1, any padding.
    tile : {2, 4}
        Outputs per tile and axis.
    rectify : bool
        Whether to set what is negative to zero in the same pass over memory.

    Returns
    -------
    float32 array (N, OH, OW, filters)
    """
    batch, height, width, channels = x.shape
    x = np.ascontiguousarray(x)
    output = empty((batch, *window.output_size(height, width), len(bias)), np.float32)
    positions = (tile + 2) ** 2
    filters = packed.shape[1] * COLUMNS if vectors.FAST else len(bias)
    tiles = batch * math.ceil(output.shape[1] / tile) * math.ceil(output.shape[2] / tile)
    most = max(1, BLOCK_BYTES // (4 * positions * (channels + filters)), packed.nbytes // (8 * positions * (channels + filters)))
    block = padded_rows(max(1, min(tiles, most)))
    inputs, products = scratch("inputs", (positions, block, channels)), scratch("products", (positions, block, filters))
    threads = thread_count()
    floor = ZERO if rectify else MINUS_INFINITY
    transform_inputs, transform_outputs = TRANSFORMS[tile]
    for first in range(0, tiles, block):
        count = min(block, tiles - first)
        transform_inputs(x, window.before, output.shape[1:3], first, count, inputs, threads)
        if vectors.FAST:
            multiply_packed(inputs, packed, count, products)
        else:
            np.matmul(inputs, packed, out=products)
        transform_outputs(products, bias, floor, first, count, output, threads)
    return output


@inlined
def _at_least(floor, value):
    """max(floor, value), except that NaN stays."""
    return max(value, floor)


@inlined
def gather_tile(x, image, top, left, tile):
    """Copy a tile of pixels out of an image; what lies outside is 0."""
    _, height, width, channels = x.shape
    for i in range(tile.shape[0]):
        for j in range(tile.shape[1]):
            pixel = tile[i, j]
            if 0 <= top + i < height and 0 <= left + j < width:
                source = x[image, top + i, left + j]
                for c in range(channels):
                    pixel[c] = source[c]
            else:
                for c in range(channels):
                    pixel[c] = ZERO


@inlined
def _input_2(d0, d1, d2, d3, t0, t1, t2, t3):
    """t = B^T d of F(2, 3), for every channel."""
    for c in range(d0.shape[0]):
        a, b, e, f = d0[c], d1[c], d2[c], d3[c]
        t0[c] = a - e
        t1[c] = b + e
        t2[c] = e - b
        t3[c] = b - f


@inlined
def _output_2(m0, m1, m2, m3):
    """A^T m of F(2, 3)."""
    return m0 + m1 + m2, m1 - m2 - m3


@inlined
def _input_4(d0, d1, d2, d3, d4, d5, t0, t1, t2, t3, t4, t5):
    """t = B^T d of F(4, 3), for every channel."""
    for c in range(d0.shape[0]):
        x0, x1, x2, x3, x4, x5 = d0[c], d1[c], d2[c], d3[c], d4[c], d5[c]
        even_a, odd_a = x4 - HALF * x2, A * (x3 - HALF * x1)
        even_b, odd_b = x4 - TWO * x2, B * (x3 - TWO * x1)
        t0[c] = x0 - FIVE_HALVES * x2 + x4
        t1[c] = even_a + odd_a
        t2[c] = even_a - odd_a
        t3[c] = even_b + odd_b
        t4[c] = even_b - odd_b
        t5[c] = x1 - FIVE_HALVES * x3 + x5


@inlined
def _output_4(m0, m1, m2, m3, m4, m5):
    """A^T m of F(4, 3)."""
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + even_a + even_b,
        A * odd_a + B * odd_b,
        TWO * even_a + HALF * even_b,
        TWO_A * odd_a + HALF_B * odd_b + m5,
    )


@jit
def _transform_inputs_2(x, padding, output_size, first, count, inputs, threads):
    """Fill inputs[:, 0 ... count] with B^T d B of the tiles from `first` on."""
    down, across = (output_size[0] + 1) // 2, (output_size[1] + 1) // 2
    channels = x.shape[3]
    for thread in prange(threads):
        d, t = np.empty((4, 4, channels), np.float32), np.empty((4, 4, channels), np.float32)
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, place = (first + k) // (down * across), (first + k) % (down * across)
            gather_tile(x, image, place // across * 2 - padding[0], place % across * 2 - padding[1], d)
            for j in range(4):
                _input_2(d[0, j], d[1, j], d[2, j], d[3, j], t[0, j], t[1, j], t[2, j], t[3, j])
            for i in range(4):
                p = 4 * i
                _input_2(t[i, 0], t[i, 1], t[i, 2], t[i, 3], inputs[p, k], inputs[p + 1, k], inputs[p + 2, k], inputs[p + 3, k])


@jit
def _transform_outputs_2(products, bias, floor, first, count, output, threads):
    """Turn products[:, 0 ... count] into A^T M A plus bias, at least `floor`: the output's tiles from `first` on."""
    _, height, width, filters = output.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    for thread in prange(threads):
        s = np.empty((2, 4, filters), np.float32)
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, place = (first + k) // (down * across), (first + k) % (down * across)
            top, left = place // across * 2, place % across * 2
            for j in range(4):
                m0, m1, m2, m3 = products[j, k], products[4 + j, k], products[8 + j, k], products[12 + j, k]
                s0, s1 = s[0, j], s[1, j]
                for f in range(filters):
                    s0[f], s1[f] = _output_2(m0[f], m1[f], m2[f], m3[f])
            for i in range(min(2, height - top)):
                m0, m1, m2, m3 = s[i, 0], s[i, 1], s[i, 2], s[i, 3]
                y0, y1 = output[image, top + i, left], output[image, top + i, min(left + 1, width - 1)]
                for f in range(filters):
                    a, b = _output_2(m0[f], m1[f], m2[f], m3[f])
                    if left + 1 < width:
                        y1[f] = _at_least(floor, b + bias[f])
                    y0[f] = _at_least(floor, a + bias[f])


@jit
def transform_inputs_4(x, padding, output_size, first, count, inputs, threads):
    """Fill inputs[:, 0 ... count] with B^T d B of the tiles from `first` on."""
    down, across = (output_size[0] + 3) // 4, (output_size[1] + 3) // 4
    channels = x.shape[3]
    for thread in prange(threads):
        d, t = np.empty((6, 6, channels), np.float32), np.empty((6, 6, channels), np.float32)
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, place = (first + k) // (down * across), (first + k) % (down * across)
            gather_tile(x, image, place // across * 4 - padding[0], place % across * 4 - padding[1], d)
            for j in range(6):
                _input_4(d[0, j], d[1, j], d[2, j], d[3, j], d[4, j], d[5, j], t[0, j], t[1, j], t[2, j], t[3, j], t[4, j], t[5, j])
            for i in range(6):
                p = 6 * i
                v0, v1, v2, v3, v4, v5 = (
                    inputs[p, k],
                    inputs[p + 1, k],
                    inputs[p + 2, k],
                    inputs[p + 3, k],
                    inputs[p + 4, k],
                    inputs[p + 5, k],
                )
                _input_4(t[i, 0], t[i, 1], t[i, 2], t[i, 3], t[i, 4], t[i, 5], v0, v1, v2, v3, v4, v5)


@jit
def _transform_outputs_4(products, bias, floor, first, count, output, threads):
    """Turn products[:, 0 ... count] into A^T M A plus bias, at least `floor`: the output's tiles from `first` on."""
    _, height, width, filters = output.shape
    down, across = (height + 3) // 4, (width + 3) // 4
    for thread in prange(threads):
        s, y = np.empty((4, 6, filters), np.float32), np.empty((4, filters), np.float32)
        for k in range(count * thread // threads, count * (thread + 1) // threads):
            image, place = (first + k) // (down * across), (first + k) % (down * across)
            top, left = place // across * 4, place % across * 4
            for j in range(6):
                m0, m1, m2 = products[j, k], products[6 + j, k], products[12 + j, k]
                m3, m4, m5 = products[18 + j, k], products[24 + j, k], products[30 + j, k]
                s0, s1, s2, s3 = s[0, j], s[1, j], s[2, j], s[3, j]
                for f in range(filters):
                    s0[f], s1[f], s2[f], s3[f] = _output_4(m0[f], m1[f], m2[f], m3[f], m4[f], m5[f])
            for i in range(min(4, height - top)):
                m0, m1, m2, m3, m4, m5 = s[i, 0], s[i, 1], s[i, 2], s[i, 3], s[i, 4], s[i, 5]
                y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
                for f in range(filters):
                    y0[f], y1[f], y2[f], y3[f] = _output_4(m0[f], m1[f], m2[f], m3[f], m4[f], m5[f])
                for j in range(min(4, width - left)):
                    source, target = y[j], output[image, top + i, left + j]
                    for f in range(filters):
                        target[f] = _at_least(floor, source[f] + bias[f])


TRANSFORMS = {2: (_transform_inputs_2, _transform_outputs_2), 4: (transform_inputs_4, _transform_outputs_4)}
