"""Computing again only what changed, against computing everything again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn import Network, he_initialized
from minicnn.geometry import output_size, reach
from minicnn.layers import (
    AveragePool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
)
from minicnn.network.incremental import Incremental

windows = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2))


@given(st.integers(1, 30), windows, st.data())
def test_reach_is_what_counting_says(size, window, data):
    kernel_size, stride, padding = window
    if size + 2 * padding < kernel_size:
        return
    outputs = output_size(size, kernel_size, stride, padding)
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    changed = set(range(start, stop))
    seeing = [o for o in range(outputs) if changed & set(range(o * stride - padding, o * stride - padding + kernel_size))]
    first, last = reach(start, stop, outputs, kernel_size, stride, padding)
    assert 0 <= first < last <= outputs
    assert set(seeing) <= set(range(first, last))
    if seeing:
        assert (first, last) == (seeing[0], seeing[-1] + 1)


@st.composite
def networks(draw):
    layers, channels = {}, 2
    for i in range(draw(st.integers(1, 4))):
        kernel_size, stride, padding = (
            draw(st.tuples(st.integers(low, high), st.integers(low, high))) for low, high in ((1, 4), (1, 3), (0, 1))
        )
        kind = draw(st.sampled_from(["conv", "relu", "max", "average", "dropout"]))
        if kind == "conv":
            filters = draw(st.integers(1, 3))
            layers[f"conv{i}"] = Conv2D(np.zeros((*kernel_size, channels, filters)), np.zeros(filters), stride, padding)
            channels = filters
        elif kind == "relu":
            layers[f"relu{i}"] = ReLU()
        elif kind == "dropout":
            layers[f"drop{i}"] = Dropout(0.5)
        else:
            padding = tuple(min(p, k - 1) for p, k in zip(padding, kernel_size))
            layers[f"pool{i}"] = (MaxPool2D if kind == "max" else AveragePool2D)(kernel_size, stride, padding)
    end = draw(st.sampled_from(["image", "gap", "flatten"]))
    return layers, channels, end


@settings(deadline=None, max_examples=150)
@given(networks(), st.integers(8, 20), st.integers(8, 20), st.data())
def test_any_network_gives_what_the_whole_computation_gives(parts, height, width, data):
    layers, channels, end = parts
    generator = np.random.default_rng(data.draw(st.integers(0, 100)))
    try:
        *_, shape = Network(layers).shapes((height, width, 2)).values()
    except ValueError:
        return  # the image got too small
    if end == "gap":
        layers["gap"], shape = GlobalAveragePool2D(), (channels,)
    elif end == "flatten":
        layers["flatten"], shape = Flatten(), (int(np.prod(shape)),)
    if end != "image":
        layers["fc"] = Dense(np.zeros((shape[0], 3)), np.zeros(3))
    network = he_initialized(Network(layers), seed=1).astype(np.float64)
    x = generator.standard_normal((1, height, width, 2))
    h, w = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    places = np.array([[generator.integers(0, height - h + 1), generator.integers(0, width - w + 1)] for _ in range(3)])
    changes = generator.standard_normal((3, h, w, 2))
    whole = np.repeat(x, 3, axis=0)
    for image, change, (top, left) in zip(whole, changes, places):
        image[top : top + h, left : left + w] = change
    before = x.copy()
    assert Incremental(network.trace(x))(changes, places) == pytest.approx(network(whole), rel=1e-9, abs=1e-12)
    assert np.array_equal(x, before)


def test_it_computes_less():
    """Of a large image with a small patch, only a small part goes through the convolution."""
    sizes = []

    class Counted(Conv2D):
        def forward_unpadded(self, x):
            sizes.append(x.shape[1:3])
            return super().forward_unpadded(x)

    layer = Counted(np.ones((3, 3, 1, 1), np.float32), np.zeros(1, np.float32), padding=1)
    network = Network({"a": layer, "b": layer})
    trace = network.trace(np.zeros((1, 100, 100, 1), np.float32))
    Incremental(trace)(np.ones((2, 4, 4, 1), np.float32), np.array([[0, 0], [50, 60]]))
    assert sizes == [(8, 8), (10, 10)]
