"""Layers without an image: flattening it, and the fully connected layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.layers.base import Layer, Shape, check_gradient_shape, exact_sum
from minicnn.layers.options import count, placeholder
from minicnn.layers.terms import Terms, as_box
from minicnn.layers.weighted import Weighted


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """Lay out each image as one row of numbers, in the order H, W, C (Keras' order; PyTorch's is C, H, W)."""

    word = "flatten"
    options = {}
    flattens = True
    relevance = "backward"

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x):
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, gradient, context):
        x_shape = context
        check_gradient_shape(gradient, (x_shape[0], math.prod(x_shape[1:])))
        return gradient.reshape(x_shape)

    def value_terms(self, x, unit):
        source = tuple(int(i) for i in np.unravel_index(unit[0], x.shape))
        return Terms(as_box(x[source]), np.ones((1, 1, 1), x.dtype), source, first=source[-1])

    def gradient_terms(self, gradient, x, unit):
        place = int(np.ravel_multi_index(unit, x.shape))
        return Terms(gradient[place : place + 1], np.ones(1, gradient.dtype), first=place)


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Weighted):
    """Connect every input with every output: y = x W + b.

    Parameters
    ----------
    weight : array (inputs, outputs)
    bias : array (outputs,)

    Raises
    ------
    ShapeError
        If `weight` and `bias` do not fit together.
    """

    weight: np.ndarray
    bias: np.ndarray

    word = "dense"
    options = {"units": count()}
    flattens = True

    def __post_init__(self):
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[1:]:
            raise ShapeError(
                f"a dense layer got weights of shape {self.weight.shape} and biases of shape {self.bias.shape}; "
                "expected (inputs, outputs) and (outputs,)"
            )
        self.freeze()

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape != self.weight.shape[:1]:
            raise ShapeError(
                f"each image reaches it with shape {tuple(input_shape)}; expected ({self.weight.shape[0]},). "
                "If the image has another size than the network was made for, use that size, "
                "or a network that ends in global average pooling"
            )
        return self.bias.shape

    def multiply_accumulates(self, input_shape: Shape) -> int:
        return self.weight.size

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.dense(x, self.weight, self.bias), x

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (len(context), *self.bias.shape))
        return kernels.dense_backward(gradient, self.weight)

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.bias.shape))
        return {"weight": kernels.matrix_product(x.T, gradient), "bias": exact_sum(gradient, axis=0)}

    def value_terms(self, x, unit):
        return Terms(x, self.weight[:, unit[0]], (0,), float(self.bias[unit[0]]))

    def gradient_terms(self, gradient, x, unit):
        return Terms(gradient, self.weight[unit[0]])

    @classmethod
    def from_options(cls, input_shape, options):
        if len(input_shape) != 1:
            raise ShapeError(
                f"each image reaches it with shape {tuple(input_shape)}; expected one row of numbers: put flatten or "
                "global_average_pool before it"
            )
        return cls(placeholder(input_shape[0], options["units"]), placeholder(options["units"]))

    def to_options(self):
        return {"units": self.bias.size}
