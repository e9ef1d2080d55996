r"""Layer normalization: each pixel's channels are brought to mean 0 and variance 1, then to a scale and a shift that are learned.

    x^ = (x - mean) / sqrt(variance + epsilon),        y = weight x^ + bias

    dx = (h - mean of h - x^ mean of h x^) / sqrt(variance + epsilon),        where h = weight g

Mean and variance are those of the pixel itself, over its channels, in training and afterwards; the two means taken off on the way back are
what comes through them.

References
----------
J. Ba, J. Kiros, G. Hinton, "Layer Normalization", arXiv:1607.06450, equations 3 and 4.
Z. Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545 (ConvNeXt; the epsilon is that of its code).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers.base import Shape, check_channels, check_gradient_shape, exact_sum, read_only
from minicnn.layers.options import is_number, number, placeholder
from minicnn.layers.per_pixel import PerPixel


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm(PerPixel):
    """Give the channels of each pixel, or each row of numbers, mean 0 and variance 1, then a scale and a shift that are learned.

    Parameters
    ----------
    weight, bias : array (channels,)
        The scale and the shift.
    epsilon : float
        Is added to the variance before the root is taken.

    Raises
    ------
    ShapeError
        If the arrays do not have the same shape.
    MinicnnError
        If `epsilon` is not finite and above 0.
    """

    weight: np.ndarray
    bias: np.ndarray
    epsilon: float = 1e-6

    word = "layer_norm"
    options = {"epsilon": number("a number above 0", lambda value: value > 0, epsilon)}
    parameter_names = ("weight", "bias")

    def __post_init__(self):
        if self.weight.ndim != 1 or self.weight.shape != self.bias.shape:
            raise ShapeError(f"a layer normalization got weight {self.weight.shape}, bias {self.bias.shape}; expected (channels,) for both")
        if not is_number(self.epsilon) or self.epsilon <= 0:
            raise MinicnnError(f"epsilon is {self.epsilon!r}; expected finite and above 0")
        for name in self.parameter_names:  # a frozen dataclass is set so
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def output_shape(self, input_shape: Shape) -> Shape:
        check_channels(input_shape, self.weight.size)
        return input_shape

    def forward(self, x):
        self.output_shape(x.shape[1:])
        output, _ = self._normalized(x)
        output *= self.weight.astype(x.dtype, copy=False)
        output += self.bias.astype(x.dtype, copy=False)
        return output, x

    def _normalized(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x^, and what it was divided by."""
        deviations = x - x.mean(axis=-1, keepdims=True)
        divisor = np.sqrt(_mean_product(deviations, deviations) + self.epsilon)
        deviations /= divisor
        return deviations, divisor

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        normalized, divisor = self._normalized(x)
        scaled = gradient * self.weight.astype(gradient.dtype, copy=False)
        normalized *= _mean_product(scaled, normalized)
        return (scaled - scaled.mean(axis=-1, keepdims=True) - normalized) / divisor

    def parameter_gradients(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        pixels = tuple(range(x.ndim - 1))
        return {"weight": exact_sum(gradient * self._normalized(x)[0], pixels), "bias": exact_sum(gradient, pixels)}

    def initial_arrays(self, generator):
        return {"weight": np.ones(self.weight.shape, np.float32), "bias": np.zeros(self.bias.shape, np.float32)}

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(placeholder(input_shape[-1]), placeholder(input_shape[-1]), options["epsilon"])

    def to_options(self):
        return {"epsilon": self.epsilon}


def _mean_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute the mean of a b over the channels; keeps the axis."""
    return np.einsum("...c,...c->...", a, b)[..., None] / a.shape[-1]
