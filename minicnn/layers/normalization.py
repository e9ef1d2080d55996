r"""Batch normalization.

Each channel is brought to mean 0 and variance 1, then to a scale and a shift that are learned. While training, mean and variance are those
of the batch, over all its images and positions, so they too depend on x:

    x^ = (x - mean) / sqrt(variance + epsilon),        y = weight x^ + bias

    dx = weight / sqrt(variance + epsilon) * (g - mean of g - x^ mean of g x^)

The two means that are taken off on the way back are what comes through the batch's mean and variance. After training, mean and variance are
constants, running means over the batches of the training, and the layer is a line: see `minicnn.network.folding`.

References
----------
S. Ioffe, C. Szegedy, "Batch Normalization", arXiv:1502.03167, algorithms 1 and 2, and the gradients of section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minicnn import kernels
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers.base import Elementwise, Shape, check_channels, check_gradient_shape, read_only
from minicnn.layers.options import number, placeholder


class BatchContext(NamedTuple):
    """What the backward pass must know: the input, and by which mean and variance it was normalized."""

    x: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    of_batch: bool


@dataclass(frozen=True, eq=False, repr=False)
class BatchNorm(Elementwise):
    """Give each channel mean 0 and variance 1, then a scale and a shift that are learned.

    Parameters
    ----------
    weight, bias : array (channels,)
        The scale and the shift.
    mean, variance : array (channels,)
        Of the inputs over the training; the running means of what the batches had.
    epsilon : float
        Is added to the variance before the root is taken.
    momentum : float
        The share of the batch in the running means, after each step.

    Raises
    ------
    ShapeError
        If the four arrays do not have the same shape.
    MinicnnError
        If `epsilon` is not finite and above 0, or `momentum` not between 0 and 1.
    """

    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float = 1e-5
    momentum: float = 0.1

    word = "batch_norm"
    relevance = "unchanged"  # each number is made of one
    options = {
        "epsilon": number("a number above 0", lambda value: value > 0, epsilon),
        "momentum": number("a number from 0 to 1", lambda value: 0 <= value <= 1, momentum),
    }
    parameter_names = ("weight", "bias")
    statistic_names = ("mean", "variance")

    def __post_init__(self):
        shapes = {name: getattr(self, name).shape for name in (*self.parameter_names, *self.statistic_names)}
        if self.weight.ndim != 1 or len(set(shapes.values())) != 1:
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise ShapeError(f"a batch normalization got {found}; expected (channels,) for all four")
        if not 0 < self.epsilon < math.inf or not 0 <= self.momentum <= 1:
            raise MinicnnError(f"epsilon is {self.epsilon} and momentum {self.momentum}; expected finite and above 0, and 0 to 1")
        for name in shapes:  # a frozen dataclass is set so
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def output_shape(self, input_shape: Shape) -> Shape:
        check_channels(input_shape, self.weight.size)
        return input_shape

    def forward(self, x):
        return self._normalized(BatchContext(x, self.mean.astype(np.float64), self.variance.astype(np.float64), of_batch=False))

    def training_forward(self, x, generator):
        self.output_shape(x.shape[1:])
        if x.size <= x.shape[-1]:
            raise ShapeError(f"a batch of shape {x.shape} holds one number for each channel; expected more, or they have no variance")
        return self._normalized(BatchContext(x, *kernels.moments(_rows(x)), of_batch=True))

    def _normalized(self, context):
        self.output_shape(context.x.shape[1:])
        scale = self.weight / np.sqrt(context.variance + self.epsilon)
        output = kernels.scale_and_shift(_rows(context.x), scale, self.bias - context.mean * scale)
        return output.reshape(context.x.shape), context

    def backward(self, gradient, context):
        x, mean, variance, of_batch = context
        check_gradient_shape(gradient, x.shape)
        deviation = np.sqrt(variance + self.epsilon)
        scale = self.weight / deviation
        if not of_batch:
            return kernels.scale_and_shift(_rows(gradient), scale, np.zeros_like(scale)).reshape(x.shape)
        g, rows = _rows(gradient), _rows(x)
        plain, weighted = kernels.product_sums(g, rows, mean)
        slope = -scale * weighted / (len(rows) * deviation**2)  # of x - mean
        return kernels.combined(g, rows, scale, slope, -slope * mean - scale * plain / len(rows)).reshape(x.shape)

    def parameter_gradients(self, gradient, context):
        x, mean, variance, _ = context
        check_gradient_shape(gradient, x.shape)
        plain, weighted = kernels.product_sums(_rows(gradient), _rows(x), mean)
        weight = weighted / np.sqrt(variance + self.epsilon)
        return {"weight": weight.astype(gradient.dtype), "bias": plain.astype(gradient.dtype)}

    def initial_arrays(self, generator):
        values = {"weight": 1.0, "bias": 0.0, "mean": 0.0, "variance": 1.0}  # with these it does nothing
        return {name: np.full(self.weight.shape, value, np.float32) for name, value in values.items()}

    def after_training_step(self, context):
        count = context.x.size // context.x.shape[-1]
        now = {"mean": context.mean, "variance": context.variance * count / (count - 1)}  # without the bias of the variance of a sample
        moved = {name: (1 - self.momentum) * getattr(self, name) + self.momentum * value for name, value in now.items()}
        return self.replace(**{name: value.astype(self.mean.dtype) for name, value in moved.items()})

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(*(placeholder(input_shape[-1]) for _ in range(4)), options["epsilon"], options["momentum"])

    def to_options(self):
        return {"epsilon": self.epsilon, "momentum": self.momentum}


def _rows(x: np.ndarray) -> np.ndarray:
    """Lay images out as (positions of all images, channels)."""
    return np.ascontiguousarray(x).reshape(-1, x.shape[-1])
