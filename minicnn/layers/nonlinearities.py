r"""Nonlinearities other than the rectifier, each made from one number at a time: y = f(x), and backward g f'(x).

    ============  =======================================  ==========================================
    layer         f(x)                                     f'(x)
    ============  =======================================  ==========================================
    leaky_relu    x above 0, slope x below                 1 above 0, slope below
    relu6         x between 0 and 6, else the nearer end   1 between them, else 0
    elu           x above 0, alpha (e^x - 1) below         1 above 0, alpha e^x below
    sigmoid       1 / (1 + e^-x)                           f (1 - f)
    tanh          (e^x - e^-x) / (e^x + e^-x)              1 - f^2
    silu          x sigmoid(x)                             s + x s (1 - s), where s = sigmoid(x)
    gelu          x Phi(x)                                 Phi(x) + x phi(x)
    hard_sigmoid  slope x + 1/2 between 0 and 1            slope between them, else 0
    hard_swish    x hard_sigmoid(x)                        f/x + x slope between them, else 0 or 1
    ============  =======================================  ==========================================

Phi is the distribution of a standard normal number, phi its density. At a kink the derivative is that of the left side, as in PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts are loaded when they are first used

from minicnn import kernels
from minicnn.errors import MinicnnError
from minicnn.layers.base import Elementwise, check_gradient_shape
from minicnn.layers.options import Option, number

#: The slope of PyTorch's hard sigmoid, and of Keras 3's; Keras 2 had 0.2.
HARD_SLOPE = 1 / 6


class Nonlinearity(Elementwise):
    """What they have in common: a function `value` of an array, and its derivative `slope_at`; some have a kernel for float32."""

    activation = True
    relevance = "unchanged"
    options = {}

    def value(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def slope_at(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    @property
    def _kernels(self):
        """The kernels forward and backward, if there are some; those of a parent class are not those of another function."""
        return kernels.ACTIVATIONS.get(vars(type(self)).get("word", ""))

    def forward(self, x):
        if x.dtype == np.float32 and self._kernels:
            return self._kernels[0](x), x
        return self.value(x).astype(x.dtype, copy=False), x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        if gradient.dtype == x.dtype == np.float32 and self._kernels:
            return self._kernels[1](gradient, x)
        return (gradient * self.slope_at(x)).astype(gradient.dtype, copy=False)


@dataclass(frozen=True, eq=False)
class LeakyReLU(Nonlinearity):
    """Keep what is positive, and of the rest a small share.

    References
    ----------
    A. Maas, A. Hannun, A. Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.
    """

    slope: float = 0.01

    word = "leaky_relu"
    options = {"slope": number("a number from 0 on", lambda value: value >= 0, slope)}

    def value(self, x):
        return np.where(x > 0, x, x.dtype.type(self.slope) * x)

    def slope_at(self, x):
        return np.where(x > 0, x.dtype.type(1), x.dtype.type(self.slope))

    def decisions(self, context):
        return context > 0


@dataclass(frozen=True, eq=False)
class ReLU6(Nonlinearity):
    """Keep what is between 0 and 6.

    References
    ----------
    A. Howard et al., "MobileNets", arXiv:1704.04861.
    """

    word = "relu6"

    def value(self, x):
        return np.clip(x, 0, 6)

    def slope_at(self, x):
        return ((x > 0) & (x < 6)).astype(x.dtype)

    def decisions(self, context):
        return (context > 0).astype(np.int8) + (context >= 6)


@dataclass(frozen=True, eq=False)
class ELU(Nonlinearity):
    """Keep what is positive, and let the rest go smoothly to -alpha.

    References
    ----------
    D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", arXiv:1511.07289.
    """

    alpha: float = 1.0

    word = "elu"
    options = {"alpha": number("a number above 0", lambda value: value > 0, alpha)}

    def value(self, x):
        return np.where(x > 0, x, x.dtype.type(self.alpha) * np.expm1(np.minimum(x, 0)))

    def slope_at(self, x):
        return np.where(x > 0, x.dtype.type(1), x.dtype.type(self.alpha) * np.exp(np.minimum(x, 0)))

    def decisions(self, context):
        return context > 0


@dataclass(frozen=True, eq=False)
class Sigmoid(Nonlinearity):
    """Map all numbers to those between 0 and 1."""

    word = "sigmoid"

    def value(self, x):
        return scipy.special.expit(x)

    def slope_at(self, x):
        return scipy.special.expit(x) * scipy.special.expit(-x)


@dataclass(frozen=True, eq=False)
class Tanh(Nonlinearity):
    """Map all numbers to those between -1 and 1."""

    word = "tanh"

    def value(self, x):
        return np.tanh(x)

    def slope_at(self, x):
        return 1 - np.tanh(x) ** 2


@dataclass(frozen=True, eq=False)
class SiLU(Nonlinearity):
    """x times its sigmoid; also called swish.

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-Weighted Linear Units", arXiv:1702.03118.
    """

    word = "silu"

    def value(self, x):
        return x * scipy.special.expit(x)

    def slope_at(self, x):
        share = scipy.special.expit(x)
        return share + x * share * scipy.special.expit(-x)


@dataclass(frozen=True, eq=False)
class GELU(Nonlinearity):
    """x times the probability that a standard normal number is smaller.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether that probability is exact, or by the formula with tanh that early networks use.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415.
    """

    approximate: Literal["none", "tanh"] = "none"

    word = "gelu"
    options = {"approximate": Option('"none" or "tanh"', lambda value: value in ("none", "tanh"), "none")}

    def __post_init__(self):
        if self.approximate not in ("none", "tanh"):
            raise MinicnnError(f"approximate is {self.approximate!r}; expected 'none' or 'tanh'")

    def value(self, x):
        return x * self._probability(x)

    def slope_at(self, x):
        if self.approximate == "none":
            return self._probability(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
        share = self._probability(x)
        return share + 2 * x * share * (1 - share) * inner

    def _probability(self, x):
        if self.approximate == "none":
            return (1 + scipy.special.erf(x / np.sqrt(2))) / 2
        return (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


@dataclass(frozen=True, eq=False)
class HardSigmoid(Nonlinearity):
    """A sigmoid of straight lines.

    Parameters
    ----------
    slope : float
        Of the middle line, which is 1/2 at 0.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, section 5.2.
    """

    slope: float = HARD_SLOPE

    word = "hard_sigmoid"
    options = {"slope": number("a number above 0", lambda value: value > 0, slope)}

    def value(self, x):
        return np.clip(x.dtype.type(self.slope) * x + x.dtype.type(0.5), 0, 1)

    def slope_at(self, x):
        return np.where(np.abs(x) < 0.5 / self.slope, x.dtype.type(self.slope), x.dtype.type(0))

    def decisions(self, context):
        return _part(context, 0.5 / self.slope)


@dataclass(frozen=True, eq=False)
class HardSwish(Nonlinearity):
    """x times its hard sigmoid.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, section 5.2.
    """

    word = "hard_swish"

    def value(self, x):
        return x * HardSigmoid().value(x)

    def slope_at(self, x):
        inside = HardSigmoid().value(x) + x * x.dtype.type(HARD_SLOPE)
        return np.where(np.abs(x) < 0.5 / HARD_SLOPE, inside, (x > 0).astype(x.dtype))

    def decisions(self, context):
        return _part(context, 0.5 / HARD_SLOPE)


def _part(x: np.ndarray, end: float) -> np.ndarray:
    """Tell whether numbers are below, between or above -end and end."""
    return (x > -end).astype(np.int8) + (x >= end)
