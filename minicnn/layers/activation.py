"""The rectifier."""

from __future__ import annotations

from dataclasses import dataclass

from minicnn import kernels
from minicnn.layers.base import Elementwise, check_gradient_shape


@dataclass(frozen=True, eq=False)
class ReLU(Elementwise):
    """Keep what is positive, make the rest zero: y = max(x, 0).

    Backward, the gradient passes where the input was positive. At exactly 0, where the function has a kink, it does not pass, as in
    every common framework.
    """

    word = "relu"
    options = {}
    activation = True
    relevance = "unchanged"

    def forward(self, x):
        y = kernels.relu(x)
        return y, y  # which is above 0 where x is

    def backward(self, gradient, context):
        y = context
        check_gradient_shape(gradient, y.shape)
        return kernels.relu_backward(gradient, y)

    def decisions(self, context):
        y = context
        return y > 0
