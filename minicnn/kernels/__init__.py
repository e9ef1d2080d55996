"""The number crunching: plain functions on plain arrays (N, H, W, C), and the only place that knows numba.

Nothing here checks its input or keeps state; the layers do the checking and say what the numbers mean.
"""

from minicnn.kernels.convolution import convolve, convolve_backward, kernel_gradient
from minicnn.kernels.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)

__all__ = [
    "average_pool",
    "average_pool_backward",
    "convolve",
    "convolve_backward",
    "kernel_gradient",
    "max_pool",
    "max_pool_backward",
]
