"""The rectifier whose slope below 0 is learned: y = x above 0, weight x below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.errors import ShapeError
from minicnn.layers.base import Elementwise, Shape, check_channels, check_gradient_shape, exact_sum, read_only
from minicnn.layers.options import placeholder, yes_or_no

#: What slopes start from, as in the paper.
START = 0.25


@dataclass(frozen=True, eq=False, repr=False)
class PReLU(Elementwise):
    """Keep what is positive, and of the rest a share that is learned. At exactly 0 the slope is that of the left side, as in PyTorch.

    Parameters
    ----------
    weight : array (channels,) or (1,)
        The slope below 0, of each channel, or one for all.

    Raises
    ------
    ShapeError
        If it has another number of axes.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", arXiv:1502.01852, section 2.1.
    """

    weight: np.ndarray

    word = "prelu"
    options = {"shared": yes_or_no(False)}
    parameter_names = ("weight",)
    activation = True
    relevance = "unchanged"

    def __post_init__(self):
        if self.weight.ndim != 1 or not self.weight.size:
            raise ShapeError(f"a PReLU got slopes of shape {self.weight.shape}; expected (channels,), or (1,) for one slope for all")
        object.__setattr__(self, "weight", read_only(self.weight))  # a frozen dataclass is set so

    @property
    def _shared(self) -> bool:
        return self.weight.size == 1

    def output_shape(self, input_shape: Shape) -> Shape:
        if not self._shared:
            check_channels(input_shape, self.weight.size)
        return input_shape

    def forward(self, x):
        self.output_shape(x.shape[1:])
        below = np.minimum(x, 0)
        below *= self.weight.astype(x.dtype, copy=False)
        return np.maximum(x, 0) + below, x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        return np.where(x > 0, gradient, gradient * self.weight.astype(gradient.dtype, copy=False))

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        slopes = exact_sum(gradient * np.minimum(x, 0), tuple(range(x.ndim - 1)))
        return {"weight": exact_sum(slopes, 0).reshape(1) if self._shared else slopes}

    def decisions(self, context):
        return context > 0

    def initial_arrays(self, generator):
        return {"weight": np.full(self.weight.shape, START, np.float32)}

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(placeholder(1 if options["shared"] else input_shape[-1]))

    def to_options(self):
        return {"shared": self._shared}
