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
        return kernels.relu(x), x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        return kernels.relu_backward(gradient, x)

    def decisions(self, context):
        x = context
        return x > 0
