"""Arrays whose memory is used again.

A fresh large array comes from the operating system page by page, as it is first written to, and that can cost more than computing what
is written. So memory is kept: scratch arrays for as long as their thread lives, and that of outputs from the moment when nobody refers
to them any more until an output of a similar size is needed. What has not been needed for a while, because the work is now of another
size, is freed.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import threading
import weakref

import numpy as np
import psutil
from numpy.typing import DTypeLike

CACHE_LINE = 64

#: Arrays smaller than this, in bytes, are left to NumPy, which keeps such memory itself.
SMALL = 1 << 20

#: The most unused memory that is kept, in bytes.
MOST_KEPT = min(2_000_000_000, psutil.virtual_memory().total // 8)

#: Unused memory is freed once so many arrays came back after it while it was not needed: two steps or more of anything that goes in steps.
PATIENCE = 200

_scratch = threading.local()
_returns = itertools.count()
_unused: list[tuple[int, np.ndarray]] = []  # since when, and the memory; the oldest first
_lock = threading.Lock()


def aligned(size: int) -> np.ndarray:
    """Return bytes that begin where a line of the processor's cache does, so that no vector lies across two lines."""
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size]


def scratch(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a float32 array of arbitrary values, valid until this thread asks for the same name again."""
    arrays = _scratch.__dict__
    size = math.prod(shape)
    if name not in arrays or arrays[name].size < size:
        arrays[name] = aligned(4 * size).view(np.float32)
        arrays[name][:] = 0
    return arrays[name][:size].reshape(shape)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array of arbitrary values, like `numpy.empty`, in used memory if there is some of about the right size."""
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    memory = _take(size)
    # The array keeps `handle` alive, and all its views do; when the last is gone, the memory is free again.
    handle = (ctypes.c_char * memory.nbytes).from_buffer(memory.data)
    weakref.finalize(handle, _give_back, memory).atexit = False
    return np.frombuffer(handle, dtype, count).reshape(shape)  # type: ignore[call-overload]  # NumPy's stubs leave ctypes' arrays out


def _take(size: int) -> np.ndarray:
    """Choose the smallest unused piece of memory that is large enough, but not twice as large; or get a new one."""
    if _lock.acquire(blocking=False):
        try:
            fitting = [i for i, (_, memory) in enumerate(_unused) if size <= memory.nbytes < 2 * size]
            if fitting:
                return _unused.pop(min(fitting, key=lambda i: _unused[i][1].nbytes))[1]
        finally:
            _lock.release()
    return aligned(size)


def _give_back(memory: np.ndarray) -> None:
    """Keep memory for later, and free the oldest if it gets too much or too old.

    This runs whenever an array goes, so perhaps in the midst of `_take` or of itself; then the memory is just freed.
    """
    if _lock.acquire(blocking=False):
        try:
            now = next(_returns)
            _unused.append((now, memory))
            while sum(kept.nbytes for _, kept in _unused) > MOST_KEPT or _unused[0][0] < now - PATIENCE:
                _unused.pop(0)
        finally:
            _lock.release()
