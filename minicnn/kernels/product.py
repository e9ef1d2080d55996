"""Many small matrix products at once, on explicit vectors.

Winograd's method multiplies, for each of 36 positions, a matrix of tiles x channels with one of channels x filters. The kernel
computes some rows and columns of a product at a time, 14 x 32 with AVX-512: 28 vectors of running sums, two of the right-hand matrix and
one of the left take 31 of the 32 registers. Each step along the channels takes two loads and 14 broadcasts for 28 multiply-adds, so the
multipliers are always busy. With AVX2 it is 6 x 16: 12 half vectors, 2 and 1, 15 of 16 registers.

The right-hand matrix is stored in panels of so many columns, (position, panel, channel, column), so that it is read in order.
"""

from __future__ import annotations

import numpy as np

from minicnn.kernels.jit import inlined, part
from minicnn.kernels.memory import empty
from minicnn.kernels.vectors import COLUMNS, PER_ROW, WIDE, add_products, add_sums, store_sums, zero_sums

#: The rows that are computed at a time, and those of a last part that is small.
ROWS, FEW_ROWS = (14, 8) if WIDE else (6, 3)

#: The rows that are computed at a time where the left matrix is transposed: they divide the numbers of a vector.
TRANSPOSED_ROWS = 8 if WIDE else 4


def padded_rows(count: int) -> int:
    """Round a number of rows up to whole blocks, for which an array has room."""
    return -(-count // ROWS) * ROWS


def computed_rows(count: int) -> int:
    """Tell how many rows the kernel computes for a number of rows that matter."""
    whole, rest = divmod(count, ROWS)
    return whole * ROWS + (ROWS if rest > FEW_ROWS else FEW_ROWS if rest else 0)


def pack_columns(matrices: np.ndarray) -> np.ndarray:
    """Lay out (positions, channels, filters) as (positions, panels, channels, COLUMNS), padded with zeros to whole panels."""
    positions, channels, filters = matrices.shape
    panels = -(-filters // COLUMNS)
    packed = empty((positions, panels, channels, COLUMNS), np.float32, lasting=True)
    if filters % COLUMNS:
        packed[:] = 0
    for panel in range(panels):
        columns = matrices[:, :, panel * COLUMNS : (panel + 1) * COLUMNS]
        packed[:, panel, :, : columns.shape[2]] = columns
    return packed


@inlined
def _multiply(rows, vectors, left, start, channels, packed, place, products, target, columns):
    """Multiply some rows, which begin at `start`, with as much of a panel, which begins at `place`, as `vectors` hold."""
    sums = zero_sums(rows, vectors)
    for c in range(channels):
        sums = add_products(sums, left, start + c, channels, packed, place + c * COLUMNS)
    store_sums(sums, products, target, columns)


@part
def multiply_rows(left, packed, position, panel, rows, narrow, products, column):
    """Multiply the first rows of one position's matrix with one panel of that position's packed one.

    Parameters
    ----------
    left : float32 array (positions, padded rows, channels)
    packed : float32 array (positions, panels, channels, COLUMNS)
    position, panel : int
    rows : int
        Rows that matter; computed are `ROWS` at a time, or a last `FEW_ROWS`, for which the arrays must have room.
    narrow : bool
        Whether only the panel's first `LANES` columns matter.
    products : float32 array (positions, padded rows, columns)
        Where the products go.
    column : int
        The first column that they go to.
    """
    _, padded, channels = left.shape
    columns = products.shape[2]
    place = (position * packed.shape[1] + panel) * channels * COLUMNS
    row, last = position * padded, position * padded + rows
    while row < last:
        start, target, many = row * channels, row * columns + column, last - row > FEW_ROWS
        if many and narrow:
            _multiply(ROWS, 1, left, start, channels, packed, place, products, target, columns)
        elif many:
            _multiply(ROWS, PER_ROW, left, start, channels, packed, place, products, target, columns)
        else:
            _multiply(FEW_ROWS, PER_ROW, left, start, channels, packed, place, products, target, columns)
        row += ROWS if many else FEW_ROWS


@inlined
def _add_rows(vectors, left, first, apart, right, start, columns, rows, fresh, sums, place, step):
    """Add to `TRANSPOSED_ROWS` rows of sums the products of as many columns of the left matrix with `vectors` of the right one."""
    block = zero_sums(TRANSPOSED_ROWS, vectors)
    for row in range(rows):
        block = add_products(block, left, first + row * apart, 1, right, start + row * columns)
    if fresh:
        store_sums(block, sums, place, step)
    else:
        add_sums(block, sums, place, step)


@part
def add_transposed(left, right, position, rows, column, narrow, fresh, sums, target):
    """Add to sums the product of the transpose of one position's matrix with some columns of that position's other one.

    Parameters
    ----------
    left : float32 array (positions, padded rows, channels)
        The number of channels is a multiple of `TRANSPOSED_ROWS`.
    right : float32 array (positions, padded rows, columns)
    position : int
    rows : int
        Rows that are summed over.
    column : int
        The first of `COLUMNS` columns of the right matrix.
    narrow : bool
        Whether only the first `LANES` of them matter.
    fresh : bool
        Whether to write the sums, and not to add to them.
    sums : float32 array (positions, channels, columns of all)
    target : int
        The first column that the sums go to.
    """
    _, padded, channels = left.shape
    columns, step = right.shape[2], sums.shape[2]
    start = position * padded * columns + column
    for c in range(0, channels, TRANSPOSED_ROWS):
        first, place = position * padded * channels + c, (position * channels + c) * step + target
        if narrow:
            _add_rows(1, left, first, channels, right, start, columns, rows, fresh, sums, place, step)
        else:
            _add_rows(PER_ROW, left, first, channels, right, start, columns, rows, fresh, sums, place, step)
