"""How kernels are called where there are several threads, or where the process was forked.

numba's kernels run on one of three threading layers, which it chooses, or ``NUMBA_THREADING_LAYER``, when the first is needed:

    ==================  =========================  ========================================
    layer               called from many threads   in a process forked after it was loaded
    ==================  =========================  ========================================
    tbb                 yes                        yes
    omp (GNU: Linux)    yes                        no: numba ends the process
    omp (others)        yes                        yes
    workqueue           no: numba aborts           yes
    ==================  =========================  ========================================

So with workqueue kernels are called one at a time, and in a process forked after GNU OpenMP was loaded they raise an error. Where the
process was forked before, all is well: each loads a layer of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numba

from minicnn.errors import MinicnnError


def thread_count() -> int:
    """Tell how many threads the kernels use; loads the threading layer.

    Raises
    ------
    MinicnnError
        If numba has none of the name that ``NUMBA_THREADING_LAYER`` gives.
    """
    try:
        return int(numba.get_num_threads())
    except ValueError as error:
        raise MinicnnError(f"numba cannot load a threading layer ({error}); unset NUMBA_THREADING_LAYER") from None


def _load_first(kernel: Callable, arguments: Sequence[Any]) -> Any:
    """Load the threading layer, which tells how kernels are to be called from now on."""
    global call
    thread_count()
    call = _one_at_a_time if numba.threading_layer() == "workqueue" else _at_once
    return call(kernel, arguments)


def _at_once(kernel: Callable, arguments: Sequence[Any]) -> Any:
    return kernel(*arguments)


def _one_at_a_time(kernel: Callable, arguments: Sequence[Any]) -> Any:
    with _turn:
        return kernel(*arguments)


def _refuse(kernel: Callable, arguments: Sequence[Any]) -> Any:
    raise MinicnnError(
        "this process was forked after a network had run, and the threads of GNU OpenMP do not survive that; "
        'start processes with multiprocessing.get_context("spawn"), or fork before anything is computed'
    )


#: Calls a kernel in the way that the layer needs.
call: Callable[[Callable, Sequence[Any]], Any] = _load_first

_turn = threading.Lock()


def _after_fork() -> None:
    """In the new process: forget a turn that a thread had which is not here, and refuse kernels whose threads are not."""
    global call, _turn
    _turn = threading.Lock()
    if _gnu_openmp_is_loaded():
        call = _refuse


def _gnu_openmp_is_loaded() -> bool:
    try:
        if numba.threading_layer() != "omp":
            return False
    except ValueError:  # none is loaded
        return False
    return bool(import_module("numba.np.ufunc.omppool").openmp_vendor == "GNU")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
