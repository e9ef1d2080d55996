"""Compiled kernels on disk: files that are damaged, and folders that cannot be written."""

import contextlib
import resource
import runpy

import numba
import numpy as np
import pytest
from numba.core import event

KERNEL = """
from numba import prange
from minicnn.kernels.jit import jit

@jit
def double(x):
    for i in prange(x.size):
        x[i] *= 2
"""


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Define the kernel as a new process does, with a cache folder of its own, and run it; tells whether it was compiled."""
    (tmp_path / "my_kernel.py").write_text(KERNEL)

    def run(cache=tmp_path / "cache"):
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(cache))
        double = runpy.run_path(str(tmp_path / "my_kernel.py"))["double"]
        x = np.ones(5)
        with event.install_recorder("numba:compile") as recorder:
            double(x)
        assert x.tolist() == [2.0] * 5
        return len(recorder.buffer) > 0

    return run


@contextlib.contextmanager
def full_disk():
    """Let no file grow beyond some bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def files(folder):
    """The index and the machine code of the kernel."""
    (index,), (code,) = folder.glob("cache/*/*.nbi"), folder.glob("cache/*/*.nbc")
    return {"index": index, "code": code}


@pytest.mark.parametrize("which", ["index", "code"])
@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[: len(content) // 2], lambda content: b"\x93garbage" * 40])
def test_a_damaged_file_is_written_anew(use, tmp_path, which, damage):
    assert use() and not use()
    file = files(tmp_path)[which]
    content = file.read_bytes()
    file.write_bytes(damage(content))
    assert use() and not use()
    assert len(file.read_bytes()) > 0.9 * len(content)


def test_without_a_place_for_the_cache(use, monkeypatch):
    class Nowhere:
        def __init__(self, function):
            raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr("minicnn.kernels.jit._Cache", Nowhere)
    assert use() and use()


def test_a_full_disk(use, tmp_path):
    with full_disk():
        assert use() and use()
    assert not list(tmp_path.glob("cache/*/*")) and use() and not use()


@pytest.mark.parametrize("which", ["index", "code"])
def test_a_damaged_file_on_a_full_disk(use, tmp_path, which):
    use()
    files(tmp_path)[which].write_bytes(b"")
    with full_disk():
        assert use() and use()
    assert use() and not use()
