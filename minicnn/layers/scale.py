"""A factor for each channel that is learned: y = weight x.

At the end of a residual branch, and starting near 0, it lets a deep network begin its training as if it were shallow (layer scale).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers.base import Elementwise, Shape, check_channels, check_gradient_shape, exact_sum, read_only
from minicnn.layers.options import is_number, number, placeholder


@dataclass(frozen=True, eq=False, repr=False)
class Scale(Elementwise):
    """Multiply each channel by a factor that is learned.

    Parameters
    ----------
    weight : array (channels,)
    start : float
        What training starts from, for all channels.

    Raises
    ------
    ShapeError
        If the factors have another number of axes.
    MinicnnError
        If `start` is no finite number.

    Notes
    -----
    Relevance passes unchanged: each output is made of one input alone.

    References
    ----------
    H. Touvron et al., "Going Deeper with Image Transformers", arXiv:2103.17239, section 2 (LayerScale).
    Z. Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545, table 5 (ConvNeXt; starts at 1e-6).
    """

    weight: np.ndarray
    start: float = 1e-6

    word = "scale"
    options = {"start": number("a finite number", lambda value: True, start)}
    parameter_names = ("weight",)
    relevance = "unchanged"

    def __post_init__(self):
        if self.weight.ndim != 1:
            raise ShapeError(f"a scale got factors of shape {self.weight.shape}; expected (channels,)")
        if not is_number(self.start):
            raise MinicnnError(f"start is {self.start!r}; expected a finite number")
        object.__setattr__(self, "weight", read_only(self.weight))  # a frozen dataclass is set so

    def output_shape(self, input_shape: Shape) -> Shape:
        check_channels(input_shape, self.weight.size)
        return input_shape

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return x * self.weight.astype(x.dtype, copy=False), x

    def backward(self, gradient, context):
        check_gradient_shape(gradient, context.shape)
        return gradient * self.weight.astype(gradient.dtype, copy=False)

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        return {"weight": exact_sum(gradient * x, tuple(range(x.ndim - 1)))}

    def initial_arrays(self, generator):
        return {"weight": np.full(self.weight.shape, self.start, np.float32)}

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(placeholder(input_shape[-1]), options["start"])

    def to_options(self):
        return {"start": self.start}
