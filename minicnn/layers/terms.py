"""A single number of a network, taken apart into the sum that it is, forward and backward.

Every number that a layer puts out is a weighted sum of some of its inputs, plus a bias, once the decisions are made (which ReLU is on,
which pixel won the maximum), or else is taken for one, its tangent: the slopes times the inputs, and what is left as the bias:

    layer            inputs                       factors
    ===============  ===========================  =========================================
    convolution      the window, all channels     the filter's weights
    dense            all                          the unit's weights
    elementwise      one                          the slope there: of a ReLU 1 if it is positive, else 0
    per pixel        the pixel, all channels      the slopes there: of softmax, layer and local response norm.
    max pooling      the window, one channel      1 for the winner, else 0
    average pooling  the window, one channel      1 / number of pixels
    upsampling       those it lies between        their shares
    flatten          one                          1

And its gradient is a weighted sum of the gradients above it, with the same factors: of all outputs that it went into. Each layer takes its
own numbers apart: `Layer.value_terms` and `Layer.gradient_terms`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.geometry import Window

#: A number's place in one image's output: (row, column, channel), or (channel,) where there are no rows.
Unit = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Terms:
    """A sum, taken apart.

    Attributes
    ----------
    inputs, factors : arrays of equal shape
        (window height, window width, channels), or (inputs,) of a dense layer.
    start : tuple of int
        Forward: the unit of the layer below where `inputs` begins; outside the image where the window reaches into the padding.
    bias : float
    first : int
        The number of the first channel (or number, of a dense layer) along the last axis of `inputs`.
    """

    inputs: np.ndarray
    factors: np.ndarray
    start: Unit = ()
    bias: float = 0.0
    first: int = 0

    @property
    def products(self) -> np.ndarray:
        """What each input contributes."""
        return self.inputs * self.factors

    @property
    def sum(self) -> float:
        """The number itself, added up in 64 bits."""
        return float(self.products.sum(dtype=np.float64) + self.bias)

    def largest(self, shape: tuple[int, ...]) -> Unit:
        """Return the unit of the layer below, whose shape is given, that contributes most; of a maximum, the winner."""
        contributions = np.where(self.factors != 0, self.products, -np.inf)
        for axis, (start, size, length) in enumerate(zip(self.start, shape, contributions.shape)):
            place = np.arange(start, start + length)
            outside = (place < 0) | (place >= size)
            contributions[(slice(None),) * axis + (outside,)] = -np.inf  # of the padding
        winner = np.unravel_index(contributions.argmax(), contributions.shape)
        return tuple(int(start + i) for start, i in zip(self.start, winner))


def as_box(number: np.ndarray) -> np.ndarray:
    """Return a single number as a window of one pixel and one channel."""
    return np.asarray(number).reshape(1, 1, 1)


def cut_window(x: np.ndarray, window: Window, row: int, column: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut one window out of an image (H, W, C), with zeros for the padding; returns it and the place of its corner."""
    (height, width), ((above, below), (before, behind)) = window.extent, window.padding
    top, left = row * window.stride[0], column * window.stride[1]
    padded = np.pad(x, ((above, below + height), (before, behind + width), (0, 0)))
    return padded[top : top + height, left : left + width], (top - above, left - before)


def gather(outputs: np.ndarray, window: Window, unit: Unit, empty: float = 0) -> np.ndarray:
    """Collect the outputs (OH, OW, C) whose windows hold a unit: entry (ky, kx) is that which has it in its row ky and column kx.

    Returns
    -------
    array (window height, window width, C)
        `empty` where there is no such output.
    """
    gathered = np.full((*window.kernel_size, outputs.shape[2]), empty, outputs.dtype)
    for ky, kx in np.ndindex(window.kernel_size):
        row, row_rest = divmod(unit[0] + window.before[0] - ky * window.dilation[0], window.stride[0])
        column, column_rest = divmod(unit[1] + window.before[1] - kx * window.dilation[1], window.stride[1])
        if row_rest == column_rest == 0 and 0 <= row < outputs.shape[0] and 0 <= column < outputs.shape[1]:
            gathered[ky, kx] = outputs[row, column]
    return gathered
