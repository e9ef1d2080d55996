"""The tiles of Winograd's method, F(4x4, 3x3), to and fro; `minicnn.kernels.winograd` derives the matrices.

A transform goes along both axes of a tile: first down its columns, to a workspace, then along the rows of what came out. Sixteen channels
are transformed together, as one vector, so every line below reads like the mathematics for a single channel.
"""

from __future__ import annotations

import math

import numpy as np

from minicnn.geometry import Pair
from minicnn.kernels.jit import inlined, part
from minicnn.kernels.memory import scratch
from minicnn.kernels.vectors import LANES, at_least, load, store, store_part

#: The size of an output tile, and the positions in the 6x6 inputs that it needs.
TILE, POSITIONS = 4, 36

SQRT2 = math.sqrt(2)

# The constants as float32, so that the compiler does not widen everything to float64.
ZERO, HALF, TWO, FIVE_HALVES = (np.float32(number) for number in (0, 0.5, 2, 2.5))
MINUS_INFINITY = np.float32(-np.inf)
SIXTH, THIRD, MINUS_THIRD = (np.float32(number) for number in (1 / 6, 1 / 3, -1 / 3))
A_SIXTH, MINUS_A_THIRD = (np.float32(number) for number in (SQRT2 / 6, -SQRT2 / 3))
A, B, TWO_A, HALF_B = (np.float32(number) for number in (SQRT2, 1 / SQRT2, 2 * SQRT2, 0.5 / SQRT2))

#: How many numbers of a workspace the columns of a tile take that are transformed.
LINES_ROOM = POSITIONS * LANES


def rounded_up(count: int, step: int) -> int:
    """Round up to a multiple of a step."""
    return -(-count // step) * step


def workspaces(threads: int, channels: int) -> np.ndarray:
    """Return room for each thread: for the columns of a tile that are transformed, and for a copy of its pixels, all channels."""
    return scratch("tile", (threads, LINES_ROOM + POSITIONS * rounded_up(channels, LANES)))


def tile_grid(output_shape: tuple[int, ...]) -> Pair:
    """Tell how many tiles lie below each other in an output (N, OH, OW, filters), and how many side by side."""
    return -(-output_shape[1] // TILE), -(-output_shape[2] // TILE)


@inlined
def input_line(x0, x1, x2, x3, x4, x5):
    """B^T x of F(4, 3)."""
    even_a, odd_a = x4 - HALF * x2, A * (x3 - HALF * x1)
    even_b, odd_b = x4 - TWO * x2, B * (x3 - TWO * x1)
    return (
        x0 - FIVE_HALVES * x2 + x4,
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        x1 - FIVE_HALVES * x3 + x5,
    )


@inlined
def output_line(m0, m1, m2, m3, m4, m5):
    """A^T m of F(4, 3)."""
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + even_a + even_b,
        A * odd_a + B * odd_b,
        TWO * even_a + HALF * even_b,
        TWO_A * odd_a + HALF_B * odd_b + m5,
    )


@inlined
def filter_line(g0, g1, g2):
    """G g of F(4, 3)."""
    even_a, odd_a = SIXTH * g0 + THIRD * g2, A_SIXTH * g1
    even_b, odd_b = MINUS_THIRD * (g0 + g0 + g2), MINUS_A_THIRD * g1
    return g0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g2


@inlined
def load_line(array, first, step):
    """Read six vectors, `step` numbers apart."""
    return (
        load(array, first),
        load(array, first + step),
        load(array, first + 2 * step),
        load(array, first + 3 * step),
        load(array, first + 4 * step),
        load(array, first + 5 * step),
    )


@inlined
def store_line(line, array, first, step):
    """Write six vectors, `step` numbers apart."""
    store(array, first, line[0])
    store(array, first + step, line[1])
    store(array, first + 2 * step, line[2])
    store(array, first + 3 * step, line[3])
    store(array, first + 4 * step, line[4])
    store(array, first + 5 * step, line[5])


@inlined
def place_of(number, grid):
    """Tell the image of a tile, and the row and the column where its outputs begin; tiles are numbered image by image, row by row."""
    down, across = grid
    return number // (down * across), number // across % down * TILE, number % across * TILE


@inlined
def find_tile(x, image, top, left, size, copy):
    """Tell where a tile of size x size pixels lies: in which array, from which number on, how far apart its rows and its pixels are.

    A tile that reaches beyond the image is copied first, with zeros outside; and so is one whose channels do not fill vectors, with zeros
    to fill them.
    """
    _, height, width, channels = x.shape
    numbers = x.reshape(-1)
    if channels % LANES == 0 and top >= 0 and left >= 0 and top + size <= height and left + size <= width:
        return numbers, ((image * height + top) * width + left) * channels, width * channels, channels
    apart = (channels + LANES - 1) // LANES * LANES
    for i in range(size):
        for j in range(size):
            pixel = (i * size + j) * apart
            inside = 0 <= top + i < height and 0 <= left + j < width
            begin = ((image * height + top + i) * width + left + j) * channels
            for c in range(apart):
                copy[pixel + c] = numbers[begin + c] if inside and c < channels else ZERO
    return copy, 0, size * apart, apart


@part
def input_tile(x, number, grid, before, inputs, k, workspace):
    """Fill inputs[:, k] with B^T d B of a tile."""
    _, rows, channels = inputs.shape
    image, top, left = place_of(number, grid)
    top, left = top - before[0], left - before[1]
    pixels, corner, row, apart = find_tile(x, image, top, left, TILE + 2, workspace[LINES_ROOM:])
    for c in range(0, channels, LANES):
        for j in range(6):
            d = load_line(pixels, corner + j * apart + c, row)
            store_line(input_line(d[0], d[1], d[2], d[3], d[4], d[5]), workspace, j * LANES, 6 * LANES)
        for i in range(6):
            t = load_line(workspace, 6 * i * LANES, LANES)
            target = (6 * i * rows + k) * channels + c
            store_line(input_line(t[0], t[1], t[2], t[3], t[4], t[5]), inputs, target, rows * channels)


@part
def output_tile(products, k, first, last, bias, floor, number, grid, output, workspace):
    """Turn products[:, k] into a tile of the output's filters from `first` up to `last`, A^T M A plus bias, at least `floor`."""
    _, rows, columns = products.shape
    _, height, width, filters = output.shape
    image, top, left = place_of(number, grid)
    for f in range(first, last, LANES):
        for j in range(6):
            m = load_line(products, (j * rows + k) * columns + f - first, 6 * rows * columns)
            s = output_line(m[0], m[1], m[2], m[3], m[4], m[5])
            for i in range(4):
                store(workspace, (6 * i + j) * LANES, s[i])
        b = load(bias, f)
        for i in range(min(TILE, height - top)):
            s = load_line(workspace, 6 * i * LANES, LANES)
            y0, y1, y2, y3 = output_line(s[0], s[1], s[2], s[3], s[4], s[5])
            y = at_least((y0 + b, y1 + b, y2 + b, y3 + b), floor)
            target = ((image * height + top + i) * width + left) * filters + f
            for j in range(min(TILE, width - left)):
                store_part(output, target + j * filters, filters - f, y[j])
