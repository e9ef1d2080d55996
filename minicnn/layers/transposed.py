"""The transposed convolution: what a convolution's way back does, as a layer forward."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.geometry import Pair, Sides, Window, as_pair
from minicnn.layers.base import Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import borders, count, placeholder, sides, yes_or_no
from minicnn.layers.weighted import Weighted


@dataclass(frozen=True, eq=False, repr=False)
class TransposedConv2D(Weighted):
    """Put each pixel's filters, weighted by its channels, on a larger image, and add up where they overlap, plus a bias.

    It is the backward pass of the convolution that has the same weights, and its own backward pass is that convolution.

    Parameters
    ----------
    weight : array (kernel height, kernel width, filters / groups, input channels)
        As those of the convolution that it transposes.
    bias : array (filters,)
    stride : int or pair of int
        How far apart neighboring pixels' filters are put.
    padding : int, pair of int, or pair of pairs
        What is cut off the result, on all sides; vertical and horizontal; or ((top, bottom), (left, right)).
    output_padding : int or pair of int
        Rows and columns that the result has more, at the bottom and on the right; fewer than the stride or the dilation.
    dilation : int or pair of int
    groups : int
    use_bias : bool
        Whether the biases are parameters; else they are 0.

    Raises
    ------
    ShapeError
        If the arrays and numbers do not fit together.

    Notes
    -----
    Input (N, H, W, C), output (N, OH, OW, filters) with OH = (H - 1) stride + (kernel height - 1) dilation + 1 - padding +
    output_padding, OW alike.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: int | Pair = 1
    padding: int | Pair | Sides = 0
    output_padding: int | Pair = 0
    dilation: int | Pair = 1
    groups: int = 1
    use_bias: bool = True

    word = "transposed_convolution"
    options = {
        "filters": count(),
        "size": sides(1),
        "stride": sides(1, 1),
        "padding": borders(0),
        "output_padding": sides(0, 0),
        "dilation": sides(1, 1),
        "groups": count(1),
        "use_bias": yes_or_no(True),
    }

    def __post_init__(self):
        shape = self.weight.shape
        if self.weight.ndim != 4 or self.bias.shape != (shape[2] * self.groups,) or shape[3] % self.groups:
            raise ShapeError(
                f"a transposed convolution of {self.groups} groups got weights of shape {shape} and biases of shape {self.bias.shape}; "
                "expected (kernel height, kernel width, filters / groups, input channels) and (filters,)"
            )
        extra = as_pair(self.output_padding, "output_padding", 0)
        if any(more >= max(most) for more, most in zip(extra, zip(self._window.stride, self._window.dilation))):
            raise ShapeError(f"output_padding is {self.output_padding}; expected less than the stride or the dilation")
        self.freeze()

    @cached_property
    def _window(self) -> Window:
        """The window of the convolution that is transposed: it slides over the output."""
        return Window.of(self.weight.shape[:2], self.stride, self.padding, self.dilation)

    @cached_property
    def enlarges(self) -> Pair:  # type: ignore[override]
        """How many units there are for one of the input: the stride."""
        return self._window.stride

    @cached_property
    def _filters(self) -> kernels.Filters:
        return kernels.Filters(self.weight)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, channels=self.weight.shape[3])
        window, extra = self._window, as_pair(self.output_padding, "output_padding", 0)
        height, width = (
            (size - 1) * window.stride[axis] + window.extent[axis] - sum(window.padding[axis]) + extra[axis]
            for axis, size in enumerate(input_shape[:2])
        )
        if min(height, width) < 1:
            raise ShapeError(f"padding {window.padding} leaves nothing of the result; expected a larger input, or less padding")
        return height, width, self.bias.size

    def multiply_accumulates(self, input_shape: Shape) -> int:
        return math.prod(input_shape[:2]) * self.weight.size

    def forward(self, x):
        shape = (len(x), *self.output_shape(x.shape[1:]))
        return kernels.convolve_backward(x, self._filters, self._window, shape) + self.bias, x

    def backward(self, gradient, context):
        check_gradient_shape(gradient, (len(context), *self.output_shape(context.shape[1:])))
        return kernels.convolve(gradient, self._filters, np.zeros(self.weight.shape[3], self.bias.dtype), self._window)

    def parameter_gradients(self, gradient, context):
        check_gradient_shape(gradient, (len(context), *self.output_shape(context.shape[1:])))
        weight = kernels.kernel_gradient(context, gradient, self._window, self.groups)
        return self.with_bias(weight, kernels.channel_sums(gradient).astype(gradient.dtype))

    def initial_arrays(self, generator):
        overlap = math.prod(self.weight.shape[:2]) * self.weight.shape[3] / self.groups / math.prod(self._window.stride)
        weight = generator.standard_normal(self.weight.shape, dtype=np.float32) * np.float32(math.sqrt(2 / max(overlap, 1)))
        return self.with_bias(weight, np.zeros(self.bias.shape, np.float32))

    def absorb(self, norm):
        return None

    @classmethod
    def from_options(cls, input_shape, options):
        check_image_shape(input_shape)
        filters, groups = options["filters"], options["groups"]
        if input_shape[2] % groups or filters % groups:
            raise ShapeError(f"{input_shape[2]} channels and {filters} filters do not make {groups} groups; expected a divisor of both")
        weight = placeholder(*options["size"], filters // groups, input_shape[2])
        others = (value for name, value in options.items() if name not in ("filters", "size"))
        return cls(weight, placeholder(filters) if options["use_bias"] else np.zeros(filters, np.float32), *others)

    def to_options(self):
        window = self._window
        return {
            "filters": self.bias.size,
            "size": window.kernel_size,
            "stride": window.stride,
            "padding": window.padding,
            "output_padding": as_pair(self.output_padding, "output_padding", 0),
            "dilation": window.dilation,
            "groups": self.groups,
            "use_bias": self.use_bias,
        }
