r"""The way back through a convolution with a stride, as several convolutions without one.

A pixel at y gets its gradient from the outputs oy with oy S - P + ky = y for some row ky of the filters. Of the
pixels y = p, p + S, p + 2 S, ... all have the same rows: ky = (p + P) mod S, + S, + 2 S, ... and these belong to neighboring outputs. So
the pixels of one such *phase* (p down, p across) are a convolution of stride 1, of the gradient with these rows and columns of the
filters, and S x S of them make up the whole image.

Where the pixels have few channels, as those of a photo, all phases together are one convolution: its output has the pixels of an S x S
square one after the other as its channels.

With dilation D only every D-th row counts; then there are as many phases, but the rows of one no longer belong to neighboring outputs.
Such are left to the way back through patches.
"""

from __future__ import annotations

import numpy as np

from minicnn.geometry import Pair, Window

#: By (row, column) of each phase of the pixels: its filters, and how they slide over the gradient.
Phases = dict[Pair, tuple[np.ndarray, Window]]


def phases_of(kernel: np.ndarray, window: Window) -> Phases:
    """Take filters apart into those of each phase of the pixels.

    Parameters
    ----------
    kernel : array (kh, kw, C, filters)
    window : Window
        Not dilated, or with a stride of 1.

    Returns
    -------
    Phases
        The filters of each phase, turned by 180 degrees, input and output channels swapped: (rows, columns, filters, C). Phases that no
        filter reaches are left out.
    """
    phases: Phases = {}
    for phase in np.ndindex(window.stride):
        first = [(start + before) % step for start, before, step in zip(phase, window.before, window.stride)]
        part = kernel[first[0] :: window.stride[0], first[1] :: window.stride[1]]
        if part.size:
            # The pixel at `phase` lies in row first + t S of the window of output (phase + P) // S - t; the last t comes first.
            edges = zip(part.shape, phase, window.before, window.stride, window.dilation)
            before = [(size - 1) * apart - (start + edge) // step for size, start, edge, step, apart in edges]
            slides = Window((part.shape[0], part.shape[1]), padding=((before[0], 0), (before[1], 0)), dilation=window.dilation)
            phases[phase[0], phase[1]] = np.ascontiguousarray(part[::-1, ::-1].transpose(0, 1, 3, 2)), slides
    return phases


def joined(phases: Phases, stride: Pair) -> tuple[np.ndarray, Window]:
    """Make one bank of filters of those of all phases.

    Returns
    -------
    array (rows, columns, filters, stride * stride * C)
        For the pixels of a square, in reading order; zeros where a phase has fewer rows or columns.
    Window
        How they slide over the gradient.
    """
    parts = list(phases.values())
    above, before = (max(slides.before[axis] for _, slides in parts) for axis in range(2))
    rows, columns = (max(part.shape[axis] - slides.before[axis] for part, slides in parts) for axis in range(2))
    filters, channels = parts[0][0].shape[2:]
    kernel = np.zeros((rows + above, columns + before, filters, *stride, channels), parts[0][0].dtype)
    for (row, column), (part, slides) in phases.items():
        top, left = above - slides.before[0], before - slides.before[1]
        kernel[top : top + part.shape[0], left : left + part.shape[1], :, row, column] = part
    return kernel.reshape(*kernel.shape[:3], -1), Window(kernel.shape[:2], padding=((above, 0), (before, 0)))


def squares_to_pixels(squares: np.ndarray, stride: Pair, x_shape: tuple[int, ...]) -> np.ndarray:
    """Put the pixels of squares (N, rows, columns, stride * stride * C) where they are in images of shape `x_shape`, (N, H, W, C)."""
    batch, rows, columns, _ = squares.shape
    pixels = squares.reshape(batch, rows, columns, *stride, x_shape[3]).transpose(0, 1, 3, 2, 4, 5)
    pixels = pixels.reshape(batch, rows * stride[0], columns * stride[1], x_shape[3])
    return np.ascontiguousarray(pixels[:, : x_shape[1], : x_shape[2]])
