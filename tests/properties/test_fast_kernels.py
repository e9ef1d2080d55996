"""The fast kernels against the definitions, in float64, for whatever geometry hypothesis thinks of."""

import gc
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llvmlite import binding
from threadpoolctl import threadpool_info

from minicnn import Network, kernels, use_algorithm
from minicnn.errors import UnknownNameError
from minicnn.geometry import Window
from minicnn.kernels import Filters, direct, direct_gradient, memory, tiles, winograd, winograd_gradient
from minicnn.kernels.choice import choose
from minicnn.kernels.im2col import (
    backward_im2col,
    convolve_im2col,
    kernel_gradient_im2col,
)
from minicnn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU


@st.composite
def problems(draw):
    """Draw float32 images, a 3x3 kernel, a bias, and a window of stride 1 that fits."""
    batch, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 40))
    height, width, padding = draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    assume(height + 2 * padding[0] >= 3 and width + 2 * padding[1] >= 3)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = generator.standard_normal((batch, height, width, channels), np.float32)
    kernel = generator.standard_normal((3, 3, channels, filters), np.float32)
    return x, kernel, generator.standard_normal(filters, np.float32), Window.of(3, 1, padding)


#: Of the largest sum of terms. Winograd's method also rounds what of a filter lies outside a small image, and takes it away again.
ROUNDING, WINOGRADS_ROUNDING = 1e-5, 4e-5


def close(found, exact, terms, rounding=ROUNDING):
    """Compare within rounding; `terms` is the same computation with absolute values, as sums may cancel."""
    assert found.dtype == np.float32 and found.shape == exact.shape
    return np.abs(found - exact).max() <= rounding * terms.max()


def exact_convolution(x, kernel, bias, window, rectify=False):
    """Convolve in float64; returns the result and the sums of its terms' sizes."""
    x, kernel, bias = x.astype(float), kernel.astype(float), bias.astype(float)
    return convolve_im2col(x, kernel, bias, window, rectify), convolve_im2col(abs(x), abs(kernel), abs(bias), window)


@given(problems(), st.booleans())
@settings(deadline=None)
def test_winograd_is_convolution(problem, rectify):
    x, kernel, bias, window = problem
    found = winograd.convolve_winograd(x, winograd.pack_kernel(kernel), bias, window, rectify)
    assert close(found, *exact_convolution(x, kernel, bias, window, rectify), rounding=WINOGRADS_ROUNDING)


@given(problems(), st.integers(1, 1_000_000), st.sampled_from([0, winograd.SHARED_BYTES]))
@settings(deadline=None, max_examples=30)
def test_winograd_in_blocks(problem, block_bytes, shared_bytes):
    """Few tiles at a time give the same, and filters that are shared out among the threads."""
    x, kernel, bias, window = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "OWN_BYTES", block_bytes)
        patch.setattr(winograd, "SHARED_BYTES", shared_bytes)
        found = winograd.convolve_winograd(x, winograd.pack_kernel(kernel), bias, window)
    assert close(found, *exact_convolution(x, kernel, bias, window), rounding=WINOGRADS_ROUNDING)


@given(problems())
@settings(deadline=None)
def test_winograd_backward(problem):
    x, kernel, bias, window = problem
    with use_algorithm("winograd"):
        output = kernels.convolve(x, Filters(kernel), bias, window)
        found = kernels.convolve_backward(output, Filters(kernel), window, x.shape)
    exact = backward_im2col(output.astype(float), kernel.astype(float), window, x.shape)
    assert close(
        found, exact, backward_im2col(abs(output).astype(float), abs(kernel).astype(float), window, x.shape), rounding=WINOGRADS_ROUNDING
    )


@st.composite
def windows(draw):
    """Draw float32 images, a kernel and a bias for any window that fits."""
    batch, channels, filters = (
        draw(st.integers(1, 2)),
        draw(st.sampled_from([1, 3, 9, 34])),
        draw(st.sampled_from([1, 5, 16, 31, 32, 33, 48, 70])),
    )
    sizes, kernel_size = draw(st.tuples(*[st.integers(1, 34)] * 2)), draw(st.tuples(*[st.integers(1, 5)] * 2))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * 2))
    stride, dilation = (draw(st.tuples(*[st.integers(1, 3)] * 2)) for _ in range(2))
    window = Window.of(kernel_size, stride, padding, dilation)
    assume(all(size + sum(edges) >= extent for size, edges, extent in zip(sizes, padding, window.extent)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = generator.standard_normal((batch, *sizes, channels), np.float32)
    kernel = generator.standard_normal((*kernel_size, channels, filters), np.float32)
    return x, kernel, generator.standard_normal(filters, np.float32), window


@given(windows(), st.booleans(), st.integers(1, 20_000))
@settings(deadline=None)
def test_direct(problem, rectify, copied_bytes):
    x, kernel, bias, window = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "COPIED_BYTES", copied_bytes)
        with use_algorithm("direct"):
            found = kernels.convolve(x, Filters(kernel), bias, window, rectify)
            assert close(found, *exact_convolution(x, kernel, bias, window, rectify))
            back = kernels.convolve_backward(found, Filters(kernel), window, x.shape)
        patch.setattr(direct_gradient, "COPIED_BYTES", copied_bytes)
        with use_algorithm("direct"):
            gradient = kernels.kernel_gradient(found, x, window)
    exact = backward_im2col(found.astype(float), kernel.astype(float), window, x.shape)
    assert close(back, exact, backward_im2col(abs(found).astype(float), abs(kernel).astype(float), window, x.shape))
    exact = kernel_gradient_im2col(found.astype(float), x.astype(float), kernel.shape, window)
    assert close(gradient, exact, kernel_gradient_im2col(abs(found).astype(float), abs(x).astype(float), kernel.shape, window))


@given(windows(), st.sampled_from([1, 3, 32, 40]), st.booleans())
@settings(deadline=None)
def test_depthwise(problem, channels, rectify):
    x, kernel, bias, window = problem
    x, kernel, bias = (np.resize(array, (*array.shape[:-1], channels)) for array in (x, kernel[:, :, :1], bias))
    found = kernels.convolve(x, Filters(kernel), bias, window, rectify)
    assert close(found, *exact_convolution(x, kernel, bias, window, rectify))
    back = kernels.convolve_backward(found, Filters(kernel), window, x.shape)
    exact = backward_im2col(found.astype(float), kernel.astype(float), window, x.shape)
    assert close(back, exact, backward_im2col(abs(found).astype(float), abs(kernel).astype(float), window, x.shape))
    gradient = kernels.kernel_gradient(found, x, window, channels)
    exact = kernel_gradient_im2col(found.astype(float), x.astype(float), kernel.shape, window)
    assert close(gradient, exact, kernel_gradient_im2col(abs(found).astype(float), abs(x).astype(float), kernel.shape, window))


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("size, kernel_size, stride, padding", [((1, 1), 3, 2, 1), ((1, 1), 1, 2, 0), ((2, 1), 3, 2, 1), ((5, 4), 3, 1, 0)])
@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd"])
def test_small_maps_and_empty_batches(batch, size, kernel_size, stride, padding, algorithm, generator):
    window = Window.of(kernel_size, stride, padding)
    x = generator.standard_normal((batch, *size, 16), np.float32)
    kernel = generator.standard_normal((kernel_size, kernel_size, 16, 48), np.float32)
    exact = convolve_im2col(x.astype(float), kernel.astype(float), np.zeros(48), window)
    with use_algorithm(algorithm):
        output = kernels.convolve(x, Filters(kernel), np.zeros(48, np.float32), window)
        back = kernels.convolve_backward(output, Filters(kernel), window, x.shape)
        filters = kernels.kernel_gradient(output, x, window)
    assert output == pytest.approx(exact, abs=1e-4)
    assert back == pytest.approx(backward_im2col(exact, kernel.astype(float), window, x.shape), abs=2e-2)
    assert filters == pytest.approx(kernel_gradient_im2col(exact, x.astype(float), kernel.shape, window), abs=2e-2)


def test_a_bias_with_gaps(generator):
    """Not all arrays lie side by side in memory."""
    x, kernel = generator.standard_normal((1, 16, 16, 64), np.float32), generator.standard_normal((3, 3, 1, 64), np.float32)
    bias = np.arange(128, dtype=np.float32)[::2]
    found = kernels.convolve(x, Filters(kernel), bias, Window.of(3, 1, 1))
    assert found == pytest.approx(kernels.convolve(x, Filters(kernel), bias.copy(), Window.of(3, 1, 1)))


def test_one_bank_of_filters_with_two_windows(generator):
    """As a layer has them, with its padding and without."""
    for channels, groups in ((40, 40), (3, 1)):
        x = generator.standard_normal((1, 20, 24, channels), np.float32)
        kernel = generator.standard_normal((3, 3, channels // groups, 40), np.float32)
        filters, bias = Filters(kernel), np.zeros(40, np.float32)
        for window in (Window.of(3, 2, 1), Window.of(3, 2), Window.of(3, 2, 1)):
            assert kernels.convolve(x, filters, bias, window) == pytest.approx(convolve_im2col(x, kernel, bias, window), abs=1e-4)


@pytest.mark.parametrize("rectify", [False, True])
def test_nan_stays(rectify, generator):
    """A NaN in the image must not become a 0."""
    for channels, groups, window in [(3, 1, Window.of(3, 2, 1)), (3, 1, Window.of(3, 1, 1)), (40, 40, Window.of(3, 1, 1))]:
        x = generator.standard_normal((1, 20, 20, channels), np.float32)
        x[0, 10, 10] = np.nan
        kernel = generator.standard_normal((3, 3, channels // groups, 40), np.float32)
        output = kernels.convolve(x, Filters(kernel), np.zeros(40, np.float32), window, rectify)
        assert np.isnan(output[0, 10 // window.stride[0], 10 // window.stride[1]]).all()


@given(problems(), st.integers(1, 100_000), st.sampled_from([0, winograd_gradient.OWN_SUMS_BYTES]))
@settings(deadline=None)
def test_kernel_gradient(problem, block_bytes, own_sums_bytes):
    x, kernel, bias, window = problem
    gradient = convolve_im2col(x, kernel, bias, window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd_gradient, "OWN_BYTES", block_bytes)
        patch.setattr(winograd_gradient, "OWN_SUMS_BYTES", own_sums_bytes)
        with use_algorithm("winograd"):
            found = kernels.kernel_gradient(gradient, x, window)
    exact = kernel_gradient_im2col(gradient.astype(float), x.astype(float), kernel.shape, window)
    assert close(found, exact, kernel_gradient_im2col(abs(gradient).astype(float), abs(x).astype(float), kernel.shape, window))


def test_the_one_dimensional_transforms_are_the_written_matrices(generator):
    """y = A^T [(G g) * (B^T d)], with the code's B, G and A read off unit vectors."""
    results, output = (np.array(line.py_func(*np.eye(6))) for line in (tiles.input_line, tiles.output_line))
    filters = np.array(tiles.filter_line.py_func(*np.eye(3)))
    assert filters == pytest.approx(winograd_gradient.G, abs=1e-7)
    d, g = generator.standard_normal(6), generator.standard_normal(3)
    y = output @ ((filters @ g) * (results @ d))
    assert y == pytest.approx(np.correlate(d, g, "valid"))


def test_nan_is_not_swallowed(generator):
    x = generator.standard_normal((1, 8, 8, 4), np.float32)
    x[0, 3, 3, 0] = np.nan
    kernel = np.ones((3, 3, 4, 4), np.float32)
    for name in kernels.ALGORITHMS:
        with use_algorithm(name):
            output = kernels.convolve(x, Filters(kernel), np.zeros(4, np.float32), Window.of(3, 1, 1), rectify=True)
        assert np.isnan(output[0, 3, 3]).all()
    assert np.isnan(kernels.relu(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_the_choice_of_algorithm():
    vgg = (3, 3, 512, 512)
    one, stride = Window.of(3, 1, 1), Window.of(3, 2, 1)
    assert choose((1, 28, 28, 512), np.float32, vgg, one) == "winograd"
    assert choose((1, 14, 14, 512), np.float32, vgg, one) == "winograd"
    assert choose((16, 14, 14, 512), np.float32, vgg, one) == "winograd"
    assert choose((1, 28, 28, 512), np.float64, vgg, one) == "im2col"
    assert choose((1, 28, 28, 512), np.float32, vgg, stride) == "direct"
    assert choose((1, 28, 28, 512), np.float64, vgg, stride) == "im2col"
    assert choose((1, 28, 28, 512), np.float32, (5, 5, 512, 512), Window.of(5)) == "direct"
    assert choose((1, 28, 28, 512), np.float32, vgg, Window.of(3, 1, 1, dilation=2)) == "direct"
    assert choose((1, 224, 224, 3), np.float32, (3, 3, 3, 64), one) == "direct"
    assert choose((1, 28, 28, 512), np.float32, vgg, Window.of(3, 1, ((0, 1), (1, 0)))) == "winograd"
    assert choose((1, 28, 28, 512), np.float32, (3, 3, 256, 512), one) == "im2col"
    assert choose((1, 28, 28, 512), np.float64, (3, 3, 1, 512), stride) == "depthwise"
    with use_algorithm("winograd"):
        assert choose((1, 28, 28, 512), np.float32, vgg, one) == "winograd"
        assert choose((1, 28, 28, 512), np.float32, vgg, stride) == "im2col"
    with use_algorithm("im2col"):
        assert choose((1, 28, 28, 512), np.float32, vgg, one) == "im2col"
        assert choose((1, 28, 28, 512), np.float32, (3, 3, 1, 512), one) == "im2col"
    with use_algorithm("direct"):
        assert choose((1, 28, 28, 512), np.float32, vgg, one) == "direct"
        assert choose((1, 28, 28, 512), np.float32, (3, 3, 1, 512), one) == "depthwise"
    assert choose((1, 28, 28, 512), np.float32, vgg, one) == "winograd"
    with pytest.raises(UnknownNameError, match="'fft'.* auto, im2col, direct, depthwise, winograd"), use_algorithm("fft"):
        pass


def test_fused_steps_equal_the_plain_loop(generator):
    weight, bias = generator.standard_normal((3, 3, 8, 8), np.float32), generator.standard_normal(8, np.float32)
    conv = Conv2D(weight, bias, padding=1)
    network = Network({"a": conv, "b": ReLU(), "c": conv, "d": MaxPool2D(2), "e": ReLU(), "f": conv, "g": conv, "h": ReLU()})
    x = generator.standard_normal((2, 12, 10, 8), np.float32)
    for name in kernels.ALGORITHMS:
        with use_algorithm(name):
            assert np.array_equal(network(x), network.trace(x).result)
    assert len(network._steps) == 6


@given(st.integers(1, 20), st.integers(1, 600), st.integers(1, 600), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_dense(rows, inputs, outputs, seed):
    generator = np.random.default_rng(seed)
    x = np.maximum(generator.standard_normal((rows, inputs), np.float32), 0)
    weight, bias = generator.standard_normal((inputs, outputs), np.float32), generator.standard_normal(outputs, np.float32)
    exact = x.astype(float) @ weight + bias
    rounding = 1e-6 * float((x @ np.abs(weight) + np.abs(bias)).max())  # a sum may be small because large terms cancel
    assert kernels.dense(x, weight, bias) == pytest.approx(exact, abs=rounding)
    exact = bias.astype(float) @ weight.T
    gradient = np.tile(bias, (rows, 1))
    rounding = 1e-6 * float((np.abs(bias) @ np.abs(weight.T)).max())
    assert kernels.dense_backward(gradient, weight) == pytest.approx(np.tile(exact, (rows, 1)), abs=rounding)


def test_memory_is_not_handed_out_while_anybody_looks_at_it():
    memory._unused.clear()
    shape = (memory.SMALL // 4 + 1, 3)
    array = memory.empty(shape, np.float32)
    address = array.ctypes.data
    assert address % memory.CACHE_LINE == 0
    view = array[5:, 1]
    del array
    gc.collect()
    other = memory.empty(shape, np.float32)
    assert not np.shares_memory(other, view)
    del view
    gc.collect()
    again = memory.empty(shape, np.float32)
    assert again.ctypes.data == address


def test_memory_given_back_in_the_midst_of_taking_some_does_no_harm():
    """The garbage collector may run anywhere, and find arrays in cycles."""

    class Cycle:
        pass

    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(50):
            cycle = Cycle()
            cycle.itself, cycle.array = cycle, memory.empty((memory.SMALL,), np.float32)
            del cycle
    finally:
        gc.set_threshold(*threshold)


def test_blas_gets_its_threads_back():
    threads = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    a = np.ones((64, 64))
    with ThreadPoolExecutor(4) as pool:
        assert all((product == 64).all() for product in pool.map(lambda _: kernels.matrix_product(a, a), range(500)))
    assert [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"] == threads


def test_parameters_cannot_be_changed_behind_the_layers_back(generator):
    layer = Conv2D(generator.standard_normal((3, 3, 2, 4)), np.zeros(4))
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0] = 0
    network = Network({"a": layer})
    changed = network.with_parameters({"a": {"weight": 2 * layer.weight}})
    x = generator.standard_normal((1, 5, 5, 2))
    assert changed(x) == pytest.approx(2 * network(x))
    again = pickle.loads(pickle.dumps(network.layers["a"]))
    assert np.array_equal(again.forward(x)[0], network(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_empty_batch(dtype):
    conv = Conv2D(np.ones((3, 3, 2, 4), dtype), np.zeros(4, dtype), padding=1)
    network = Network({"a": conv, "b": ReLU(), "c": MaxPool2D(2), "d": Flatten(), "e": Dense(np.ones((36, 5), dtype), np.ones(5, dtype))})
    assert network(np.zeros((0, 6, 6, 2), dtype)).shape == (0, 5)


@pytest.mark.parametrize("dtype", [np.float16, ">f4"])
def test_other_types_take_the_definition(generator, dtype):
    x = generator.standard_normal((1, 6, 6, 4)).astype(np.float32)
    kernel, bias = generator.standard_normal((3, 3, 4, 4)).astype(dtype), np.zeros(4, dtype)
    found = kernels.convolve(x, Filters(kernel), bias, Window.of(3))
    assert found == pytest.approx(
        convolve_im2col(x.astype(float), kernel.astype(float), bias.astype(float), Window.of(3)), rel=1e-3, abs=1e-4
    )


def test_kept_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEPT", 3 * memory.SMALL)
    for _ in range(3):
        arrays = [memory.empty((memory.SMALL * 5 // 16,), np.float32) for _ in range(8)]
        del arrays
    assert sum(kept.nbytes for _, kept in memory._unused) <= 3 * memory.SMALL


def test_memory_that_nobody_needs_is_let_go():
    memory._unused.clear()
    large = memory.empty((8 * memory.SMALL,), np.uint8)
    del large
    for _ in range(memory.PATIENCE + 2):
        small = memory.empty((memory.SMALL,), np.uint8)
        del small
    assert [kept.nbytes for _, kept in memory._unused] == [memory.SMALL]


def test_memory_is_let_go_when_nothing_happens(monkeypatch):
    array = memory.empty((memory.SMALL,), np.uint8)
    del array
    memory.free_if_idle()
    assert memory._unused
    monkeypatch.setattr(memory, "IDLE_SECONDS", 0)
    memory.free_if_idle()
    assert not memory._unused


@pytest.mark.skipif(not binding.get_host_cpu_features().get("avx2"), reason="the processor has no AVX2")
def test_a_processor_without_wide_vectors():
    """What AVX2 computes, with fewer and shorter rows of sums, is the definition too; numba is told to compile for such a processor."""
    program = """if True:
        import numpy as np, minicnn
        from minicnn.kernels import Filters, convolve, convolve_backward, kernel_gradient, vectors
        from minicnn.geometry import Window
        assert not vectors.WIDE
        generator = np.random.default_rng(0)
        for channels, groups, filters, stride in [(19, 1, 21, 1), (3, 1, 40, 2), (24, 24, 24, 1), (24, 24, 24, 2)]:
            x = generator.standard_normal((2, 13, 15, channels), np.float32)
            kernel = generator.standard_normal((3, 3, channels // groups, filters), np.float32)
            window, bias = Window.of(3, stride, 1), generator.standard_normal(filters, np.float32)
            found = []
            for kind in (np.float32, np.float64):
                output = convolve(x.astype(kind), Filters(kernel.astype(kind)), bias.astype(kind), window, rectify=True)
                gradient = generator.standard_normal(output.shape).astype(np.float32) if kind is np.float32 else gradient
                back = convolve_backward(gradient.astype(kind), Filters(kernel.astype(kind)), window, x.shape)
                found.append((output, back, kernel_gradient(gradient.astype(kind), x.astype(kind), window, groups)))
            for fast, exact in zip(*found):
                assert np.abs(fast - exact).max() <= 1e-5 * np.abs(exact).max()
    """
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell"}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
