"""Layers that rearrange channels: none computes anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.geometry import Window
from minicnn.layers.base import Layer, Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import Option, is_count
from minicnn.layers.terms import Terms, as_box


def _any_number() -> Option:
    return Option("a whole number of at least 0", lambda value: is_count(value, 0), 0)


@dataclass(frozen=True, eq=False)
class PadChannels(Layer):
    """Add channels of zeros before and after those of the image, as the shortcuts of ResNets that have no weights do.

    Parameters
    ----------
    before, after : int

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 3.3, option A.
    """

    before: int = 0
    after: int = 0

    word = "pad_channels"
    options = {"before": _any_number(), "after": _any_number()}
    window = Window((1, 1))
    relevance = "backward"  # each channel keeps its own

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape)
        return (*input_shape[:2], self.before + input_shape[2] + self.after)

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return np.pad(x, ((0, 0), (0, 0), (0, 0), (self.before, self.after))), x.shape

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (context[0], *self.output_shape(context[1:])))
        return np.ascontiguousarray(gradient[..., self.before : self.before + context[3]])

    def value_terms(self, x, unit):
        row, column, channel = unit[0], unit[1], unit[2] - self.before
        number = x[row, column, channel] if 0 <= channel < x.shape[2] else np.zeros((), x.dtype)
        return Terms(as_box(number), as_box(np.ones((), x.dtype)), (row, column, channel), first=channel)

    def gradient_terms(self, gradient, x, unit):
        channel = unit[2] + self.before
        return Terms(as_box(gradient[unit[0], unit[1], channel]), as_box(np.ones((), gradient.dtype)), first=channel)

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"before": self.before, "after": self.after}
