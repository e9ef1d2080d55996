"""The methods on networks that are not a line: residual, concatenating, gated."""

import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError
from minicnn.layers import ReLU
from minicnn.models.descriptions import read_description, write_description
from minicnn.network.relevance import rule_book
from minicnn.pictures.photos import PREPROCESSING
from minicnn.visualizers import REGISTRY

sys.path.insert(0, str(Path(__file__).parents[1] / "network"))
from test_graphs import GRAPHS

SIZES = {"residual": (24, 28), "dense": (6, 8), "gated": (24, 28), "depthwise": (24, 28)}

#: Fewer steps and samples, where a method has them.
QUICK = {"steps": 2, "samples": 2}


@pytest.fixture(params=GRAPHS)
def model(request):
    network = minicnn.folded(minicnn.he_initialized(minicnn.Network(GRAPHS[request.param]), seed=2))
    random = np.random.default_rng(1)  # without biases, ReLUs of dark places are at their kink
    biases = {name: {"bias": 0.1 * random.standard_normal(arrays["bias"].shape)} for name, arrays in network.parameters.items()}
    network = network.with_parameters(biases).astype(np.float32)
    return minicnn.Model(network, request.param, PREPROCESSING["torch"], list("abcde"), SIZES[request.param])


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method(name, model, panda):
    entry = REGISTRY[name]
    if entry.missing_extra:
        pytest.skip("cannot run here")
    arguments = {option: value for option, value in QUICK.items() if option in entry.parameters}
    arguments |= {parameter: panda for parameter in entry.photo_parameters if entry.parameters[parameter].required}
    arguments |= {"target": 1} if name == "class-model" else {}
    refused = (("receptive-field", "gated"), ("sanity", "dense"), ("grad-cam++", "depthwise"))
    if (name, model.name) in refused:  # a gate sees all; 6 x 8 pixels are too few; SiLU goes below 0
        with pytest.raises(MinicnnError, match="sees the whole photo|too small|expected a layer after a ReLU"):
            entry.function(model, **arguments)
        return
    result = entry.function(model, **arguments)
    assert all(np.isfinite(array).all() for array in result.arrays.values() if array.dtype.kind == "f")


def test_default_layers(model):
    """All of the answer passes through the layer that class activation maps look at."""
    expected = {"residual": "add2", "dense": "relu2", "gated": "conv2", "depthwise": "relu3"}[model.name]
    assert model.network.last_convolution == expected and expected in model.network.separators


def test_class_activation_maps_take_the_whole_gradient(model, panda):
    """Of the residual network's layer that two take, the gradient is the sum of what comes back from both."""
    network = model.network.astype(np.float64)
    x = model.prepare(panda).astype(np.float64)
    layer = {"residual": "relu1", "dense": "conv1", "gated": "conv1", "depthwise": "conv1"}[model.name]
    trace = network.trace(x)
    one_hot = np.eye(5)[[2]]
    gradient = network.gradients(trace, {"fc": one_hot})[layer]
    direction = np.random.default_rng(0).standard_normal(gradient.shape)

    def score(step):
        outputs = dict(trace.outputs)
        outputs[layer] = trace.outputs[layer] + step * direction
        for name in list(network.layers)[list(network.layers).index(layer) + 1 :]:
            inputs = [x if source == "input" else outputs[source] for source in network.inputs[name]]
            outputs[name] = network.layers[name].forward(*inputs)[0]
        return outputs["fc"][0, 2]

    assert (score(1e-7) - score(-1e-7)) / 2e-7 == pytest.approx(np.vdot(gradient, direction), rel=1e-5)
    found = minicnn.grad_cam(network, x, target=2, layer=layer, prepared=True)
    weights = gradient[0].mean(axis=(0, 1))
    assert found.values == pytest.approx(np.maximum((weights * trace.outputs[layer][0]).sum(axis=2), 0))


def test_occlusion_is_that_of_the_whole_network(model, panda):
    """Only what changes is computed again, through joins too."""
    x = model.prepare(panda)
    result = minicnn.occlusion(model, x, target=1, patch=4, stride=3, prepared=True)
    assert result.values.size > 1
    hidden = x.copy()
    hidden[0, :4, :4] = 0
    assert result.values.ravel()[0] == pytest.approx(model.probabilities(hidden)[1], abs=1e-5)


@pytest.mark.parametrize("rule", ["epsilon", "alpha-beta", "z-plus", "composite"])
def test_relevance_is_conserved_where_nothing_is_lost_to_biases(model, panda, rule):
    network = model.network.astype(np.float64)
    network = network.with_parameters({name: {"bias": np.zeros_like(arrays["bias"])} for name, arrays in network.parameters.items()})
    trace = network.trace(np.abs(model.prepare(panda)).astype(np.float64))
    low, high = np.zeros(3), np.full(3, 3.0)
    score = trace.result * np.eye(5)[[int(trace.result.argmax())]]
    book = rule_book(trace, rule, 0.0, 2.0, low, high)
    relevance = network.backward(trace, {"fc": score}, book)
    share = relevance.sum() / score.sum()
    assert share == pytest.approx(1, abs=1e-6) if rule == "epsilon" else np.isfinite(share)
    for name, layer in network.layers.items():  # each join hands down all that it gets, where it has anything to hand it to
        if name in ("add", "add2", "grown", "grown2", "scaled"):
            given = np.random.default_rng(0).standard_normal(trace.outputs[name].shape)
            back = book[name](layer, given, trace.contexts[name]) if name in book else layer.backward(given, trace.contexts[name])
            kept = (
                given
                if rule not in ("z-plus", "composite") or not name.startswith("add")
                else given * (sum(np.maximum(x, 0) for x in trace.inputs_of(name)) > 0)
            )
            assert sum(part.sum() for part in back) == pytest.approx(kept.sum())


def test_guided_rules_reach_every_relu(model, panda):
    trace = model.network.trace(model.prepare(panda))
    seen = []
    seed = np.eye(5, dtype=np.float32)[[0]]
    model.network.backward(
        trace, {"fc": seed}, {ReLU: lambda layer, gradient, context: seen.append(1) or layer.backward(gradient, context)}
    )
    assert len(seen) == len(model.network.of_type(ReLU))


def test_the_strongest_path_and_the_window_follow_several_inputs(panda):
    network = minicnn.folded(minicnn.he_initialized(minicnn.Network(GRAPHS["residual"]), seed=2))
    model = minicnn.Model(network, "residual", PREPROCESSING["torch"], list("abcde"), (24, 28))
    result = minicnn.receptive_field(model, panda, layer="add2")
    assert "  add2 " in result.text and "  photo " in result.text
    text = minicnn.window(model, panda, layer="relu1").text
    assert "It is the sum of what comes back: " in text and " from conv2" in text and " from add" in text
    trace = network.trace(model.prepare(panda))
    found = minicnn.window(model, panda, layer="add2", unit=(3, 4, 2))
    assert found.values["inputs"] == pytest.approx([trace.outputs[name][0, 3, 4, 2] for name in ("conv4", "shortcut")])


def test_a_description_says_what_each_layer_takes(model, tmp_path):
    text = write_description(model.network, model.input_shape(), model.name, model.preprocessing, model.classes)
    again = read_description(text, "text")
    assert again.network.inputs == model.network.inputs
    minicnn.save(model, tmp_path / "graph.h5")
    loaded = minicnn.load(tmp_path / "graph.h5")
    x = np.random.default_rng(0).standard_normal((1, *model.input_shape())).astype(np.float32)
    assert np.array_equal(loaded.network(x), model.network(x))
