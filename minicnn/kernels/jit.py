"""One way to compile: on first use, in parallel, kept on disk where that is possible."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable

import numba
from numba.core import event
from numba.core.caching import FunctionCache

from minicnn.kernels import threads
from minicnn.notebook import in_notebook

#: After its part of a kernel, a thread of GNU OpenMP waits for the others in a busy loop, by default for milliseconds. Where another
#: program needs the processor, that keeps the very thread from running that is waited for: a forward pass took 2 s instead of 0.06 s
#: (two cores, one of them busy). With a shorter loop it takes 0.18 s, and nothing is lost on a quiet machine. OpenMP reads this when
#: the first kernel runs; a setting of the user's own stays.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")


def jit(function: Callable) -> Callable:
    """Compile a kernel with numba when it is first called.

    The machine code is cached beside the source, or, if that folder is read-only, in numba's cache folder of the user. Where neither
    can be written the kernel still works and is compiled anew in each process.

    numba renews a cached kernel when the kernel's own file changes, not when another file changes from which it compiles something in,
    such as `vectors`. After editing those, delete the folders ``__pycache__`` here.

    How kernels are called from several threads, and in forked processes, is told in `threads`.

    Parameters
    ----------
    function : callable
        A function that uses only what numba can compile.

    Returns
    -------
    callable
        It takes arguments by position only; ``.__wrapped__`` is the original.
    """
    return _compile(function)


def jit_reordering_sums(function: Callable) -> Callable:
    """Compile a kernel like `jit`, but let the compiler add up in another order: many sums side by side, which are joined at the end."""
    return _compile(function, fastmath={"reassoc", "contract"})


def _compile(function: Callable, **options) -> Callable:
    compiled = numba.njit(parallel=True, **options)(function)
    with contextlib.suppress(RuntimeError):  # numba found no folder that it may write to
        compiled._cache = _Cache(function)

    @functools.wraps(function)
    def kernel(*arguments):
        return threads.call(compiled, arguments)

    return kernel


class _Cache(FunctionCache):
    """numba's cache, to which a damaged file is one that is not there, and a full disk no reason to stop.

    What cannot be read is compiled anew and written again; what cannot be written is compiled anew in each process.
    """

    def load_overload(self, signature, target_context):
        try:
            return super().load_overload(signature, target_context)
        except Exception:  # whatever pickle makes of such a file
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature, data):
        with contextlib.suppress(Exception):
            super().save_overload(signature, data)


#: What is said before the first wait for the compiler.
COMPILING = "compiling kernels for this machine, each when it is first needed; this is done once ..."


class _FirstCompilation(event.Listener):
    """Calls back when numba compiles a kernel for the first time; loading from the cache, and functions of others, do not count."""

    def __init__(self, callback: Callable[[str], object]):
        self.callback = callback
        self.called = False

    def on_start(self, event):
        if not self.called and event.data["dispatcher"].py_func.__module__.startswith(__package__):
            self.called = True
            self.callback(COMPILING)

    def on_end(self, event):
        pass


def announce_compilation(callback: Callable[[str], object]) -> None:
    """Have a function called with `COMPILING`, once, if this process must compile a kernel because the cache does not hold it."""
    event.register("numba:compile", _FirstCompilation(callback))


if in_notebook():  # the command line says so itself, and a program may
    announce_compilation(lambda text: print(text, file=sys.stderr))


def part(function: Callable) -> Callable:
    """Compile a part of several kernels, which they call."""
    return numba.njit(function)


def inlined(function: Callable) -> Callable:
    """Compile a part of a kernel into each kernel that calls it."""
    return numba.njit(inline="always")(function)
