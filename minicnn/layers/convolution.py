"""The convolution layer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.geometry import Pair, Window
from minicnn.layers.activation import ReLU
from minicnn.layers.base import Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import count, placeholder, sides
from minicnn.layers.terms import Terms, cut_window, gather
from minicnn.layers.weighted import Weighted


@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Weighted):
    """Slide a bank of filters over the image; each output is one window times one filter, summed, plus a bias.

    Parameters
    ----------
    weight : array (kernel height, kernel width, input channels, filters)
    bias : array (filters,)
    stride, padding : int or pair of int
        Vertical and horizontal; the padding is zeros, on both sides.

    Raises
    ------
    ShapeError
        If `weight` and `bias` do not fit together.

    Notes
    -----
    Input (N, H, W, C), output (N, OH, OW, filters) with OH = floor((H - kernel height + 2 padding) / stride) + 1, OW alike.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: int | Pair = 1
    padding: int | Pair = 0

    word = "convolution"
    options = {"filters": count(), "size": sides(1), "stride": sides(1, 1), "padding": sides(0, 0)}

    def __post_init__(self):
        if self.weight.ndim != 4 or self.bias.shape != self.weight.shape[3:]:
            raise ShapeError(
                f"a convolution got weights of shape {self.weight.shape} and biases of shape {self.bias.shape}; "
                "expected (kernel height, kernel width, input channels, filters) and (filters,)"
            )
        self.window  # noqa: B018 - raises for a wrong stride or padding
        self.freeze()

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """The sliding window."""
        return Window.of(self.weight.shape[:2], self.stride, self.padding)

    @cached_property
    def _filters(self) -> kernels.Filters:
        """The weights, with what the algorithms make of them; computed from `weight`, so no state of a call."""
        return kernels.Filters(self.weight)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, channels=self.weight.shape[2])
        return (*self.window.output_size(*input_shape[:2]), self.weight.shape[3])

    def multiply_accumulates(self, input_shape: Shape) -> int:
        out_height, out_width, _ = self.output_shape(input_shape)
        return out_height * out_width * self.weight.size

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.convolve(x, self._filters, self.bias, self.window), x

    def fused(self, following):
        return self._forward_rectified if type(following).forward is ReLU.forward else None

    def _forward_rectified(self, x: np.ndarray) -> np.ndarray:
        self.output_shape(x.shape[1:])
        return kernels.convolve(x, self._filters, self.bias, self.window, rectify=True)

    def forward_unpadded(self, x):
        return kernels.convolve(x, self._filters, self.bias, dataclasses.replace(self.window, padding=(0, 0)))

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return kernels.convolve_backward(gradient, self._filters, self.window, x.shape)

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return {"weight": kernels.kernel_gradient(gradient, x, self.window), "bias": kernels.channel_sums(gradient).astype(gradient.dtype)}

    def value_terms(self, x, unit):
        row, column, channel = unit
        inputs, start = cut_window(x, self.window, row, column)
        return Terms(inputs, self.weight[..., channel], (*start, 0), float(self.bias[channel]))

    def gradient_terms(self, gradient, x, unit):
        return Terms(gather(gradient, self.window, unit), self.weight[:, :, unit[2], :])

    @classmethod
    def from_options(cls, input_shape, options):
        check_image_shape(input_shape)
        filters = options["filters"]
        weight = placeholder(*options["size"], input_shape[2], filters)
        return cls(weight, placeholder(filters), options["stride"], options["padding"])

    def to_options(self):
        window = self.window
        return {"filters": self.bias.size, "size": window.kernel_size, "stride": window.stride, "padding": window.padding}
