"""The rectifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.layers.base import Layer


@dataclass(frozen=True, eq=False)
class ReLU(Layer):
    """Keep what is positive, make the rest zero: y = max(x, 0).

    Backward, the gradient passes where the input was positive. At exactly 0, where the function has a kink, it does not pass, as in
    every common framework.
    """

    def forward(self, x):
        return np.maximum(x, 0), x

    def backward(self, gradient, context):
        x = context
        return gradient * (x > 0)

    def decisions(self, context):
        x = context
        return x > 0
