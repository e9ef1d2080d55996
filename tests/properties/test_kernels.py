"""The kernels against their naive twins and their own transposes, for whatever geometry hypothesis thinks of."""

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minicnn import kernels
from minicnn.geometry import Window
from minicnn.kernels import Filters, im2col


@st.composite
def problems(draw, pooling=False):
    """Draw images, a window that fits them, a number of filters and a random generator."""
    batch, height, width, channels, filters = (draw(st.integers(1, n)) for n in (3, 9, 9, 4, 4))
    kernel_size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2))
    stride, dilation = draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), (1, 1)
    if pooling:
        padding = tuple(tuple(min(p, k - 1) for p in both) for both, k in zip(padding, kernel_size))
    else:
        dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    window = Window.of(kernel_size, stride, padding, dilation, ceil_mode=pooling and draw(st.booleans()))
    assume(height + sum(padding[0]) >= window.extent[0] and width + sum(padding[1]) >= window.extent[1])
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return generator.standard_normal((batch, height, width, channels)), window, filters, generator


@given(problems(), st.data())
@settings(deadline=None)
def test_convolution_and_its_transposes(problem, data):
    x, window, filters, generator = problem
    groups = data.draw(st.sampled_from([n for n in range(1, x.shape[3] + 1) if x.shape[3] % n == 0]))
    filters *= groups
    kernel = generator.standard_normal((*window.kernel_size, x.shape[3] // groups, filters))
    bias = generator.standard_normal(filters)
    output = kernels.convolve(x, Filters(kernel), bias, window)
    assert output == pytest.approx(naive.convolve(x, kernel, bias, window))
    gradient = generator.standard_normal(output.shape)
    product = pytest.approx(np.vdot(output - bias, gradient), abs=1e-9)
    assert np.vdot(x, kernels.convolve_backward(gradient, Filters(kernel), window, x.shape)) == product
    assert np.vdot(kernel, kernels.kernel_gradient(gradient, x, window, groups)) == product


@given(problems(), st.integers(1, 3000))
@settings(deadline=None, max_examples=30)
def test_convolution_in_blocks_is_the_same(problem, patch_bytes):
    x, window, filters, generator = problem
    kernel = generator.standard_normal((*window.kernel_size, x.shape[3], filters))
    gradient = generator.standard_normal((len(x), *window.output_size(*x.shape[1:3]), filters))

    def run():
        return (
            kernels.convolve(x, Filters(kernel), np.zeros(filters), window),
            kernels.convolve_backward(gradient, Filters(kernel), window, x.shape),
            kernels.kernel_gradient(gradient, x, window),
        )

    whole = run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(im2col, "PATCH_BYTES", patch_bytes)
        for block, expected in zip(run(), whole):
            assert block == pytest.approx(expected)


@given(problems(pooling=True))
@settings(deadline=None)
def test_max_pooling(problem):
    x, window, _, generator = problem
    output, winners = kernels.max_pool(x, window)
    assert np.array_equal(output, naive.max_pool(x, window))
    flat = x.reshape(len(x), -1, x.shape[3])
    for n in range(len(x)):
        for c in range(x.shape[3]):
            assert np.array_equal(flat[n, winners[n, ..., c], c], output[n, ..., c])
    gradient = generator.standard_normal(output.shape)
    x_gradient = kernels.max_pool_backward(gradient, winners, window, x.shape)
    assert np.vdot(x, x_gradient) == pytest.approx(np.vdot(output, gradient), abs=1e-9)  # linear while the winners stay
    assert x_gradient.sum() == pytest.approx(gradient.sum(), abs=1e-9)


@given(problems(pooling=True), st.booleans())
@settings(deadline=None)
def test_average_pooling(problem, include_padding):
    x, window, _, generator = problem
    output = kernels.average_pool(x, window, include_padding)
    assert output == pytest.approx(naive.average_pool(x, window, include_padding))
    gradient = generator.standard_normal(output.shape)
    x_gradient = kernels.average_pool_backward(gradient, window, x.shape, include_padding)
    assert np.vdot(x, x_gradient) == pytest.approx(np.vdot(output, gradient), abs=1e-9)


def test_of_equal_pixels_the_first_wins():
    _, winners = kernels.max_pool(np.ones((1, 4, 4, 1)), Window.of(2, 2))
    assert winners[0, ..., 0].tolist() == [[0, 2], [8, 10]]


@pytest.mark.parametrize("place", range(4))
def test_nan_wins_wherever_it_is(place):
    x = np.ones((1, 2, 2, 1))
    x.flat[place] = np.nan
    assert np.isnan(kernels.max_pool(x, Window.of(2, 2))[0]).all()


def test_arrays_need_not_be_contiguous(generator):
    x = generator.standard_normal((1, 3, 9, 8)).transpose(0, 3, 2, 1)[:, ::2]
    kernel = generator.standard_normal((3, 2, 3, 4))
    window = Window.of((3, 2))
    assert kernels.convolve(x, Filters(kernel), np.zeros(4), window) == pytest.approx(naive.convolve(x, kernel, np.zeros(4), window))
    assert np.array_equal(kernels.max_pool(x, window)[0], naive.max_pool(x, window))


def test_float32_is_as_exact_as_float32_can_be(generator):
    """The 1152 products of a VGG layer, summed in float32: a few units in the last place of the largest output."""
    x, kernel = generator.standard_normal((1, 12, 9, 128)), generator.standard_normal((3, 3, 128, 16))
    window = Window.of(3, 1, 1)
    single = im2col.convolve_im2col(x.astype(np.float32), kernel.astype(np.float32), np.zeros(16, np.float32), window)
    exact = im2col.convolve_im2col(x.astype(np.float32).astype(float), kernel.astype(np.float32).astype(float), np.zeros(16), window)
    assert single.dtype == np.float32
    assert np.abs(single - exact).max() < 2e-6 * np.abs(exact).max()
