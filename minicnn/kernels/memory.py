"""Arrays whose memory is used again.

A fresh large array comes from the operating system page by page, as it is first written to, and that can cost more than computing what
is written. So memory is kept: scratch arrays for as long as their thread lives, and that of outputs from the moment when nobody refers
to them any more until an output is needed that is not much smaller. What has not been needed for a while, because the work is now of
another size, is freed; and all that is unused once no work is done.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import threading
import time
import weakref

import numpy as np
import psutil
from numpy.typing import DTypeLike

CACHE_LINE = 64

#: Arrays smaller than this, in bytes, are left to NumPy, which keeps such memory itself.
SMALL = 1 << 20

#: The most unused memory that is kept, in bytes: what a large batch takes, or a large image with the way back.
MOST_KEPT = min(8_000_000_000, psutil.virtual_memory().total // 4)

#: An array may take memory of so many times its size: of the few maps that are alive in a pass, some large ones serve all.
MOST_TIMES = 5

#: Unused memory is freed once so many arrays came back after it while it was not needed: two steps or more of anything that goes in steps.
PATIENCE = 200

#: All unused memory is freed after so many seconds in which no array came back.
IDLE_SECONDS = 10

_scratch = threading.local()
_returns = itertools.count()
_unused: list[tuple[int, np.ndarray]] = []  # since when, and the memory; the oldest first
_lock = threading.Lock()
_last_return = time.monotonic()
_watch: threading.Thread | None = None


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


def empty(shape: tuple[int, ...], dtype: DTypeLike, lasting: bool = False) -> np.ndarray:
    """Return an array of arbitrary values, like `numpy.empty`, in used memory if there is some of about the right size.

    An array that is to last, such as filters, takes no memory that is much larger.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    memory = _take(size, 1.25 if lasting else MOST_TIMES)
    _watch_for_idleness()
    # The array keeps `handle` alive, and all its views do; when the last is gone, the memory is free again.
    handle = (ctypes.c_char * memory.nbytes).from_buffer(memory.data)
    weakref.finalize(handle, _give_back, memory).atexit = False
    return np.frombuffer(handle, dtype, count).reshape(shape)  # type: ignore[call-overload]  # NumPy's stubs leave ctypes' arrays out


def _take(size: int, times: float) -> np.ndarray:
    """Choose the smallest unused piece of memory that is large enough, but not far too large; or get a new one."""
    if _lock.acquire(blocking=False):
        try:
            fitting = [i for i, (_, memory) in enumerate(_unused) if size <= memory.nbytes < times * size]
            if fitting:
                return _unused.pop(min(fitting, key=lambda i: _unused[i][1].nbytes))[1]
        finally:
            _lock.release()
    return aligned(size)


def _give_back(memory: np.ndarray) -> None:
    """Keep memory for later, and free the oldest if it gets too much or too old.

    This runs whenever an array goes, so perhaps in the midst of `_take` or of itself; then the memory is just freed.
    """
    global _last_return
    _last_return = time.monotonic()
    if _lock.acquire(blocking=False):
        try:
            now = next(_returns)
            _unused.append((now, memory))
            while _unused and (sum(kept.nbytes for _, kept in _unused) > MOST_KEPT or _unused[0][0] < now - PATIENCE):
                _unused.pop(0)
        finally:
            _lock.release()


def _watch_for_idleness() -> None:
    """Start the thread that frees what is unused when nothing happens, unless it runs."""
    global _watch
    if _watch is None:
        _watch = threading.Thread(target=_free_when_idle, daemon=True)
        _watch.start()


def _free_when_idle() -> None:
    while True:
        time.sleep(IDLE_SECONDS)
        free_if_idle()


def free_if_idle() -> None:
    """Free all unused memory if for a while no array came back."""
    if time.monotonic() - _last_return >= IDLE_SECONDS:
        with _lock:
            _unused.clear()


def _after_fork() -> None:
    """In the new process: forget the thread, which is not here, and a lock that another thread had."""
    global _watch, _lock
    _watch, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
