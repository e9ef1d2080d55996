"""What a single number of a network is made of, forward and backward.

Every number that a layer puts out is a weighted sum of some of its inputs, plus a bias, once the decisions are made (which ReLU is on,
which pixel won the maximum):

    layer            inputs                       factors
    ===============  ===========================  =========================================
    convolution      the window, all channels     the filter's weights
    dense            all                          the unit's weights
    ReLU             one                          1 if it is positive, else 0
    max pooling      the window, one channel      1 for the winner, else 0
    average pooling  the window, one channel      1 / number of pixels
    the others       one                          1

And its gradient is a weighted sum of the gradients above it, with the same factors: of all outputs that it went into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.geometry import Window
from minicnn.layers import (
    AveragePool2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    MaxPool2D,
)

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


@singledispatch
def value_terms(layer: Layer, x: np.ndarray, unit: Unit) -> Terms:
    """Take a layer's output apart.

    Parameters
    ----------
    layer : Layer
    x : array (H, W, C) or (inputs,)
        The layer's input, for one image.
    unit : tuple of int
        Of the layer's output.

    Returns
    -------
    Terms
        Their sum is the output.
    """
    _check_elementwise(layer)
    value = x[unit]
    output = layer.forward(x[None])[0][0][unit]
    return Terms(_as_box(value), _as_box(output / value if value else value), unit, first=unit[-1])


@singledispatch
def gradient_terms(layer: Layer, gradient: np.ndarray, x: np.ndarray, unit: Unit) -> Terms:
    """Take the gradient of a layer's input apart.

    Parameters
    ----------
    layer : Layer
    gradient : array
        The gradient with respect to the layer's output, for one image.
    x : array (H, W, C) or (inputs,)
        The layer's input.
    unit : tuple of int
        Of the layer's input.

    Returns
    -------
    Terms
        Their inputs are numbers of `gradient`; their sum is the gradient with respect to the unit. Of a layer with a window, entry
        (ky, kx) belongs to the output whose window holds the unit in its row ky and column kx; 0 if there is none.
    """
    _check_elementwise(layer)
    _, context = layer.forward(x[None])
    passed = layer.backward(np.ones_like(gradient)[None], context)[0][unit]
    return Terms(_as_box(gradient[unit]), _as_box(passed), first=unit[-1])


@value_terms.register
def _(layer: Conv2D, x, unit):
    row, column, channel = unit
    inputs, start = _cut(x, layer.window, row, column)
    return Terms(inputs, layer.weight[..., channel], (*start, 0), float(layer.bias[channel]))


@gradient_terms.register
def _(layer: Conv2D, gradient, x, unit):
    inputs = np.zeros((*layer.window.kernel_size, gradient.shape[2]), gradient.dtype)
    for ky, kx, row, column in _outputs_that_see(layer.window, gradient.shape, unit):
        inputs[ky, kx] = gradient[row, column]
    return Terms(inputs, layer.weight[:, :, unit[2], :])


@value_terms.register
def _(layer: Dense, x, unit):
    return Terms(x, layer.weight[:, unit[0]], (0,), float(layer.bias[unit[0]]))


@gradient_terms.register
def _(layer: Dense, gradient, x, unit):
    return Terms(gradient, layer.weight[unit[0]])


@value_terms.register
def _(layer: MaxPool2D, x, unit):
    row, column, channel = unit
    inputs, start = _cut(x[..., channel : channel + 1], layer.window, row, column)
    _, (winners, _) = layer.forward(x[None, ..., channel : channel + 1])
    won = np.zeros_like(inputs)
    winner = divmod(int(winners[0, row, column, 0]), x.shape[1])
    won[winner[0] - start[0], winner[1] - start[1]] = 1
    return Terms(inputs, won, (*start, channel), first=channel)


@gradient_terms.register
def _(layer: MaxPool2D, gradient, x, unit):
    _, (winners, _) = layer.forward(x[None, ..., unit[2] : unit[2] + 1])
    inputs = np.zeros((*layer.window.kernel_size, 1), gradient.dtype)
    won = np.zeros_like(inputs)
    for ky, kx, row, column in _outputs_that_see(layer.window, gradient.shape, unit):
        inputs[ky, kx] = gradient[row, column, unit[2]]
        won[ky, kx] = winners[0, row, column, 0] == unit[0] * x.shape[1] + unit[1]
    return Terms(inputs, won, first=unit[2])


@value_terms.register
def _(layer: AveragePool2D, x, unit):
    row, column, channel = unit
    inputs, start = _cut(x[..., channel : channel + 1], layer.window, row, column)
    return Terms(inputs, np.full_like(inputs, 1 / inputs.size), (*start, channel), first=channel)


@gradient_terms.register
def _(layer: AveragePool2D, gradient, x, unit):
    inputs = np.zeros((*layer.window.kernel_size, 1), gradient.dtype)
    for ky, kx, row, column in _outputs_that_see(layer.window, gradient.shape, unit):
        inputs[ky, kx] = gradient[row, column, unit[2]]
    return Terms(inputs, np.full_like(inputs, 1 / inputs.size), first=unit[2])


@value_terms.register
def _(layer: GlobalAveragePool2D, x, unit):
    inputs = x[..., unit[0] : unit[0] + 1]
    return Terms(inputs, np.full_like(inputs, 1 / inputs.size), (0, 0, unit[0]), first=unit[0])


@gradient_terms.register
def _(layer: GlobalAveragePool2D, gradient, x, unit):
    return Terms(gradient[unit[2] : unit[2] + 1], np.full(1, 1 / (x.shape[0] * x.shape[1]), gradient.dtype), first=unit[2])


@value_terms.register
def _(layer: Flatten, x, unit):
    source = tuple(int(i) for i in np.unravel_index(unit[0], x.shape))
    return Terms(_as_box(x[source]), np.ones((1, 1, 1), x.dtype), source, first=source[-1])


@gradient_terms.register
def _(layer: Flatten, gradient, x, unit):
    place = int(np.ravel_multi_index(unit, x.shape))
    return Terms(gradient[place : place + 1], np.ones(1, gradient.dtype), first=place)


def _check_elementwise(layer: Layer) -> None:
    """Raise MinicnnError for layers that mix units in a way which is not written down here."""
    if layer.window != Window((1, 1)):
        raise MinicnnError(f"how a {type(layer).__name__} makes its numbers is not known here; choose another layer")


def _as_box(number) -> np.ndarray:
    return np.asarray(number).reshape(1, 1, 1)


def _cut(x: np.ndarray, window: Window, row: int, column: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut one window out of an image (H, W, C), with zeros for the padding; returns it and the place of its corner."""
    (ph, pw), (kh, kw) = window.padding, window.kernel_size
    top, left = row * window.stride[0], column * window.stride[1]
    padded = np.pad(x, ((ph, ph), (pw, pw), (0, 0)))
    return padded[top : top + kh, left : left + kw], (top - ph, left - pw)


def _outputs_that_see(window: Window, shape: tuple[int, ...], unit: Unit) -> Iterator[tuple[int, int, int, int]]:
    """Yield (row and column in the window, row and column in the output) of all windows that hold the unit."""
    for ky in range(window.kernel_size[0]):
        for kx in range(window.kernel_size[1]):
            row, row_rest = divmod(unit[0] + window.padding[0] - ky, window.stride[0])
            column, column_rest = divmod(unit[1] + window.padding[1] - kx, window.stride[1])
            if row_rest == column_rest == 0 and 0 <= row < shape[0] and 0 <= column < shape[1]:
                yield ky, kx, row, column
