"""Matrix products from BLAS, the small ones on one thread.

The threads of BLAS go on waiting, busily, for some milliseconds after a product, and meanwhile share the processor's cores with the
threads of numba's next kernel. For a large product that does not matter; after a small one it costs more than the product.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

#: Products of at least so many multiply-adds are worth all threads.
LARGE = 1_000_000_000


def matrix_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute a @ b for two matrices."""
    if a.shape[0] * a.shape[1] * b.shape[1] >= LARGE:
        return a @ b
    with _controller().limit(limits=1, user_api="blas"):
        return a @ b


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
