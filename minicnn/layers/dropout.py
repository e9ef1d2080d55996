"""Dropout."""

from __future__ import annotations

from dataclasses import dataclass

from minicnn.errors import MinicnnError
from minicnn.layers.base import Elementwise
from minicnn.layers.options import number


@dataclass(frozen=True, eq=False)
class Dropout(Elementwise):
    """While training, zero a random share of the values, so that no unit relies on a single other; afterwards do nothing.

    The values that stay are divided by the share that stays ("inverted" dropout), so their expected sum is the same in both modes.

    Parameters
    ----------
    rate : float
        The share that is zeroed, 0 <= rate < 1.

    References
    ----------
    N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15, 2014.
    """

    rate: float = 0.5

    word = "dropout"
    options = {"rate": number("a number from 0 to less than 1", lambda value: 0 <= value < 1, rate)}
    relevance = "unchanged"

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise MinicnnError(f"the dropout rate is {self.rate}; expected at least 0 and less than 1")

    def forward(self, x):
        return x, None

    def training_forward(self, x, generator):
        kept = generator.random(x.shape, dtype=x.dtype) >= self.rate
        scale = kept.astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * scale, scale

    def backward(self, gradient, context):
        scale = context
        return gradient if scale is None else gradient * scale
