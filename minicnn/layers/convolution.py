"""The convolution layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minicnn import kernels
from minicnn.errors import ShapeError
from minicnn.geometry import Pair, Sides, Window
from minicnn.layers.activation import ReLU
from minicnn.layers.base import Shape, check_gradient_shape, check_image_shape
from minicnn.layers.options import borders, count, placeholder, sides, yes_or_no
from minicnn.layers.terms import Terms, cut_window, gather
from minicnn.layers.weighted import Weighted


@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Weighted):
    """Slide a bank of filters over the image; each output is one window times one filter, summed, plus a bias.

    Parameters
    ----------
    weight : array (kernel height, kernel width, input channels / groups, filters)
    bias : array (filters,)
    stride : int or pair of int
        Vertical and horizontal.
    padding : int, pair of int, or pair of pairs
        Zeros on all sides; vertical and horizontal; or ((top, bottom), (left, right)).
    dilation : int or pair of int
        How far apart the pixels are that a window looks at: 1 if they touch.
    groups : int
        Parts into which the channels and the filters are cut; each part of the filters sees its part of the channels alone. With as many
        groups as channels the convolution is called depthwise.
    use_bias : bool
        Whether the biases are parameters; else they are 0. Before a batch normalization, which has its own, they would be of no use.

    Raises
    ------
    ShapeError
        If `weight`, `bias` and `groups` do not fit together.

    Notes
    -----
    Input (N, H, W, C), output (N, OH, OW, filters) with OH = floor((H - kernel height + padding) / stride) + 1, OW alike; see
    `minicnn.geometry`.

    References
    ----------
    F. Yu, V. Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", arXiv:1511.07122.
    S. Xie, R. Girshick, P. Dollar, Z. Tu, K. He, "Aggregated Residual Transformations for Deep Neural Networks", arXiv:1611.05431 (groups).
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: int | Pair = 1
    padding: int | Pair | Sides = 0
    dilation: int | Pair = 1
    groups: int = 1
    use_bias: bool = True

    word = "convolution"
    options = {
        "filters": count(),
        "size": sides(1),
        "stride": sides(1, 1),
        "padding": borders(0),
        "dilation": sides(1, 1),
        "groups": count(1),
        "use_bias": yes_or_no(True),
    }

    def __post_init__(self):
        if self.weight.ndim != 4 or self.bias.shape != self.weight.shape[3:]:
            raise ShapeError(
                f"a convolution got weights of shape {self.weight.shape} and biases of shape {self.bias.shape}; "
                "expected (kernel height, kernel width, input channels / groups, filters) and (filters,)"
            )
        if not isinstance(self.groups, int) or self.groups < 1 or self.bias.size % self.groups:
            raise ShapeError(f"a convolution of {self.bias.size} filters has {self.groups!r} groups; expected a divisor of the filters")
        self.window  # noqa: B018 - raises for a wrong stride, padding or dilation
        self.freeze()

    @cached_property
    def window(self) -> Window:  # type: ignore[override]
        """The sliding window."""
        return Window.of(self.weight.shape[:2], self.stride, self.padding, self.dilation)

    @cached_property
    def _filters(self) -> kernels.Filters:
        """The weights, with what the algorithms make of them; computed from `weight`, so no state of a call."""
        return kernels.Filters(self.weight)

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, channels=self.weight.shape[2] * self.groups)
        return (*self.window.output_size(*input_shape[:2]), self.weight.shape[3])

    def multiply_accumulates(self, input_shape: Shape) -> int:
        out_height, out_width, _ = self.output_shape(input_shape)
        return out_height * out_width * self.weight.size

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return kernels.convolve(x, self._filters, self.bias, self.window), x

    def fused(self, following):
        return self._forward_rectified if type(following) is ReLU else None

    def _forward_rectified(self, x: np.ndarray) -> np.ndarray:
        self.output_shape(x.shape[1:])
        return kernels.convolve(x, self._filters, self.bias, self.window, rectify=True)

    def forward_unpadded(self, x):
        return kernels.convolve(x, self._filters, self.bias, self.window.unpadded)

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        return kernels.convolve_backward(gradient, self._filters, self.window, x.shape)

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, (len(x), *self.output_shape(x.shape[1:])))
        weight = kernels.kernel_gradient(gradient, x, self.window, self.groups)
        return self.with_bias(weight, kernels.channel_sums(gradient).astype(gradient.dtype))

    def value_terms(self, x, unit):
        row, column, channel = unit
        first = channel * self.groups // self.bias.size * self.weight.shape[2]
        inputs, start = cut_window(x[..., first : first + self.weight.shape[2]], self.window, row, column)
        factors = np.zeros_like(inputs)  # of the pixels between those that a window with dilation looks at
        factors[:: self.window.dilation[0], :: self.window.dilation[1]] = self.weight[..., channel]
        return Terms(inputs, factors, (*start, first), float(self.bias[channel]), first)

    def gradient_terms(self, gradient, x, unit):
        group, channel = divmod(unit[2], self.weight.shape[2])
        filters = self.bias.size // self.groups
        of_group = slice(group * filters, (group + 1) * filters)
        return Terms(gather(gradient[..., of_group], self.window, unit), self.weight[:, :, channel, of_group], first=of_group.start)

    @classmethod
    def from_options(cls, input_shape, options):
        check_image_shape(input_shape)
        filters, groups = options["filters"], options["groups"]
        if input_shape[2] % groups or filters % groups:
            raise ShapeError(f"{input_shape[2]} channels and {filters} filters do not make {groups} groups; expected a divisor of both")
        weight = placeholder(*options["size"], input_shape[2] // groups, filters)
        bias = placeholder(filters) if options["use_bias"] else np.zeros(filters, np.float32)
        return cls(weight, bias, options["stride"], options["padding"], options["dilation"], groups, options["use_bias"])

    def to_options(self):
        window = self.window
        return {
            "filters": self.bias.size,
            "size": window.kernel_size,
            "stride": window.stride,
            "padding": window.padding,
            "dilation": window.dilation,
            "groups": self.groups,
            "use_bias": self.use_bias,
        }
