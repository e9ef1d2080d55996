r"""Softmax as a layer, for gates and attention inside a network. Networks that tell classes end in logits, without it.

y_c = e^x_c / sum of e^x_j,        dx_c = y_c (g_c - sum of g_j y_j)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.layers.base import check_gradient_shape
from minicnn.layers.per_pixel import PerPixel


@dataclass(frozen=True, eq=False)
class Softmax(PerPixel):
    """Turn the channels of each pixel, or each row of numbers, into shares between 0 and 1 that add up to 1."""

    word = "softmax"
    options = {}

    def forward(self, x):
        self.output_shape(x.shape[1:])
        output = np.exp(x - x.max(axis=-1, keepdims=True))  # at most 1, so nothing overflows
        output /= output.sum(axis=-1, keepdims=True)
        return output, output

    def backward(self, gradient, context):
        output = context
        check_gradient_shape(gradient, output.shape)
        return output * (gradient - (gradient * output).sum(axis=-1, keepdims=True))

    @classmethod
    def from_options(cls, input_shape, options):
        return cls()

    def to_options(self):
        return {}
