"""Kernels in several threads and in forked processes, with each of numba's threading layers that is always there."""

import os
import subprocess
import sys

import pytest

from minicnn.errors import MinicnnError
from minicnn.kernels import threads

SETUP = """
import os, sys, threading
import numpy as np
import numba
from minicnn.errors import MinicnnError
from minicnn.layers import Conv2D, Dense, GlobalAveragePool2D, ReLU
from minicnn import Network

generator = np.random.default_rng(0)
network = Network({
    "conv": Conv2D(generator.standard_normal((3, 3, 3, 8)).astype(np.float32), np.zeros(8, np.float32), padding=1), "relu": ReLU(),
    "gap": GlobalAveragePool2D(), "fc": Dense(generator.standard_normal((8, 5)).astype(np.float32), np.zeros(5, np.float32)),
})
images = generator.standard_normal((8, 1, 24, 24, 3)).astype(np.float32)

def forked(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(9)  # unless the work has ended the process before
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def same():
    os._exit(0 if np.array_equal(network(images[0]), expected) else 1)

def refused():
    try:
        network(images[0])
    except MinicnnError as error:
        os._exit(0 if 'multiprocessing.get_context("spawn")' in str(error) else 1)
"""


def run(code, **environment):
    """Run code after the setup in a process of its own; what hangs is ended."""
    process = subprocess.run(
        [sys.executable, "-c", SETUP + code],
        env={**os.environ, "NUMBA_NUM_THREADS": "2", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize("layer", ["workqueue", "default"])
def test_many_threads_compute_what_one_does(layer):
    code = """
alone = [network(x) for x in images]
found = [[] for _ in range(4)]
def work(mine):
    for _ in range(20):
        mine.append([network(x) for x in images])
workers = [threading.Thread(target=work, args=(mine,)) for mine in found]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
assert all(len(mine) == 20 and np.array_equal(each, alone) for mine in found for each in mine)
print(numba.threading_layer())
"""
    assert layer in (run(code, NUMBA_THREADING_LAYER=layer).strip(), "default")


@pytest.mark.parametrize("layer", ["workqueue", "default"])
def test_the_first_call_may_come_from_many_threads(layer):
    code = """
found = [None] * 4
def work(i):
    found[i] = network(images[0])
workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
assert all(np.array_equal(each, network(images[0])) for each in found)
"""
    run(code, NUMBA_THREADING_LAYER=layer)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@needs_fork
def test_a_fork_after_a_kernel_has_run():
    """With GNU OpenMP an error says what to do, in the children's children too; with others it works."""
    code = """
expected = network(images[0])
works = not threads_of_gnu()
assert forked(same if works else refused) == 0
assert forked(lambda: os._exit(forked(same if works else refused))) == 0
assert np.array_equal(network(images[0]), expected)  # here all goes on
"""
    run("from minicnn.kernels.threads import _gnu_openmp_is_loaded as threads_of_gnu\n" + code)


@needs_fork
def test_a_pool_of_forked_processes_ends_with_the_error():
    code = """
import multiprocessing
def compute(i):
    return network(images[i])
compute(0)
try:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(compute, range(8))
except MinicnnError as error:
    assert "forked" in str(error)
else:
    from minicnn.kernels.threads import _gnu_openmp_is_loaded
    assert not _gnu_openmp_is_loaded()
"""
    run(code)


@needs_fork
def test_a_fork_before_any_kernel_has_run():
    code = """
assert forked(lambda: os._exit(network(images[0]).shape != (1, 5))) == 0
expected = network(images[0])
"""
    run(code)


@needs_fork
def test_a_fork_with_workqueue_while_another_thread_computes():
    code = """
expected = network(images[0])
end = threading.Event()
def work():
    while not end.is_set():
        network(images[0])
worker = threading.Thread(target=work)
worker.start()
codes = [forked(same) for _ in range(10)]
end.set()
worker.join()
assert codes == [0] * 10, codes
"""
    run(code, NUMBA_THREADING_LAYER="workqueue")


def test_no_such_layer(monkeypatch):
    def missing():
        raise ValueError("The threading layer requested 'magic' is unknown to Numba.")

    monkeypatch.setattr("numba.get_num_threads", missing)
    with pytest.raises(MinicnnError, match="'magic' is unknown.*; unset NUMBA_THREADING_LAYER"):
        threads.thread_count()
