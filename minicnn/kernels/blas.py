"""Matrix products from BLAS, the small ones on one thread.

The threads of BLAS go on waiting, busily, for some 20 milliseconds after a product, and meanwhile share the processor's cores with the
threads of numba's next kernel. For a large product that does not matter; after a small one it costs more than the product: it made
training a network of small convolutions take twice as long.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

#: Products of at least so many multiply-adds are worth all threads.
LARGE = 1_000_000_000

_lock = threading.Lock()
_inside = 0
_limit: Any = None  # what lifts the limit again, while there is one


def matrix_product(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Compute a @ b for two matrices, or for stacks of them one by one; into `out`, if given."""
    if math.prod(a.shape[-2:]) * b.shape[-1] >= LARGE:
        return np.matmul(a, b, out=out)
    with _one_thread():
        return np.matmul(a, b, out=out)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Limit BLAS to one thread as long as any of our threads is in here; the limit is the whole process's."""
    global _inside, _limit
    with _lock:
        _inside += 1
        if _inside == 1:
            _limit = _controller().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()


def _after_fork() -> None:
    """In the new process: lift a limit that another thread had set, which is not here to do so."""
    global _lock, _inside
    _lock = threading.Lock()
    if _inside and _limit is not None:
        _limit.restore_original_limits()
    _inside = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
