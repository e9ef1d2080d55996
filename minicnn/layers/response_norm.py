r"""Local response normalization: channels next to each other compete.

    y_c = x_c d_c^-beta,        d_c = k + alpha / size  sum of x_j^2 over the `size` channels j around c

    dx_j = g_j d_j^-beta - 2 alpha beta / size  x_j  sum of g_c x_c d_c^(-beta - 1) over the channels c around which j is

At the ends there are fewer channels to sum. The definition is PyTorch's, and Caffe's; the paper, and TensorFlow, do not divide alpha by the
size. Of an even size, one channel more comes before than after.

References
----------
A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.layers.base import check_gradient_shape
from minicnn.layers.options import count, is_count, is_number, number
from minicnn.layers.per_pixel import PerPixel


@dataclass(frozen=True, eq=False)
class LocalResponseNorm(PerPixel):
    """Divide each number by how much there is in the channels around it.

    Parameters
    ----------
    size : int
        How many channels are summed.
    alpha, beta : float
        At least 0.
    k : float
        Above 0, so that nothing is divided by 0.

    Raises
    ------
    MinicnnError
        If a number is out of range.

    Notes
    -----
    Relevance passes unchanged, the divisor taken as given: then each output is made of one input alone.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    word = "local_response_norm"
    options = {
        "size": count(),
        "alpha": number("a number from 0 on", lambda value: value >= 0, alpha),
        "beta": number("a number from 0 on", lambda value: value >= 0, beta),
        "k": number("a number above 0", lambda value: value > 0, k),
    }
    relevance = "unchanged"

    def __post_init__(self):
        numbers = (self.alpha, self.beta, self.k)
        if not is_count(self.size) or not all(map(is_number, numbers)) or min(numbers) < 0 or self.k == 0:
            raise MinicnnError(
                f"size is {self.size!r}, alpha {self.alpha!r}, beta {self.beta!r}, k {self.k!r}; expected a size of at least 1, alpha and "
                "beta of at least 0, and k above 0"
            )

    def forward(self, x):
        self.output_shape(x.shape[1:])
        return x * self._divisor(x) ** -self.beta, x

    def backward(self, gradient, context):
        x = context
        check_gradient_shape(gradient, x.shape)
        divisor = self._divisor(x)
        direct = gradient * divisor**-self.beta
        through_divisor = _sum_around(direct * x / divisor, self._after, self._before)
        return direct - 2 * self.alpha * self.beta / self.size * x * through_divisor

    @property
    def _before(self) -> int:
        return self.size // 2

    @property
    def _after(self) -> int:
        return (self.size - 1) // 2

    def _divisor(self, x: np.ndarray) -> np.ndarray:
        return self.k + self.alpha / self.size * _sum_around(x * x, self._before, self._after)

    @classmethod
    def from_options(cls, input_shape, options):
        return cls(**options)

    def to_options(self):
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}


def _sum_around(values: np.ndarray, before: int, after: int) -> np.ndarray:
    """Sum for each channel its own value and those of so many channels before and after it, as far as there are any."""
    total, most = values.copy(), values.shape[-1] - 1
    for offset in range(1, min(before, most) + 1):
        total[..., offset:] += values[..., :-offset]
    for offset in range(1, min(after, most) + 1):
        total[..., :-offset] += values[..., offset:]
    return total
