"""What the layers with weights share: outputs that are weighted sums of inputs, plus a bias, the outputs along the weights' last axis."""

from __future__ import annotations

import math

import numpy as np

from minicnn.layers.base import Layer, read_only
from minicnn.layers.normalization import BatchNorm


class Weighted(Layer):
    """A layer with the parameters `weight` (..., outputs) and `bias` (outputs,)."""

    weight: np.ndarray
    bias: np.ndarray

    parameter_names = ("weight", "bias")
    relevance = "weighted"

    def freeze(self) -> None:
        """Make the arrays read-only."""
        for name in self.parameter_names:  # a frozen dataclass is set so
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def initial_arrays(self, generator):
        shape = self.weight.shape
        weight = generator.standard_normal(shape, dtype=np.float32)
        weight *= np.float32(math.sqrt(2 / math.prod(shape[:-1])))
        return {"weight": weight, "bias": np.zeros(shape[-1], np.float32)}

    def absorb(self, norm):
        if not isinstance(norm, BatchNorm) or type(norm).forward is not BatchNorm.forward:
            return None
        scale = norm.weight.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
        weight, bias = self.weight * scale, scale * (self.bias - norm.mean.astype(np.float64)) + norm.bias
        return self.replace(weight=weight.astype(self.weight.dtype), bias=bias.astype(self.bias.dtype))
