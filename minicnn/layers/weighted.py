"""What the layers with weights share: outputs that are weighted sums of inputs, plus a bias, the outputs along the weights' last axis."""

from __future__ import annotations

import math

import numpy as np

from minicnn.errors import ShapeError
from minicnn.layers.base import Layer, read_only
from minicnn.layers.normalization import BatchNorm


class Weighted(Layer):
    """A layer with the parameters `weight` (..., outputs) and `bias` (outputs,); without `use_bias` the biases are 0, and none of them."""

    weight: np.ndarray
    bias: np.ndarray
    use_bias: bool = True

    parameter_names = ("weight", "bias")
    relevance = "weighted"

    def freeze(self) -> None:
        """Make the arrays read-only; raises ShapeError for biases that are not to be used."""
        if not self.use_bias:
            if self.bias.any():
                raise ShapeError("there are biases other than 0, but use_bias is False; expected one or the other")
            object.__setattr__(self, "bias", np.zeros(self.bias.shape, self.weight.dtype))  # a frozen dataclass is set so
            object.__setattr__(self, "parameter_names", ("weight",))
        for name in ("weight", "bias"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def initial_arrays(self, generator):
        shape = self.weight.shape
        weight = generator.standard_normal(shape, dtype=np.float32)
        weight *= np.float32(math.sqrt(2 / math.prod(shape[:-1])))
        return self.with_bias(weight, np.zeros(shape[-1], np.float32))

    def with_bias(self, weight: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
        """Name what belongs to the parameters: to the biases only if there are some."""
        return {"weight": weight, "bias": bias} if self.use_bias else {"weight": weight}

    def absorb(self, norm):
        if not isinstance(norm, BatchNorm) or type(norm).forward is not BatchNorm.forward:
            return None
        scale = norm.weight.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
        weight, bias = self.weight * scale, scale * (self.bias - norm.mean.astype(np.float64)) + norm.bias
        used = {} if self.use_bias else {"use_bias": True}
        return self.replace(weight=weight.astype(self.weight.dtype), bias=bias.astype(self.bias.dtype), **used)
