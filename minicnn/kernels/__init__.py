"""The number crunching: plain functions on plain arrays (N, H, W, C), and the only place with numba.

Uses `minicnn.errors`, `minicnn.geometry` and `minicnn.notebook` only. Nothing here checks its input; the layers do that, and say what the
numbers mean. What is kept from call to call is memory to use again (`memory`) and filters in the form that an algorithm wants
(`convolution.Filters`), never anything about a call.
"""

from minicnn.kernels.activations import ACTIVATIONS
from minicnn.kernels.blas import matrix_product
from minicnn.kernels.choice import ALGORITHMS, current_algorithm, use_algorithm
from minicnn.kernels.convolution import (
    Filters,
    convolve,
    convolve_backward,
    kernel_gradient,
)
from minicnn.kernels.dense import dense, dense_backward
from minicnn.kernels.gates import gate_gradient, gated
from minicnn.kernels.jit import announce_compilation
from minicnn.kernels.normalization import (
    combined,
    moments,
    product_sums,
    scale_and_shift,
)
from minicnn.kernels.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
    pixels_counted,
)
from minicnn.kernels.rectifier import relu, relu_backward
from minicnn.kernels.regions import cut_changed
from minicnn.kernels.sums import channel_sums, image_sums
from minicnn.kernels.threads import thread_count

__all__ = [
    "ACTIVATIONS",
    "ALGORITHMS",
    "Filters",
    "announce_compilation",
    "average_pool",
    "average_pool_backward",
    "channel_sums",
    "combined",
    "convolve",
    "convolve_backward",
    "current_algorithm",
    "cut_changed",
    "dense",
    "dense_backward",
    "gate_gradient",
    "gated",
    "image_sums",
    "kernel_gradient",
    "matrix_product",
    "max_pool",
    "max_pool_backward",
    "moments",
    "pixels_counted",
    "product_sums",
    "relu",
    "relu_backward",
    "scale_and_shift",
    "thread_count",
    "use_algorithm",
]
