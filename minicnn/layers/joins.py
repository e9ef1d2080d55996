r"""Layers that several others flow into.

============  =====================================  ==========================================================
layer         output                                 gradient of each input, given the output's, g
============  =====================================  ==========================================================
add           x_1 + x_2 + ...                        g
concatenate   the channels of x_1, then of x_2 ...   its own channels of g
multiply      x * gate, a factor for each channel    of x: g * gate; of the gate: g * x, summed over the image
============  =====================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.geometry import Window
from minicnn.layers.base import Context, Layer, Shape, check_gradient_shape
from minicnn.layers.terms import Terms, Unit


class Join(Layer):
    """A layer with two inputs or more.

    `output_shape`, `multiply_accumulates`, `forward` and `value_terms` take what a layer with one input takes, once for each; `backward`
    returns a tuple with the gradient of each, and so does a rule or a method for relevance. Its context is the tuple of its inputs.
    """

    window = Window((1, 1))

    def input_terms(self, xs: Sequence[np.ndarray], unit: Unit) -> tuple[Terms, list[Unit]]:
        """Take one number of the output apart.

        Parameters
        ----------
        xs : sequence of array
            The inputs, for one image.
        unit : tuple of int
            Of the output.

        Returns
        -------
        terms : Terms
            One for each input, in arrays (inputs,).
        units : list of tuple of int
            Where each is in its input.
        """
        raise self._unknown_terms()

    def multiply_accumulates(self, *input_shapes: Shape) -> int:
        return 0

    def training_forward(self, *xs: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, Context]:  # type: ignore[override]
        return self.forward(*xs)


@dataclass(frozen=True, eq=False)
class Add(Join):
    """Add up inputs of equal shape: what a residual block does with its shortcut.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
    """

    word = "add"
    options = {}
    relevance = "added"

    def input_terms(self, xs, unit):
        values = np.array([x[unit] for x in xs])
        return Terms(values, np.ones_like(values)), [unit] * len(xs)

    def output_shape(self, *input_shapes):
        if len(set(input_shapes)) != 1:
            raise ShapeError(f"its inputs have shapes {_listed(input_shapes)}; expected equal ones")
        return input_shapes[0]

    def forward(self, *xs):
        self.output_shape(*(x.shape[1:] for x in xs))
        total = xs[0] + xs[1]
        for x in xs[2:]:
            total += x
        return total, xs

    def backward(self, gradient, context):
        check_gradient_shape(gradient, context[0].shape)
        return (gradient,) * len(context)


@dataclass(frozen=True, eq=False)
class Concatenate(Join):
    """Put the channels of inputs of equal height and width one after the other.

    References
    ----------
    C. Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842 (Inception).
    G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely Connected Convolutional Networks", arXiv:1608.06993.
    """

    word = "concatenate"
    options = {}
    relevance = "backward"  # the relevance of each input's channels is its own

    def input_terms(self, xs, unit):
        ends = np.cumsum([x.shape[-1] for x in xs])
        source = int(np.searchsorted(ends, unit[-1], side="right"))
        inside = (*unit[:-1], unit[-1] - int(ends[source]) + xs[source].shape[-1])
        here = np.eye(len(xs), dtype=xs[0].dtype)[source]
        return Terms(here * xs[source][inside], here), [inside] * len(xs)

    def output_shape(self, *input_shapes):
        if len({shape[:-1] for shape in input_shapes}) != 1:
            raise ShapeError(f"its inputs have shapes {_listed(input_shapes)}; expected such that differ in their channels alone")
        return (*input_shapes[0][:-1], sum(shape[-1] for shape in input_shapes))

    def forward(self, *xs):
        self.output_shape(*(x.shape[1:] for x in xs))
        return np.concatenate(xs, axis=-1), xs

    def backward(self, gradient, context):
        counts = [x.shape[-1] for x in context]
        check_gradient_shape(gradient, (*context[0].shape[:-1], sum(counts)))
        return tuple(np.ascontiguousarray(part) for part in np.split(gradient, np.cumsum(counts)[:-1], axis=-1))


@dataclass(frozen=True, eq=False)
class Multiply(Join):
    """Multiply an image (N, H, W, C) by a gate, one factor for each channel, (N, C).

    References
    ----------
    J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", arXiv:1709.01507.
    """

    word = "multiply"
    options = {}

    def relevance(self, relevance, context):
        """Hand all to the image: the gate says how much of it counts, not what is in it."""
        return relevance, np.zeros_like(context[1])

    def input_terms(self, xs, unit):
        factor = xs[1][unit[-1]]
        return Terms(np.array([xs[0][unit], factor]), np.array([factor, 0])), [unit, unit[-1:]]

    def output_shape(self, *input_shapes):
        image, *gates = input_shapes
        if len(gates) != 1 or len(image) != 3 or gates[0] != image[2:]:
            raise ShapeError(
                f"its inputs have shapes {_listed(input_shapes)}; expected (height, width, channels) and (channels,), in this order"
            )
        return image

    def forward(self, *xs):
        self.output_shape(*(x.shape[1:] for x in xs))
        x, gate = xs
        return kernels.gated(x, gate), xs  # x * gate, at every position

    def backward(self, gradient, context):
        x, gate = context
        check_gradient_shape(gradient, x.shape)
        return kernels.gated(gradient, gate), kernels.gate_gradient(gradient, x).astype(gradient.dtype)


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))
