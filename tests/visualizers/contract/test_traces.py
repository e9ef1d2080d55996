"""A photo is run forward once: by one method, by several that share its trace, by the report."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import ImageError
from minicnn.network.network import Network
from minicnn.report import write_report
from minicnn.visualizers import REGISTRY

#: Methods that need nothing but one forward pass of the photo itself.
ONE_PASS = [
    "saliency",
    "gradient-x-input",
    "guided-backprop",
    "deconvnet",
    "lrp",
    "grad-cam",
    "grad-cam++",
    "layer-cam",
    "guided-grad-cam",
    "window",
    "layers",
    "channels",
]


@pytest.fixture
def passes(monkeypatch):
    """The images that went forward through a network, or a part of one."""
    seen = []

    def counted(run):
        def counting(network, x, *rest):
            seen.append(len(x))
            return run(network, x, *rest)

        return counting

    monkeypatch.setattr(Network, "trace", counted(Network.trace))
    monkeypatch.setattr(Network, "__call__", counted(Network.__call__))
    return seen


@pytest.mark.parametrize("name", ONE_PASS)
def test_one_pass_for_a_photo_and_none_for_a_trace(name, small_model, x, passes):
    model = minicnn.Model(small_model.network.astype(np.float64))
    fresh = REGISTRY[name].function(model, x, prepared=True)
    assert passes == [1]
    trace = model.network.trace(x)
    passes.clear()
    found = REGISTRY[name].function(model, trace)
    assert not passes
    assert all(np.array_equal(a, b) for a, b in zip(found.arrays.values(), fresh.arrays.values(), strict=True))
    assert found.text == fresh.text and found.title == fresh.title and found.source == fresh.source


def test_a_pass_ends_at_the_layer_that_is_shown(small_model, x, monkeypatch):
    lengths = []
    trace = Network.trace
    monkeypatch.setattr(Network, "trace", lambda network, x: lengths.append(list(network.layers)[-1]) or trace(network, x))
    minicnn.channels(small_model.network.astype(np.float64), x, layer="relu1", prepared=True)
    assert lengths == ["relu1"]


def test_occlusion_uses_the_trace_of_the_whole_photo(small_model, x, passes):
    """Besides it, only the layers above the last image are run again, on batches of hidden photos."""
    trace = small_model.network.astype(np.float64).trace(x)
    passes.clear()
    minicnn.occlusion(trace.network, trace, patch=20, batch_size=3)
    assert 1 not in passes[:-1]


def test_sanity_and_compare_run_each_network_once(small_model, x, passes):
    network = small_model.network.astype(np.float64)
    minicnn.sanity(network, x, methods=["saliency", "grad-cam", "lrp"], steps=2, prepared=True)
    assert passes == [1, 1, 1]  # with the trained weights, and after each step
    passes.clear()
    minicnn.compare(network, x, methods=["saliency", "grad-cam", "lrp"], steps=2, prepared=True, batch_size=3)
    assert passes[0] == 1 and 1 not in passes[1:]  # the photo; and batches of photos with holes


def test_a_report_runs_the_photo_once(small_model, panda, tmp_path, passes):
    write_report(small_model, panda, tmp_path / "page", only=ONE_PASS, size=(30, 46))
    assert passes == [1]


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_takes_a_trace(name, small_model, panda):
    entry = REGISTRY[name]
    if not entry.takes_photo or entry.missing_extra:
        pytest.skip("looks at no photo, or cannot run here")
    whole = entry.whole is not None
    prepared = small_model.prepare(panda, (30, 46), whole=whole)
    options = {"steps": 2} if "steps" in entry.parameters else {}
    if entry.second_photo:
        options[entry.second_photo] = prepared
    results = [
        entry.function(small_model, **{entry.photo_name: given}, prepared=True, **options)
        for given in (prepared, small_model.network.trace(prepared))
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*(result.arrays.values() for result in results), strict=True))
    assert results[0].source == results[1].source


def test_what_is_wrong_with_a_trace(small_model, x):
    network = small_model.network.astype(np.float64)
    trace = network.trace(x)
    with pytest.raises(ImageError, match=r"saliency got a trace of another network; expected .*model.network.trace"):
        minicnn.saliency(small_model, trace)
    with pytest.raises(ImageError, match="trace of another network"):
        minicnn.compare(small_model, trace)
    with pytest.raises(ImageError, match="got size=32 and a trace"):
        minicnn.saliency(network, trace, size=32)


def test_results_do_not_share_their_numbers_with_the_trace(small_model, x):
    """Who changes a result changes no other."""
    model = minicnn.Model(small_model.network.astype(np.float64))
    trace = model.network.trace(x)
    before = minicnn.saliency(model, trace).values.copy()
    for name in ONE_PASS:
        for array in REGISTRY[name].function(model, trace).arrays.values():
            array *= 0
    assert np.array_equal(minicnn.saliency(model, trace).values, before) and trace.input.any()
